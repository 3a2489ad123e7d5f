//! Installs what the tests need into `.test/` of the repository: tools, Python and npm packages, models.
//!
//! Everything is pinned by version or hash in files of the repository. Beside each installed thing lies a copy of
//! the pins it was made from; as long as they are equal, nothing is downloaded again. Nothing outside `.test/`
//! and cargo's target directory is written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::postgres::PostgresPrograms;
use crate::process;
use crate::redis::Programs;
use crate::repository::Repository;

const NEXTEST_VERSION: &str = "0.9.143";
const DENY_VERSION: &str = "0.20.2";

const PYTHON_PINS: &str = "tests/requirements/python.txt";
const QDRANT_PINS: &str = "tests/requirements/qdrant.txt";
const NODE_MANIFEST: &str = "tests/clients/node/package.json";
const NODE_PINS: &str = "tests/clients/node/package-lock.json";
const LLM_PINS: &str = "tests/requirements/llm-0.5b.txt";

/// The place of everything the tests need.
pub(crate) struct Setup<'a> {
    repository: &'a Repository,
    directory: PathBuf,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(repository: &'a Repository) -> Self {
        Self { repository, directory: repository.path(".test") }
    }

    pub(crate) fn everything(&self) -> Result<()> {
        self.nextest()?;
        self.cargo_deny()?;
        self.python()?;
        self.qdrant_client()?;
        self.node()?;
        self.llm()?;
        self.embedder(&self.program()?)?;
        Programs::install(self, self.repository)?;
        PostgresPrograms::install(self, self.repository)?;
        Ok(())
    }

    /// Cargo with `.test/tools/bin` in its search path, so that it finds the subcommands installed there.
    pub(crate) fn cargo(&self) -> Result<Command> {
        let mut cargo = self.repository.cargo();
        let mut folders = vec![self.directory.join("tools/bin")];
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        cargo.env("PATH", std::env::join_paths(folders).context("a folder in PATH cannot be kept")?);
        Ok(cargo)
    }

    /// Where servers that tests start write their logs.
    pub(crate) fn logs(&self) -> Result<PathBuf> {
        let directory = self.directory.join("logs");
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(directory)
    }

    /// The test runner; one that is already installed will do.
    pub(crate) fn nextest(&self) -> Result<()> {
        let found = self.cargo()?.args(["nextest", "--version"]).output();
        if found.is_ok_and(|output| output.status.success()) {
            return Ok(());
        }
        self.tool("cargo-nextest", NEXTEST_VERSION)?;
        Ok(())
    }

    /// The path of `cargo-deny`, which is built here the first time (some minutes).
    pub(crate) fn cargo_deny(&self) -> Result<PathBuf> {
        self.tool("cargo-deny", DENY_VERSION)
    }

    /// The interpreter of a virtual environment with the pinned client libraries and servers.
    pub(crate) fn python(&self) -> Result<PathBuf> {
        self.environment("python", PYTHON_PINS, "Python packages")
    }

    /// The interpreter of a virtual environment with Qdrant's client, whose local mode stands in for the server.
    pub(crate) fn qdrant_client(&self) -> Result<PathBuf> {
        self.environment("qdrant", QDRANT_PINS, "Qdrant's client")
    }

    fn environment(&self, name: &str, pins_file: &str, what: &str) -> Result<PathBuf> {
        let directory = self.directory.join(name);
        let interpreter = directory.join("bin/python");
        let pins = self.repository.read(pins_file)?;
        self.once(&directory, &pins, what, || {
            let mut venv = process::command("python3", self.repository.root());
            process::run(venv.args(["-m", "venv", "--clear"]).arg(&directory))
                .context("Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv)")?;
            let mut pip = process::command(&interpreter, self.repository.root());
            // The file lists the whole closure with hashes: nothing is left to resolve.
            let arguments = ["install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
            process::run(pip.args(["-m", "pip"]).args(arguments).args(["--requirement", pins_file]))
        })?;
        Ok(interpreter)
    }

    /// A folder whose `node_modules` holds the pinned client libraries.
    pub(crate) fn node(&self) -> Result<PathBuf> {
        let directory = self.directory.join("node");
        let manifest = self.repository.read(NODE_MANIFEST)?;
        let pins = self.repository.read(NODE_PINS)?;
        self.once(&directory, &format!("{manifest}{pins}"), "npm packages", || {
            std::fs::write(directory.join("package.json"), &manifest)?;
            std::fs::write(directory.join("package-lock.json"), &pins)?;
            let mut npm = process::command("npm", &directory);
            npm.env("npm_config_cache", self.directory.join("cache/npm"));
            // No code of a package runs while it is installed.
            process::run(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]))
                .context("Node.js 20 or newer with npm is needed (Debian: apt-get install npm)")
        })?;
        Ok(directory)
    }

    /// A small chat model as one GGUF file.
    pub(crate) fn llm(&self) -> Result<PathBuf> {
        let directory = self.directory.join("llm");
        let model = directory.join("model.gguf");
        let pins = self.repository.read(LLM_PINS)?;
        self.once(&directory, &pins, "local chat model", || {
            let mut python = process::command("python3", self.repository.root());
            process::run(python.arg("tests/support/fetch_model.py").arg(LLM_PINS).arg(&model))
        })?;
        Ok(model)
    }

    /// The built program. All crates are built at once, as the tests build them, so nothing is compiled twice.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        process::run(self.repository.cargo().args(["build", "--workspace", "--bins"]))?;
        Ok(self.repository.target_directory()?.join("debug/throughline"))
    }

    /// The folder of the embedding model, pulled by the program itself, which knows its hashes.
    pub(crate) fn embedder(&self, program: &Path) -> Result<PathBuf> {
        let directory = self.directory.join("embedder");
        let mut pull = process::command(program, self.repository.root());
        process::run(pull.args(["model", "pull", "--dir"]).arg(&directory))?;
        Ok(directory)
    }

    fn tool(&self, name: &str, version: &str) -> Result<PathBuf> {
        let root = self.directory.join("tools");
        let program = root.join("bin").join(name);
        let stamps = self.directory.join("tools").join(name);
        self.once(&stamps, version, &format!("{name} {version}"), || {
            // A build folder of our own, so that an interrupted build goes on where it stopped.
            let build = self.directory.join("cache").join(name);
            let mut cargo = self.repository.cargo();
            cargo.args(["install", "--locked", name, "--version", version, "--target-dir"]);
            process::run(cargo.arg(&build).arg("--root").arg(&root))?;
            std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))
        })?;
        Ok(program)
    }

    /// A folder of its own for something that is installed.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Does `work` unless `directory` was already made from the same `pins`.
    pub(crate) fn once(
        &self,
        directory: &Path,
        pins: &str,
        what: &str,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        once(directory, pins, || {
            let shown: OsString = directory.strip_prefix(self.repository.root()).unwrap_or(directory).into();
            println!("    installing {what} into {}", shown.display());
            let start = std::time::Instant::now();
            work().with_context(|| format!("cannot install {what}"))?;
            println!("    installed {what} in {:.0} s", start.elapsed().as_secs_f64());
            Ok(())
        })
    }
}

/// Does `work` unless the stamp in `directory` equals `pins`; the stamp is written last, so half an installation
/// is done again.
fn once(directory: &Path, pins: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = directory.join(".installed-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(());
    }
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    work()?;
    std::fs::write(&stamp, pins).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    fn installs(directory: &Path, pins: &str) -> bool {
        let mut worked = false;
        once(directory, pins, || {
            worked = true;
            Ok(())
        })
        .unwrap();
        worked
    }

    #[test]
    fn the_same_pins_are_installed_once() {
        let directory = tempfile::tempdir().unwrap();
        assert!(installs(directory.path(), "a==1"));
        assert!(!installs(directory.path(), "a==1"));
    }

    #[test]
    fn changed_pins_are_installed_again() {
        let directory = tempfile::tempdir().unwrap();
        assert!(installs(directory.path(), "a==1"));
        assert!(installs(directory.path(), "a==2"));
    }

    #[test]
    fn a_failed_installation_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        assert!(once(directory.path(), "a==1", || bail!("no network")).is_err());
        assert!(installs(directory.path(), "a==1"));
    }
}
