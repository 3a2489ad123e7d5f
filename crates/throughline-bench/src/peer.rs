//! What we are compared to, from PyPI, in a Python environment of its own under `.test/`, asked over standard input:
//! `mem0ai`, `onnxruntime` with the same embedding model, and exact search by `numpy` and `faiss`.
//!
//! Its packages are pinned in `peers/requirements.txt`, the whole closure, and telemetry is off.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bench::{root, run};

/// The local stores it is measured with: its default, and the other one that needs no server.
pub(crate) const STORES: [&str; 2] = ["qdrant", "faiss"];

const FOLDER: &str = "crates/throughline-bench/peers";

/// The installed peers.
#[derive(Debug)]
pub(crate) struct Mem0 {
    python: PathBuf,
}

impl Mem0 {
    /// Installs it, unless it was installed from the same pins before.
    pub(crate) fn install() -> Result<Self> {
        let environment = root().join(".test/bench-venv");
        let python = environment.join("bin/python");
        let requirements = root().join(FOLDER).join("requirements.txt");
        let pins = std::fs::read_to_string(&requirements).context("the pins of the peer")?;
        let stamp = environment.join(".installed-from");
        if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
                .context("Python 3.11 or newer with venv is needed")?;
            // The file lists the whole closure: nothing is left to resolve, and no code of a package is built.
            let arguments =
                ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--requirement"];
            run(Command::new(&python).args(arguments).arg(&requirements))
                .context("its packages do not install")?;
            std::fs::write(&stamp, &pins).with_context(|| format!("cannot write {}", stamp.display()))?;
        }
        Ok(Self { python })
    }

    /// Has it do some work in a new process. What it prints besides the answer goes to `log`.
    pub(crate) fn ask<Answer: DeserializeOwned>(&self, request: &Value, log: &Path) -> Result<Answer> {
        ask(Command::new(&self.python).arg(root().join(FOLDER).join("mem0_bench.py")), request, log)
            .with_context(|| format!("mem0 failed at {}", request["work"]))
    }

    /// The command that embeds with onnxruntime.
    pub(crate) fn onnxruntime(&self) -> Vec<PathBuf> {
        self.script("embed_bench.py")
    }

    /// The command that searches with numpy and faiss.
    pub(crate) fn exact_search(&self) -> Vec<PathBuf> {
        self.script("search_bench.py")
    }

    fn script(&self, name: &str) -> Vec<PathBuf> {
        vec![self.python.clone(), root().join(FOLDER).join(name)]
    }
}

/// Runs a command that reads one request as JSON and writes one answer. What else it prints goes to `log`.
pub(crate) fn ask<Answer: DeserializeOwned>(
    command: &mut Command,
    request: &Value,
    log: &Path,
) -> Result<Answer> {
    let words = std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(words)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    // Dropped at the end of the statement, so that the child sees the end of its input.
    child.stdin.take().context("it has no standard input")?.write_all(request.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    let said = std::fs::read_to_string(log).unwrap_or_default();
    ensure!(output.status.success(), "{}", said.lines().last().unwrap_or("it said nothing"));
    serde_json::from_slice(&output.stdout).context("its answer cannot be read")
}
