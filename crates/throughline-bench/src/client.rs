//! A keep-alive HTTP/1.1 client on one blocking connection, which notes when each part of the answer came.
//!
//! As little as possible stands between the clock and the socket, so that what is measured is the server. It follows
//! no redirect, retries nothing and speaks to 127.0.0.1 only.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// A server that says nothing for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(150);

/// One connection.
pub(crate) struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// What came back, and when.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
    /// From the first byte sent to the first byte of the body.
    pub(crate) first_byte: Duration,
    /// From the first byte sent to the end of the body.
    pub(crate) total: Duration,
    /// When each chunk of a chunked body was there.
    pub(crate) chunks: Vec<Instant>,
}

impl Reply {
    /// The body as JSON, if the status says success.
    pub(crate) fn json(&self) -> Result<Value> {
        ensure!(
            (200..300).contains(&self.status),
            "status {}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        serde_json::from_slice(&self.body).context("the answer is not JSON")
    }

    /// The value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The time between each chunk and the one before.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = Duration> {
        self.chunks.windows(2).map(|pair| pair[1] - pair[0])
    }
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        Self::patient(address, SILENCE_MAX)
    }

    /// Connects to a server that may be silent for so long.
    pub(crate) fn patient(address: SocketAddr, silence_max: Duration) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(silence_max))?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// `GET`.
    pub(crate) fn get(&mut self, path: &str) -> Result<Reply> {
        self.send("GET", path, &[], &[])
    }

    /// `POST` of JSON, with further headers.
    pub(crate) fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Reply> {
        self.send("POST", path, headers, &serde_json::to_vec(body)?)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        let sent = Instant::now();
        self.stream.get_mut().write_all(&request)?;
        self.receive(sent).with_context(|| format!("{method} {path}"))
    }

    fn receive(&mut self, sent: Instant) -> Result<Reply> {
        let status_line = self.line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .with_context(|| format!("not a status line: {status_line:?}"))?;
        let (mut headers, mut length, mut chunked) = (Vec::new(), 0, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else { bail!("not a header: {line:?}") };
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            match name.as_str() {
                "content-length" => length = value.parse().context("content-length")?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                _ => {}
            }
            headers.push((name, value));
        }
        if chunked || length > 0 {
            self.stream.fill_buf()?;
        }
        let first_byte = sent.elapsed();
        let (mut body, mut chunks) = (Vec::new(), Vec::new());
        if chunked {
            while let Some(chunk) = self.chunk()? {
                chunks.push(Instant::now());
                body.extend_from_slice(&chunk);
            }
        } else {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        }
        Ok(Reply { status, headers, body, first_byte, total: sent.elapsed(), chunks })
    }

    fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let length =
            usize::from_str_radix(&line, 16).with_context(|| format!("not a chunk length: {line:?}"))?;
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk)?;
        ensure!(self.line()?.is_empty(), "a chunk is longer than it says");
        Ok((length > 0).then_some(chunk))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the server closed the connection");
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use throughline_testkit::{Script, ScriptedUpstream};

    use super::*;

    async fn ask(script: Script) -> Result<[Reply; 2]> {
        let upstream = ScriptedUpstream::always(script).await;
        let address = upstream.address();
        tokio::task::spawn_blocking(move || {
            let mut client = Client::connect(address)?;
            Ok([client.post("/x", &[("x-a", "b")], &json!({"q": 1}))?, client.get("/y")?])
        })
        .await?
    }

    #[tokio::test]
    async fn a_connection_is_used_again_after_a_body_with_a_length() {
        for reply in ask(Script::json(200, &json!({"ok": true}))).await.unwrap() {
            assert_eq!(reply.json().unwrap(), json!({"ok": true}));
            assert!(reply.first_byte <= reply.total);
            assert_eq!(reply.header("content-type"), Some("application/json"));
        }
    }

    #[tokio::test]
    async fn a_connection_is_used_again_after_a_stream_whose_chunks_are_noted() {
        for reply in ask(Script::events(["data: a\n\n", "data: b\n\n", "data: c\n\n"])).await.unwrap() {
            assert_eq!(reply.body, b"data: a\n\ndata: b\n\ndata: c\n\n");
            assert_eq!((reply.chunks.len(), reply.gaps().count()), (3, 2));
        }
    }

    #[tokio::test]
    async fn a_failure_of_the_server_is_told_with_its_words() {
        let [reply, _] = ask(Script::json(503, &json!({"error": "too busy"}))).await.unwrap();
        assert!(reply.json().unwrap_err().to_string().contains("too busy"));
    }
}
