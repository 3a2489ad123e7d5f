//! The whole way over real sockets: a scripted upstream, our client, the observer.
//!
//! One module for each part of the way; what a helper here does not say is spelled in the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ask;
mod cancel;
mod faults;
mod forward;
mod learning;
mod learning_faults;
mod stream;

use std::sync::mpsc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use throughline_llm::{
    Exchange, ObservedBody, Secret, Timeouts, Upstream, UpstreamBody, UpstreamConfig, UpstreamError,
    UpstreamRequest, observe,
};
use throughline_testkit::{Script, ScriptedUpstream};

/// A client of this upstream with a key of its own.
fn client(upstream: &ScriptedUpstream) -> Upstream {
    client_with(upstream, Timeouts::default())
}

fn client_with(upstream: &ScriptedUpstream, timeouts: Timeouts) -> Upstream {
    let config = UpstreamConfig::new(upstream.url().parse().unwrap());
    Upstream::new(UpstreamConfig { key: Some(Secret::new("sk-server")), timeouts, ..config }).unwrap()
}

fn chat_request() -> UpstreamRequest {
    UpstreamRequest {
        method: Method::POST,
        path_and_query: "chat/completions".to_owned(),
        headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, "application/json".parse().unwrap())]),
        body: Bytes::from_static(br#"{"model":"m","messages":[]}"#),
    }
}

type Emit = Box<dyn FnOnce(Exchange) + Send>;

/// A reply under observation, and where its exchange will appear.
struct Observed {
    response: Response<ObservedBody<UpstreamBody, Emit>>,
    emitted: mpsc::Receiver<Exchange>,
}

impl Observed {
    async fn of(client: &Upstream) -> Self {
        let response = client.send(chat_request()).await.unwrap();
        let (emit, emitted) = mpsc::channel();
        let emit: Emit = Box::new(move |exchange| emit.send(exchange).unwrap());
        Self { response: observe(response, emit), emitted }
    }

    /// Reads to the end: all bytes, and the error if it came to that.
    async fn read(&mut self) -> (Vec<u8>, Option<UpstreamError>) {
        let mut bytes = Vec::new();
        while let Some(frame) = self.response.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap()),
                Err(error) => return (bytes, Some(error)),
            }
        }
        (bytes, None)
    }

    /// Reads until at least these many bytes have come.
    async fn read_some(&mut self, bytes_min: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < bytes_min {
            bytes.extend_from_slice(self.response.frame().await.unwrap().unwrap().data_ref().unwrap());
        }
        bytes
    }

    /// The exchange, which must have been emitted by now, and only once.
    fn exchange(self) -> Exchange {
        drop(self.response);
        let exchange = self.emitted.recv().expect("an exchange was emitted");
        assert!(self.emitted.recv().is_err(), "emitted twice");
        exchange
    }
}

/// What a client sees of a script, and what was observed of it.
async fn play(script: Script) -> (StatusCode, HeaderMap, Vec<u8>, Exchange) {
    let upstream = ScriptedUpstream::always(script).await;
    let mut observed = Observed::of(&client(&upstream)).await;
    let (bytes, error) = observed.read().await;
    assert!(error.is_none(), "{error:?}");
    (observed.response.status(), observed.response.headers().clone(), bytes, observed.exchange())
}
