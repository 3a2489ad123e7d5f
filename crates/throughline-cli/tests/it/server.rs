//! The server as a process that a test may end.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

use crate::program::Program;

/// A running server; killed if a test ends early.
pub(crate) struct Server {
    child: Child,
    address: String,
    stderr: BufReader<ChildStderr>,
}

impl Server {
    pub(crate) fn start(program: &Program, arguments: &[&str]) -> Self {
        Self::spawn(program.command(&[&["serve", "--json"], arguments].concat()))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        if line.is_empty() {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            panic!("the server did not start: {text}");
        }
        let banner: Value = serde_json::from_str(&line).unwrap();
        let address = banner["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { child, address, stderr }
    }

    /// The whole answer, status line and headers included.
    pub(crate) fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path}"), "", "")
    }

    /// What a user says in a chat whose messages are these alone.
    pub(crate) fn say(&self, user: &str, text: &str) -> String {
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] }).to_string();
        let headers = format!("Content-Type: application/json\r\nX-Memory-User: {user}\r\n");
        self.ask("POST /v1/chat/completions", &headers, &body)
    }

    /// A request of any kind, such as `DELETE /api/v1/users/ada`.
    pub(crate) fn ask(&self, line: &str, headers: &str, body: &str) -> String {
        ask(&self.address, line, headers, body).unwrap()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// As a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Reads what the server says until a line holds the text.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut said = String::new();
        while self.stderr.read_line(&mut said).unwrap() > 0 {
            if said.contains(text) {
                return said;
            }
        }
        panic!("`{text}` was not said in: {said}");
    }

    /// Sends the signal that service managers send, and returns the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails if the server has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request to a server that may be dying: the whole answer, status line and headers included.
pub(crate) fn ask(address: &str, line: &str, headers: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
