//! What all parts share: the program under test, the model, the peer, how long to measure, and the progress bar.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::peer::Mem0;
use crate::report;

/// A run of the benchmarks.
pub(crate) struct Bench {
    /// The program under test.
    pub(crate) program: PathBuf,
    /// The folder of the embedding model.
    pub(crate) model_dir: PathBuf,
    /// A smoke run.
    pub(crate) quick: bool,
    /// Also what takes long.
    pub(crate) full: bool,
    /// How often everything is measured.
    pub(crate) rounds: u32,
    /// The peer, if it can be had.
    pub(crate) peer: Option<Mem0>,
    directory: TempDir,
    notes: Vec<String>,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

impl Bench {
    /// Builds the program unless one is given, and fetches the model unless it is there.
    pub(crate) fn prepare(
        quick: bool,
        rounds: u32,
        program: Option<PathBuf>,
        model_dir: Option<PathBuf>,
    ) -> Result<Self> {
        let program = match program {
            Some(program) => {
                program.canonicalize().with_context(|| format!("cannot find {}", program.display()))?
            }
            None => build()?,
        };
        let model_dir = model_dir.unwrap_or_else(|| root().join(".test/models"));
        // Says what it does, and does nothing if the model is there.
        run(Command::new(&program).args(["model", "pull", "--dir"]).arg(&model_dir))?;
        // Beside the sources, since the folder for temporary files may be in memory, where nothing is durable.
        let scratch = root().join(".test");
        std::fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(scratch)?;
        Ok(Self { program, model_dir, quick, full: false, rounds, peer: None, directory, notes: Vec::new() })
    }

    /// Installs the peer, or notes why it is missing.
    pub(crate) fn find_peer(&mut self) {
        match Mem0::install() {
            Ok(peer) => self.peer = Some(peer),
            Err(error) => {
                let note = format!("mem0ai was left out: {error:#}.");
                report::complain(&note);
                self.notes.push(note);
            }
        }
    }

    /// What should be known about this run.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// A new, empty folder, gone with the run.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = tempfile::Builder::new().prefix(name).tempdir_in(self.directory.path())?;
        Ok(folder.keep())
    }

    /// How long each throughput is measured.
    pub(crate) fn window(&self) -> Duration {
        if self.quick { Duration::from_millis(500) } else { Duration::from_secs(3) }
    }

    /// One count for a whole run and another one for a smoke run.
    pub(crate) fn either(&self, whole: usize, smoke: usize) -> usize {
        if self.quick { smoke } else { whole }
    }
}

/// A bar of `steps` on standard error; hidden where that is no terminal.
pub(crate) fn progress(part: &'static str, steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64).with_prefix(part);
    let style = ProgressStyle::with_template("{prefix:>8} {bar:30} {pos}/{len} {elapsed} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Builds the program as it is released, into the folder that cargo builds into anyway.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let package = ["--release", "--quiet", "--package", "throughline-cli"];
    run(Command::new(cargo).current_dir(root()).arg("build").args(package))?;
    // We were built by the same cargo into the same folder.
    let own = std::env::current_exe()?;
    let built = own.with_file_name(format!("throughline{}", std::env::consts::EXE_SUFFIX));
    let hint = "start this as `cargo run --release -p throughline-bench`, or name a program by --program";
    ensure!(own.parent().is_some_and(|folder| folder.ends_with("release")) && built.exists(), hint);
    Ok(built)
}

/// Builds an example of a crate of ours as it would be released: work that the program does, done alone.
pub(crate) fn build_example(package: &str, example: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let what = ["--release", "--quiet", "--package", package, "--example", example];
    run(Command::new(cargo).current_dir(root()).arg("build").args(what))?;
    let own = std::env::current_exe()?;
    let built = own.with_file_name("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    ensure!(built.exists(), "start this as `cargo run --release -p throughline-bench`");
    Ok(built)
}

/// Runs a command to its end, with its output on our standard error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let status =
        command.stdout(std::io::stderr()).status().with_context(|| format!("cannot start {shown}"))?;
    ensure!(status.success(), "{shown} failed: {status}");
    Ok(())
}
