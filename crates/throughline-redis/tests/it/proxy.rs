//! A proxy before a server that counts requests, and at a moment of a test's choice loses an answer or everything.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What it does, shared with the threads that do it.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    requests: AtomicU32,
    /// From this request on nothing comes through.
    requests_max: AtomicU32,
    /// Counts down to the answer that is lost; at 0 none is.
    lose: AtomicU32,
}

impl Proxy {
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, requests_max, lose) = (AtomicU32::new(0), AtomicU32::new(u32::MAX), AtomicU32::new(0));
        let state = Arc::new(State { requests, requests_max, lose });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server)).unwrap());
                let (up, down) = (Arc::clone(&shared), Arc::clone(&shared));
                let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(ends.0, ends.1, || up.request()));
                std::thread::spawn(move || pass(server, client, || down.answer()));
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Requests so far. One is what was sent in one go.
    pub(crate) fn requests(&self) -> u32 {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Lets so many more requests through, then nothing any more: as if whoever sends them had died.
    pub(crate) fn stop_after(&self, requests: u32) {
        self.state.requests_max.store(self.requests() + requests, Ordering::SeqCst);
    }

    /// Loses the answer that comes so many answers from now, with its connection.
    pub(crate) fn lose(&self, answer: u32) {
        self.state.lose.store(answer, Ordering::SeqCst);
    }

    /// Whether it was lost.
    pub(crate) fn has_lost(&self) -> bool {
        self.state.lose.load(Ordering::SeqCst) == 0
    }
}

impl State {
    fn request(&self) -> bool {
        self.requests.fetch_add(1, Ordering::SeqCst) < self.requests_max.load(Ordering::SeqCst)
    }

    fn answer(&self) -> bool {
        let counted = self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        counted != Ok(1)
    }
}

/// Passes on what comes, as long as it may.
fn pass(mut from: TcpStream, mut to: TcpStream, may: impl Fn() -> bool) {
    let mut bytes = vec![0; 1 << 20];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !may() || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
