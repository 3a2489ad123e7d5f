//! What the upstream plays for one request: a list of steps, built by chaining.
//!
//! A script knows bytes and waiting, not HTTP: the helpers that write a head or a chunk only spell the bytes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::Semaphore;

/// One step of a [`Script`].
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Bytes),
    Sleep(Duration),
    Await(Signal),
    Hang,
    Close,
    Reset,
}

/// What the upstream does once it has read a whole request. When the steps are over the connection is kept
/// for the next request, unless the script closed it.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(crate) steps: Vec<Step>,
}

/// Lets a test hold scripts at a step until it says so. Clones are the same signal; each
/// [`fire`](Signal::fire) lets one script pass, now or when it gets there.
#[derive(Debug, Clone)]
pub struct Signal(Arc<Semaphore>);

impl Default for Signal {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Signal {
    /// A signal nobody fired yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one script pass.
    pub fn fire(&self) {
        self.0.add_permits(1);
    }

    pub(crate) async fn wait(&self) {
        self.0.acquire().await.expect("a signal is never closed").forget();
    }
}

impl Script {
    /// A script of no steps: the client waits for ever.
    pub fn new() -> Self {
        Self::default()
    }

    /// A whole JSON reply with a right `content-length`.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::body(status, "application/json", &body.to_string())
    }

    /// A whole reply with a right `content-length`.
    pub fn body(status: u16, content_type: &str, body: &str) -> Self {
        let length = body.len().to_string();
        Self::new()
            .head(status, &[("content-type", content_type), ("content-length", &length)])
            .send(body.to_owned())
    }

    /// The head of a chunked event stream; follow with [`chunk`](Self::chunk) and [`end`](Self::end).
    pub fn event_stream() -> Self {
        Self::new().head(200, &[("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
    }

    /// A whole, well-formed event stream: one chunk for each piece.
    pub fn events<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> Self {
        pieces.into_iter().fold(Self::event_stream(), |script, piece| script.chunk(piece.as_ref())).end()
    }

    /// Sends a status line and these headers, and nothing else.
    #[must_use]
    pub fn head(self, status: u16, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        self.send(head)
    }

    /// Sends these bytes as they are.
    #[must_use]
    pub fn send(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Sends these bytes as one chunk of a chunked body.
    #[must_use]
    pub fn chunk(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(chunk)
    }

    /// Sends the last, empty chunk of a chunked body.
    #[must_use]
    pub fn end(self) -> Self {
        self.send("0\r\n\r\n")
    }

    /// Waits this long.
    #[must_use]
    pub fn sleep(mut self, time: Duration) -> Self {
        self.steps.push(Step::Sleep(time));
        self
    }

    /// Waits until the signal is fired.
    #[must_use]
    pub fn wait_for(mut self, signal: &Signal) -> Self {
        self.steps.push(Step::Await(signal.clone()));
        self
    }

    /// Says nothing more until the client leaves.
    #[must_use]
    pub fn hang(mut self) -> Self {
        self.steps.push(Step::Hang);
        self
    }

    /// Closes the connection in order (FIN).
    #[must_use]
    pub fn close(mut self) -> Self {
        self.steps.push(Step::Close);
        self
    }

    /// Breaks the connection (RST).
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.steps.push(Step::Reset);
        self
    }
}
