//! Redis servers of a test's own, which it may kill, freeze and start again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Programs by kind of server, `NAME=PROGRAM`, separated by spaces.
const PROGRAMS: &str = "THROUGHLINE_TEST_REDIS_PROGRAMS";

/// Running servers; dropping them ends them.
///
/// # Panics
/// Its methods do, if a server does not do as it is told: it is for tests.
pub struct RedisServers {
    /// As `--store` takes it.
    pub url: String,
    /// Its processes.
    pub nodes: Vec<RedisNode>,
    child: Child,
    told: BufReader<ChildStdout>,
    directory: tempfile::TempDir,
}

/// One process.
#[derive(Debug, Clone)]
pub struct RedisNode {
    /// On 127.0.0.1.
    pub port: u16,
    /// Another one after it was started again.
    pub pid: u32,
}

impl RedisServers {
    /// Starts them and waits until they serve; `kind` and `settings` as `tests/support/redis_servers.py` takes them, `name` one of the programs in
    /// `THROUGHLINE_TEST_REDIS_PROGRAMS`.
    pub fn start(kind: &str, name: &str, settings: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let directory = tempfile::tempdir().expect("a folder");
        let mut child = Command::new("python3")
            .arg(root.join("tests/support/redis_servers.py"))
            .args([kind, &program(name)])
            .arg(directory.path())
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut told = BufReader::new(child.stdout.take().expect("is piped"));
        let mut line = String::new();
        told.read_line(&mut line).expect("an answer");
        let told_once: serde_json::Value = serde_json::from_str(&line).expect("servers that are ready");
        let number = |node: &serde_json::Value, name: &str| node[name].as_u64().expect("a number");
        let node = |node: &serde_json::Value| RedisNode {
            port: number(node, "port").try_into().expect("a port"),
            pid: number(node, "pid").try_into().expect("a pid"),
        };
        let nodes = told_once["nodes"].as_array().expect("nodes").iter().map(node).collect();
        let url = told_once["url"].as_str().expect("a URL").to_owned();
        Self { url, nodes, child, told, directory }
    }

    /// Where they keep their files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn signal(&self, at: usize, signal: &str) {
        let pid = self.nodes[at].pid.to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    }

    /// As a crash does.
    pub fn kill(&self, at: usize) {
        self.signal(at, "-KILL");
    }

    /// As a network that is cut off does: connections are made, and nothing answers.
    pub fn freeze(&self, at: usize) {
        self.signal(at, "-STOP");
    }

    /// After [`freeze`](Self::freeze).
    pub fn thaw(&self, at: usize) {
        self.signal(at, "-CONT");
    }

    /// Starts a node again that was killed.
    pub fn start_again(&mut self, at: usize) {
        writeln!(self.child.stdin.as_mut().expect("is piped"), "start {}", self.nodes[at].port)
            .expect("it listens");
        let mut line = String::new();
        self.told.read_line(&mut line).expect("an answer");
        self.nodes[at].pid = line.trim().parse().expect("a pid");
    }
}

/// The program of a kind of server.
fn program(name: &str) -> String {
    let programs = std::env::var(PROGRAMS)
        .unwrap_or_else(|_| panic!("{PROGRAMS} is not set: run `cargo xtask test --only stores`"));
    let found = programs.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{PROGRAMS} has no `{name}`: {programs}")).to_owned()
}

impl Drop for RedisServers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
