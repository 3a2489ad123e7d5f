//! A server of a test's own, which may be killed, started again and have a standby.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::database::{ask, execute};

const PROGRAMS: &str = "THROUGHLINE_TEST_POSTGRES_PROGRAMS";
/// Those of the newest release, which have pgvector.
const NEW_PROGRAMS: &str = "THROUGHLINE_TEST_POSTGRES_NEW_PROGRAMS";
const READY_MAX: Duration = Duration::from_mins(2);

/// What every such server is told; it waits for its disk, as one that people run does.
const SETTINGS: [&str; 4] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "max_locks_per_transaction=256",
];

/// A server with a cluster of its own. Ends with this value.
pub(crate) struct Server {
    home: PathBuf,
    pub(crate) port: u16,
    /// The folder of its programs.
    programs: String,
    settings: Vec<String>,
    child: Option<Child>,
    _directory: tempfile::TempDir,
}

fn programs(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test --only stores`"))
}

fn support(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/support").join(script)
}

/// A program that may not be root's, in the server's folder.
fn unprivileged(home: &Path) -> Command {
    let mut command = Command::new("python3");
    command.arg(support("unprivileged.py")).arg(home);
    command
}

impl Server {
    fn prepare(programs: String, settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Another user's programs go through it.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let settings = SETTINGS.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
        let home = directory.path().join("postgres");
        Self { home, port, programs, settings, child: None, _directory: directory }
    }

    /// A new server with these settings, running.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::start_with(settings, |_| {})
    }

    /// As [`start`](Self::start); `add` puts files beside the cluster first.
    pub(crate) fn start_with(settings: &[&str], add: impl FnOnce(&Path)) -> Self {
        Self::start_of(programs(PROGRAMS), settings, add)
    }

    /// A server of the newest release.
    pub(crate) fn start_new() -> Self {
        Self::start_of(programs(NEW_PROGRAMS), &[], |_| {})
    }

    fn start_of(programs: String, settings: &[&str], add: impl FnOnce(&Path)) -> Self {
        let mut server = Self::prepare(programs, settings);
        let mut init = unprivileged(&server.home);
        init.arg(server.program("initdb")).args([
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ]);
        let init = init.arg(server.cluster()).stdout(Stdio::null()).status().unwrap();
        assert!(init.success());
        add(&server.home);
        server.run();
        server
    }

    /// A standby of this server, running.
    pub(crate) fn standby(&self) -> Self {
        let mut standby = Self::prepare(self.programs.clone(), &[]);
        let mut copy = unprivileged(&standby.home);
        copy.arg(self.program("pg_basebackup")).args([
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "-U",
            "postgres",
            "-h",
            "127.0.0.1",
        ]);
        let copy = copy.args(["-p", &self.port.to_string(), "-D"]).arg(standby.cluster()).status().unwrap();
        assert!(copy.success());
        standby.run();
        standby
    }

    fn program(&self, name: &str) -> String {
        format!("{}/{name}", self.programs)
    }

    fn cluster(&self) -> PathBuf {
        self.home.join("cluster")
    }

    /// Starts it and waits until it answers, however often that has to be tried: after a kill it may find memory of the one before.
    pub(crate) fn run(&mut self) {
        let deadline = Instant::now() + READY_MAX;
        let ready = || {
            let mut ready = Command::new(self.program("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status().unwrap().success()
        };
        let mut child: Option<Child> = None;
        while !ready() {
            assert!(Instant::now() < deadline, "the server does not start");
            if child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
                let mut command = Command::new("python3");
                command.arg(support("attached.py")).args(["python3"]).arg(support("unprivileged.py"));
                command.arg(&self.home).arg(self.program("postgres")).arg("-D").arg(self.cluster());
                command.args(["-p", &self.port.to_string()]);
                self.settings.iter().for_each(|setting| _ = command.args(["-c", setting]));
                let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
                child = Some(command.spawn().unwrap());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = child;
    }

    /// As a crash does: no chance to say or write anything.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        let signal = Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap();
        assert!(signal.success());
        child.wait().unwrap();
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn execute(&self, sql: &str) {
        execute(&self.url("postgres"), sql);
    }

    /// Waits until the answer to a question is yes.
    pub(crate) fn wait_until(&self, question: &str) {
        let deadline = Instant::now() + READY_MAX;
        while !ask(&self.url("postgres"), question) {
            assert!(Instant::now() < deadline, "never: {question}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The cluster goes as well: nothing has to be left in order.
            let _ = Command::new("kill").args(["-USR1", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}
