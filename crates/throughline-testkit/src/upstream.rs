//! The server around the scripts: listens, records requests, tells when a client left.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{Script, connection};

/// One request as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The method, such as `POST`.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// Header names in lower case with their values, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl RecordedRequest {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the client sent a JSON body")
    }
}

/// What the connections of one upstream share.
pub(crate) struct Shared {
    pub(crate) script_for: Box<dyn Fn(&RecordedRequest) -> Script + Send + Sync>,
    requests: Mutex<Vec<RecordedRequest>>,
    pub(crate) connections: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) clients_gone: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<RecordedRequest>> {
        self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A TCP server on a free port of 127.0.0.1 that plays scripts. Dropping it stops it and breaks its connections.
pub struct ScriptedUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

impl ScriptedUpstream {
    /// Starts an upstream that chooses the script by the request.
    ///
    /// # Panics
    /// If no port of 127.0.0.1 can be bound.
    pub async fn start(script_for: impl Fn(&RecordedRequest) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port on 127.0.0.1");
        Self::listen(listener, script_for)
    }

    /// Like [`start`](Self::start), on a port the test has chosen.
    ///
    /// # Panics
    /// If the listener has no address.
    pub fn listen(
        listener: TcpListener,
        script_for: impl Fn(&RecordedRequest) -> Script + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            script_for: Box::new(script_for),
            requests: Mutex::default(),
            connections: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            clients_gone: watch::Sender::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(connection::accept(listener, Arc::clone(&shared)));
        Self { address, shared, _accepting: accepting }
    }

    /// Starts an upstream that plays the same script for every request.
    pub async fn always(script: Script) -> Self {
        Self::start(move |_| script.clone()).await
    }

    /// Starts an upstream that plays the first script for the first request, and so on; the last one repeats.
    ///
    /// # Panics
    /// If `scripts` is empty.
    pub async fn in_turn(scripts: Vec<Script>) -> Self {
        assert!(!scripts.is_empty(), "at least one script");
        let next = AtomicU64::new(0);
        Self::start(move |_| {
            let turn = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
            scripts[turn.min(scripts.len() - 1)].clone()
        })
        .await
    }

    /// The base URL to give to a client, ending in `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests read so far, in the order they were complete.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.requests().clone()
    }

    /// The last request.
    ///
    /// # Panics
    /// If there was none.
    pub fn last_request(&self) -> RecordedRequest {
        self.shared.requests().last().cloned().expect("a request was made")
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many bytes the operating system has taken from us so far, over all connections.
    pub fn bytes_sent(&self) -> u64 {
        self.shared.bytes_sent.load(Ordering::Relaxed)
    }

    /// Waits until `count` clients, counted from the start, left while their script was still playing.
    pub async fn clients_gone(&self, count: u64) {
        let mut gone = self.shared.clients_gone.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = gone.wait_for(|seen| *seen >= count).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;
    use crate::Signal;

    const REQUEST: &[u8] = b"POST /v1/x?a=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";

    async fn ask(upstream: &ScriptedUpstream) -> TcpStream {
        let mut client = TcpStream::connect(upstream.address()).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        client
    }

    #[tokio::test]
    async fn a_script_is_played_byte_for_byte_and_the_request_is_kept() {
        let upstream = ScriptedUpstream::always(Script::new().send("not ").send("HTTP\r").close()).await;
        let mut answer = Vec::new();
        ask(&upstream).await.read_to_end(&mut answer).await.unwrap();

        assert_eq!(answer, b"not HTTP\r");
        assert_eq!(upstream.bytes_sent(), 9);
        let request = upstream.last_request();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/x?a=1"));
        assert_eq!(request.header("content-length"), Some("2"));
        assert_eq!(&request.body[..], b"hi");
    }

    #[tokio::test]
    async fn a_script_waits_for_its_signal_and_connections_are_kept() {
        let signal = Signal::new();
        let upstream = ScriptedUpstream::always(Script::new().send("a").wait_for(&signal).send("b")).await;
        let mut client = ask(&upstream).await;
        for _ in 0..2 {
            assert_eq!(client.read_u8().await.unwrap(), b'a');
            signal.fire();
            assert_eq!(client.read_u8().await.unwrap(), b'b');
            client.write_all(REQUEST).await.unwrap();
        }
        assert_eq!(upstream.connections(), 1);
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_noticed() {
        let upstream = ScriptedUpstream::always(Script::event_stream().hang()).await;
        drop(ask(&upstream).await);
        upstream.clients_gone(1).await;
    }

    #[tokio::test]
    async fn a_reset_is_a_reset() {
        let upstream = ScriptedUpstream::always(Script::new().send("x").reset()).await;
        let mut answer = Vec::new();
        let error = ask(&upstream).await.read_to_end(&mut answer).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}
