//! What the chores know of the repository: where it is, which files it holds, what cargo says of its crates.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The checkout that this program was started in.
pub(crate) struct Repository {
    root: PathBuf,
}

/// A text file that belongs to the repository (binary files have no `text`).
pub(crate) struct SourceFile {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) text: Option<String>,
}

impl Repository {
    /// Finds the root from the place of this crate, so that chores work in any folder of the checkout.
    pub(crate) fn open() -> Result<Self> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .context("run chores as `cargo xtask …`: CARGO_MANIFEST_DIR is not set")?;
        let root = Path::new(&own).parent().context("the xtask crate has no parent folder")?.to_owned();
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn read(&self, relative: &str) -> Result<String> {
        std::fs::read_to_string(self.path(relative)).with_context(|| format!("cannot read {relative}"))
    }

    /// The cargo that started us, in the root of the repository.
    pub(crate) fn cargo(&self) -> std::process::Command {
        process::command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), &self.root)
    }

    /// Everything `cargo metadata` knows, with the resolved dependency graph.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let output =
            process::output(self.cargo().args(["metadata", "--format-version=1", "--all-features"]))?;
        serde_json::from_slice(&output).context("cargo metadata did not print JSON")
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_directory(&self) -> Result<PathBuf> {
        let output = process::output(self.cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
        let metadata: Value = serde_json::from_slice(&output).context("cargo metadata did not print JSON")?;
        metadata["target_directory"]
            .as_str()
            .map(PathBuf::from)
            .context("cargo metadata names no target directory")
    }

    /// All files of the repository: tracked ones and new ones that are not ignored.
    pub(crate) fn files(&self) -> Result<Vec<SourceFile>> {
        let mut git = process::command("git", &self.root);
        let listed =
            process::output(git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
        let listed = String::from_utf8(listed).context("a file name is not UTF-8")?;
        let mut files = Vec::new();
        for path in listed.split_terminator('\0') {
            // A file deleted from the work tree but not yet from the index is simply gone.
            let Ok(content) = std::fs::read(self.path(path)) else { continue };
            let bytes = content.len() as u64;
            files.push(SourceFile { path: path.to_owned(), bytes, text: String::from_utf8(content).ok() });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(files)
    }
}
