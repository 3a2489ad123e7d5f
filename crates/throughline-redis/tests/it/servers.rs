//! Servers of a test's own, which it may kill, freeze and start again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::program;

/// Running servers; dropping them ends them.
pub(crate) struct Servers {
    pub(crate) url: String,
    pub(crate) nodes: Vec<Node>,
    child: Child,
    told: BufReader<ChildStdout>,
    directory: tempfile::TempDir,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) port: u16,
    pub(crate) pid: u32,
}

impl Servers {
    /// `kind` and `settings` as `tests/support/redis_servers.py` takes them.
    pub(crate) fn start(kind: &str, name: &str, settings: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("python3")
            .arg(root.join("tests/support/redis_servers.py"))
            .args([kind, &program(name)])
            .arg(directory.path())
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let told_once: serde_json::Value = serde_json::from_str(&line).expect("servers that are ready");
        let number = |node: &serde_json::Value, name: &str| node[name].as_u64().unwrap();
        let node = |node: &serde_json::Value| Node {
            port: number(node, "port").try_into().unwrap(),
            pid: number(node, "pid").try_into().unwrap(),
        };
        let nodes = told_once["nodes"].as_array().unwrap().iter().map(node).collect();
        let url = told_once["url"].as_str().unwrap().to_owned();
        Self { url, nodes, child, told, directory }
    }

    /// Where they keep their files.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn signal(&self, at: usize, signal: &str) {
        let pid = self.nodes[at].pid.to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// As a crash does.
    pub(crate) fn kill(&self, at: usize) {
        self.signal(at, "-KILL");
    }

    /// As a network that is cut off does: connections are made, and nothing answers.
    pub(crate) fn freeze(&self, at: usize) {
        self.signal(at, "-STOP");
    }

    pub(crate) fn thaw(&self, at: usize) {
        self.signal(at, "-CONT");
    }

    /// Starts a node again that was killed.
    pub(crate) fn start_again(&mut self, at: usize) {
        writeln!(self.child.stdin.as_mut().unwrap(), "start {}", self.nodes[at].port).unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        self.nodes[at].pid = line.trim().parse().unwrap();
    }

    /// One command to one node.
    pub(crate) fn ask(&self, at: usize, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let url = format!("redis://127.0.0.1:{}", self.nodes[at].port);
        let mut connection = redis::Client::open(url)?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
