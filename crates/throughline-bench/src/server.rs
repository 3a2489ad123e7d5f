//! The program under test as a child process: started, watched, asked for its metrics, stopped.

use std::collections::HashMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::bench::Bench;
use crate::client::Client;
use crate::machine;

const START_TIME_MAX: Duration = Duration::from_mins(2);
const STOP_TIME_MAX: Duration = Duration::from_mins(1);
/// How often a process is looked at that cannot tell when it is ready or gone.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A model on the machine's own processor is slow.
const LEARNING_DEADLINE_MS: u64 = 900_000;

/// Where the server gets its vectors from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Embeddings {
    /// Nowhere: recall by words alone.
    Off,
    /// The model in its own process.
    Local,
    /// An endpoint at this URL, under the name of the local model.
    Endpoint(String),
}

/// A server that keeps memory.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// As `--store` takes it.
    pub(crate) url: String,
    /// What stands before its keys, where several memories share a server.
    pub(crate) key_prefix: Option<String>,
}

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Where its files are, and its memory unless that is on a server.
    pub(crate) data: PathBuf,
    /// The server that keeps its memory; its own folder if not given.
    pub(crate) store: Option<Store>,
    /// Where its vectors come from.
    pub(crate) embeddings: Embeddings,
    /// Who answers chats.
    pub(crate) upstream: Option<String>,
    /// The API and the name of its learning model; patterns learn without one.
    pub(crate) learning: Option<(String, String)>,
    /// Bytes of search data it keeps in memory; its default if not given.
    pub(crate) cache_bytes_max: Option<u64>,
}

impl Options {
    /// No upstream, and the default cache.
    pub(crate) fn new(data: impl Into<PathBuf>, embeddings: Embeddings) -> Self {
        Self {
            data: data.into(),
            store: None,
            embeddings,
            upstream: None,
            learning: None,
            cache_bytes_max: None,
        }
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    started: Instant,
}

impl Server {
    /// Starts it and waits until it can serve, with its model if it has one.
    pub(crate) fn start(bench: &Bench, options: &Options) -> Result<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = free.local_addr()?;
        drop(free);
        let log = options.data.join("server.log");
        let mut command = Command::new(&bench.program);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("THROUGHLINE_") || name.starts_with("OPENAI_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(&options.data);
        command.arg("--model-dir").arg(&bench.model_dir).arg("--embeddings");
        match &options.embeddings {
            Embeddings::Off => command.arg("off"),
            Embeddings::Local => command.arg("local"),
            Embeddings::Endpoint(url) => command
                .arg(url)
                .env("THROUGHLINE_EMBEDDINGS_MODEL", "all-MiniLM-L6-v2")
                .env("THROUGHLINE_EMBEDDINGS_DIMENSIONS", "384"),
        };
        if let Some(store) = &options.store {
            command.args(["--store", &store.url]);
            command.envs(store.key_prefix.iter().map(|prefix| ("THROUGHLINE_STORE_KEY_PREFIX", prefix)));
        }
        if let Some(url) = &options.upstream {
            command.args(["--upstream", url]);
        }
        if let Some((url, model)) = &options.learning {
            command.env("THROUGHLINE_LEARNING_BASE_URL", url).env("THROUGHLINE_LEARNING_MODEL", model);
            command.env("THROUGHLINE_LEARNING_DEADLINE_MS", LEARNING_DEADLINE_MS.to_string());
        }
        if let Some(bytes) = options.cache_bytes_max {
            command.env("THROUGHLINE_RECALL_CACHE_BYTES_MAX", bytes.to_string());
        }
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", bench.program.display()))?;
        let mut server = Self { child, address, log, started };
        server.wait_until_ready(options.embeddings != Embeddings::Off)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, with_model: bool) -> Result<()> {
        while self.started.elapsed() < START_TIME_MAX {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended ({status}):\n{}", tail(&self.log));
            }
            if let Ok(reply) = Client::connect(self.address).and_then(|mut client| client.get("/readyz"))
                && reply.status == 200
                && (!with_model || reply.json()?["model"] == "ready")
            {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("the server was not ready after {START_TIME_MAX:?}:\n{}", tail(&self.log))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// When its process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// A new connection to it.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// Its metrics now.
    pub(crate) fn metrics(&self) -> Result<Metrics> {
        let reply = self.client()?.get("/metrics")?;
        ensure!(reply.status == 200, "/metrics: status {}", reply.status);
        Ok(Metrics::parse(&String::from_utf8_lossy(&reply.body)))
    }

    /// Processor time it has used, in milliseconds.
    pub(crate) fn processor_ms(&self) -> Option<f64> {
        machine::processor_ms(self.child.id())
    }

    /// Its memory.
    pub(crate) fn resident(&self) -> Option<machine::Resident> {
        machine::resident(self.child.id())
    }

    /// Stops it as a service manager would, and waits until it is gone.
    pub(crate) fn stop(mut self) -> Result<()> {
        crate::bench::run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIME_MAX {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server stopped with {status}:\n{}", tail(&self.log));
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("the server did not stop within {STOP_TIME_MAX:?}:\n{}", tail(&self.log))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone if it was stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's metrics at one moment.
#[derive(Debug, Default)]
pub(crate) struct Metrics(HashMap<String, f64>);

impl Metrics {
    fn parse(text: &str) -> Self {
        let lines =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        Self(lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// One of them, 0 if it was not counted yet.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// The mean of what a part of a chat had of round trips to the store's server since `before`; none if it did not happen.
    pub(crate) fn round_trips(&self, part: &str, before: &Self) -> Option<f64> {
        self.mean("throughline_store_round_trips", &format!("part=\"{part}\""), before)
    }

    /// The mean time of a stage since `before`, in milliseconds; none if it did not happen.
    pub(crate) fn stage_ms(&self, stage: &str, before: &Self) -> Option<f64> {
        let mean = self.mean("throughline_stage_seconds", &format!("stage=\"{stage}\""), before);
        mean.map(|seconds| seconds * 1_000.0)
    }

    /// The mean of a histogram since `before`.
    fn mean(&self, name: &str, label: &str, before: &Self) -> Option<f64> {
        let since = |what| {
            let name = format!("{name}_{what}{{{label}}}");
            self.get(&name) - before.get(&name)
        };
        let count = since("count");
        (count > 0.0).then(|| since("sum") / count)
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_a_stage_is_of_what_happened_between_two_looks() {
        let at = |count, sum| {
            Metrics::parse(&format!(
                "# HELP x y\nthroughline_stage_seconds_sum{{stage=\"search\"}} {sum}\n\
                 throughline_stage_seconds_count{{stage=\"search\"}} {count}\n"
            ))
        };
        let mean = at(6, 0.5).stage_ms("search", &at(2, 0.1)).unwrap();
        assert!((mean - 100.0).abs() < 1e-9, "{mean}");
        assert_eq!(at(2, 0.1).stage_ms("search", &at(2, 0.1)), None);
        assert_eq!(at(2, 0.1).stage_ms("embed", &Metrics::default()), None);
    }
}
