//! Servers that tests talk to: started on a free loopback port, ready when they say so, ended with us.
//!
//! Every server runs under `tests/support/attached.py`, which ends it as soon as our end of a pipe closes. So
//! nothing is left running, however this program ends: by its end, an error, ctrl-c or a kill.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

const READY_SECONDS_MAX: u64 = 300;
const POLL_MILLISECONDS: u64 = 100;
const LOG_LINES_SHOWN: usize = 20;

/// A running server; dropping it ends the server.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Service {
    /// Starts a program and waits until `GET ready_path` answers 200.
    ///
    /// `{port}` in an argument stands for the port the server must listen on.
    pub(crate) fn start(
        name: &'static str,
        root: &Path,
        log_directory: &Path,
        arguments: &[&str],
        ready_path: &str,
    ) -> Result<Self> {
        Self::start_until(name, root, log_directory, arguments, &|address| answers_ok(address, ready_path))
    }

    /// As [`start`](Self::start), for a server that does not speak HTTP: waits until `is_ready` says so.
    pub(crate) fn start_until(
        name: &'static str,
        root: &Path,
        log_directory: &Path,
        arguments: &[&str],
        is_ready: &dyn Fn(SocketAddr) -> bool,
    ) -> Result<Self> {
        let address = free_address()?;
        let log = log_directory.join(format!("{name}.log"));
        let output =
            std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let port = address.port().to_string();
        let child = process::command("python3", root)
            .arg("tests/support/attached.py")
            .args(arguments.iter().map(|argument| argument.replace("{port}", &port)))
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut service = Self { name, child, address, log };
        service.wait_until_ready(is_ready)?;
        Ok(service)
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_until_ready(&mut self, is_ready: &dyn Fn(SocketAddr) -> bool) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS_MAX);
        while !is_ready(self.address) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready\n{}", self.name, self.log_tail());
            }
            if Instant::now() > deadline {
                bail!("{} was not ready after {READY_SECONDS_MAX} s\n{}", self.name, self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
        Ok(())
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("{}:\n{}", self.log.display(), tail.join("\n"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A loopback address that nothing listens on at this moment.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?)
}

/// Whether `GET path` is answered with status 200 now.
fn answers_ok(address: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let limit = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status_line = [0_u8; 12];
        stream.read_exact(&mut status_line)?;
        Ok(status_line.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Repository;

    const SERVER: &str = "import http.server as h, sys\n\
        h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()";

    #[test]
    fn real_a_server_is_ready_when_started_and_gone_when_dropped() {
        let repository = Repository::open().unwrap();
        let logs = tempfile::tempdir().unwrap();
        let arguments = ["python3", "-c", SERVER, "{port}"];
        let service = Service::start("probe", repository.root(), logs.path(), &arguments, "/").unwrap();
        let address = service.address;
        assert!(answers_ok(address, "/"));
        drop(service);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn real_a_server_that_ends_at_once_is_reported_with_its_log() {
        let repository = Repository::open().unwrap();
        let logs = tempfile::tempdir().unwrap();
        let arguments = ["sh", "-c", "echo no such model; exit 7"];
        let error = Service::start("probe", repository.root(), logs.path(), &arguments, "/").err().unwrap();
        assert!(error.to_string().contains("no such model"), "{error}");
    }
}
