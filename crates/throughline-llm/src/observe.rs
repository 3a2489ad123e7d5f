//! The tap: watches a reply pass and tells once, at the end, what it said.
//!
//! It must never change, delay, hold back or fail a frame. If it cannot read what passes it stops reading, and the frames
//! go on. What it keeps is bounded.

use std::{
    fmt::Display,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::CONTENT_ENCODING};
use http_body::{Body, Frame, SizeHint};

use crate::{
    assemble::Assembler,
    events::EventDecoder,
    exchange::{Exchange, Outcome},
    headers,
};

/// The longest event that is read. Longer ones (images, audio) pass, but the rest of their reply is not observed.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Text and tool arguments kept of one reply.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// The longest reply that is read if it comes as one JSON body.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How a reply came to its end.
pub(crate) enum End {
    /// All its bytes came.
    Finished,
    /// The provider broke off.
    Broken(String),
    /// The client left.
    Dropped,
}

/// How much of one reply is held at most, in bytes.
#[derive(Clone, Copy)]
struct BytesMax {
    event: usize,
    text: usize,
    body: usize,
}

const BYTES_MAX: BytesMax = BytesMax { event: EVENT_BYTES_MAX, text: TEXT_BYTES_MAX, body: BODY_BYTES_MAX };

/// Reads a copy of a reply's bytes.
pub(crate) struct Observer {
    status: StatusCode,
    reading: Reading,
    assembler: Assembler,
    body_bytes_max: usize,
    /// `[DONE]` was seen.
    is_done: bool,
    /// Why what comes cannot be read.
    unreadable: Option<String>,
}

enum Reading {
    Events(EventDecoder),
    /// One JSON body, an error's too.
    Whole(Vec<u8>),
    Nothing,
}

impl Observer {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        Self::with_limits(status, headers, BYTES_MAX)
    }

    fn with_limits(status: StatusCode, headers: &HeaderMap, bytes_max: BytesMax) -> Self {
        let mut observer = Self {
            status,
            // Also where a stream was asked for: some servers answer that with 200 and a JSON error.
            reading: Reading::Whole(Vec::new()),
            assembler: Assembler::new(bytes_max.text),
            body_bytes_max: bytes_max.body,
            is_done: false,
            unreadable: None,
        };
        if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
            observer.stop(format!("the reply is encoded ({encoding:?}) though identity was asked for"));
        } else if status.is_success() && headers::is_event_stream(headers) {
            observer.reading = Reading::Events(EventDecoder::new(bytes_max.event));
        }
        observer
    }

    /// The text seen so far. It only ever grows.
    pub(crate) fn text(&self) -> &str {
        &self.assembler.reply().text
    }

    /// Whether the reply has said that it is over. What comes after that is not read.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(crate) fn push(&mut self, bytes: &Bytes) {
        match &mut self.reading {
            Reading::Events(decoder) => {
                let mut unreadable = None;
                let pushed = decoder.push(bytes.clone(), |data| {
                    if !self.is_done && unreadable.is_none() {
                        unreadable = read_event(data, &mut self.assembler, &mut self.is_done).err();
                    }
                });
                let reason = unreadable.map(|error| format!("an event is not JSON: {error}"));
                if let Some(reason) = reason.or_else(|| pushed.err().map(|error| error.to_string())) {
                    self.stop(reason);
                }
            }
            Reading::Whole(body) if body.len() + bytes.len() > self.body_bytes_max => {
                self.stop(format!("the reply is longer than {} bytes", self.body_bytes_max));
            }
            Reading::Whole(body) => body.extend_from_slice(bytes),
            Reading::Nothing => {}
        }
    }

    fn stop(&mut self, reason: String) {
        self.reading = Reading::Nothing;
        if !self.is_done {
            self.unreadable = Some(reason);
        }
    }

    pub(crate) fn end(mut self, end: &End) -> Exchange {
        match std::mem::replace(&mut self.reading, Reading::Nothing) {
            Reading::Events(mut decoder) if !self.is_done => decoder.finish(|data| {
                // What a cut left of an event is not JSON, and that is no news.
                let _ = read_event(data, &mut self.assembler, &mut self.is_done);
            }),
            Reading::Whole(body) if matches!(end, End::Finished) => self.read_whole(&body),
            _ => {}
        }
        let (outcome, failure) = match self.judge(end) {
            Ok(()) => (Outcome::Complete, None),
            Err((outcome, failure)) => (outcome, Some(failure)),
        };
        Exchange { outcome, status: self.status, reply: self.assembler.into_reply(), failure }
    }

    fn read_whole(&mut self, body: &[u8]) {
        if let Err(error) = self.assembler.add_whole(body) {
            self.unreadable = Some(format!("the reply is not JSON: {error}"));
        }
        self.is_done = true;
    }

    fn judge(&mut self, end: &End) -> Result<(), (Outcome, String)> {
        let status = self.status;
        if let Some(error) = self.assembler.error.take() {
            return Err((Outcome::Failed, error));
        }
        if !status.is_success() {
            return Err((Outcome::Failed, format!("the upstream answered {status}")));
        }
        let begun = self.assembler.has_choice;
        if let Some(reason) = self.unreadable.take() {
            return Err((if begun { Outcome::Truncated } else { Outcome::Failed }, reason));
        }
        // A server that says why it stopped, and then nothing more, has said all; `[DONE]` is not sent by everyone.
        let is_over = self.is_done || self.assembler.reply().finish_reason.is_some();
        match end {
            End::Finished if !begun => Err((Outcome::Failed, "the reply holds no choice".to_owned())),
            End::Finished if !is_over => {
                Err((Outcome::Truncated, "the stream ended before the reply was over".to_owned()))
            }
            End::Broken(reason) if !is_over => Err((Outcome::Truncated, reason.clone())),
            End::Dropped if !is_over => Err((Outcome::Truncated, "the client left".to_owned())),
            _ if self.assembler.is_cut() => {
                Err((Outcome::Truncated, "the reply is longer than what is kept of one".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

fn read_event(data: &str, assembler: &mut Assembler, is_done: &mut bool) -> Result<(), serde_json::Error> {
    match data.trim() {
        "" => Ok(()),
        "[DONE]" => {
            *is_done = true;
            Ok(())
        }
        data => assembler.add_event(data),
    }
}

/// Wraps a response, so that `on_end` gets what it said.
///
/// `on_end` is called exactly once: as soon as the reply is known to be over and before its last bytes are handed on, or
/// when it breaks off, or when the body is dropped. So a client that has read the whole reply can count on the
/// call having been made. It runs inside the poll of the body and must not block.
pub fn observe<B, F>(response: http::Response<B>, on_end: F) -> http::Response<ObservedBody<B, F>>
where
    B: Body<Data = Bytes>,
    F: FnOnce(Exchange),
{
    let (head, body) = response.into_parts();
    let observer = Observer::new(head.status, &head.headers);
    let mut body = ObservedBody { inner: body, tap: Tap(Some((observer, on_end))) };
    if body.inner.is_end_stream() {
        // Nobody may ever poll an empty body.
        body.tap.end(&End::Finished);
    }
    http::Response::from_parts(head, body)
}

/// A body that hands on the frames of another, the very same ones, and calls back once when it is over.
/// Made by [`observe`].
pub struct ObservedBody<B, F: FnOnce(Exchange)> {
    inner: B,
    tap: Tap<F>,
}

/// Holds the observer and its listener until the end, and treats being dropped as one.
struct Tap<F: FnOnce(Exchange)>(Option<(Observer, F)>);

impl<F: FnOnce(Exchange)> Tap<F> {
    fn push(&mut self, bytes: &Bytes) {
        if let Some((observer, _)) = &mut self.0 {
            observer.push(bytes);
            if observer.is_done() {
                self.end(&End::Finished);
            }
        }
    }

    fn end(&mut self, end: &End) {
        if let Some((observer, on_end)) = self.0.take() {
            on_end(observer.end(end));
        }
    }
}

impl<F: FnOnce(Exchange)> Drop for Tap<F> {
    fn drop(&mut self) {
        self.end(&End::Dropped);
    }
}

impl<B, F> Body for ObservedBody<B, F>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
    F: FnOnce(Exchange) + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    this.tap.push(bytes);
                }
                // Servers do not poll a body again that says it is over.
                if this.inner.is_end_stream() {
                    this.tap.end(&End::Finished);
                }
            }
            Some(Err(error)) => this.tap.end(&End::Broken(error.to_string())),
            None => this.tap.end(&End::Finished),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::mpsc};

    use http_body_util::{BodyExt, Empty, Full};
    use throughline_testkit::replies;

    use super::*;

    const SMALL: BytesMax = BytesMax { event: 200, text: 10, body: 100 };

    fn observed(content_type: &str, pieces: &[&str], end: &End) -> Exchange {
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, content_type.parse().unwrap())]);
        let mut observer = Observer::with_limits(StatusCode::OK, &headers, SMALL);
        for piece in pieces {
            observer.push(&Bytes::copy_from_slice(piece.as_bytes()));
        }
        observer.end(end)
    }

    fn streamed(pieces: &[&str], end: &End) -> Exchange {
        observed("text/event-stream", pieces, end)
    }

    const HI: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

    #[test]
    fn a_stream_is_complete_when_it_says_so_or_says_why_it_stopped() {
        let broken = End::Broken("reset".to_owned());
        for (pieces, end, expected) in [
            (vec![HI, replies::DONE], &End::Dropped, Outcome::Complete),
            (vec![HI, STOP], &End::Dropped, Outcome::Complete),
            (vec![HI, "data: [DONE]"], &End::Finished, Outcome::Complete),
            (vec![HI, STOP.trim_end()], &broken, Outcome::Complete),
            (vec![HI], &End::Finished, Outcome::Truncated),
            (vec![HI], &End::Dropped, Outcome::Truncated),
            (vec![], &End::Dropped, Outcome::Truncated),
            (vec![HI, "data: {\"cho"], &broken, Outcome::Truncated),
            (vec![], &End::Finished, Outcome::Failed),
            (vec![replies::DONE], &End::Finished, Outcome::Failed),
            (vec!["<html>no</html>\n\n"], &End::Finished, Outcome::Failed),
        ] {
            let exchange = streamed(&pieces, end);
            assert_eq!(exchange.outcome, expected, "{pieces:?}: {exchange:?}");
            assert_eq!(exchange.failure.is_none(), expected == Outcome::Complete);
        }
    }

    #[test]
    fn an_error_within_a_stream_fails_it_and_keeps_what_was_seen() {
        let exchange =
            streamed(&[HI, "data: {\"error\":{\"message\":\"boom\"}}\n\n", replies::DONE], &End::Finished);
        assert_eq!((exchange.outcome, exchange.failure.as_deref()), (Outcome::Failed, Some("boom")));
        assert_eq!(exchange.reply.text, "hi");
    }

    #[test]
    fn what_cannot_be_read_stops_the_observer_only() {
        let long = format!("data: {}\n\n", "x".repeat(300));
        for garbage in ["data: {no json\n\n", "data: \u{0}\n\n", &long] {
            let exchange = streamed(&[HI, garbage, HI, replies::DONE], &End::Finished);
            assert_eq!(
                (exchange.outcome, exchange.reply.text.as_str()),
                (Outcome::Truncated, "hi"),
                "{garbage}"
            );
            assert_eq!(streamed(&[garbage, HI], &End::Finished).outcome, Outcome::Failed);
        }
    }

    #[test]
    fn a_reply_longer_than_what_is_kept_is_marked_truncated() {
        let exchange = streamed(&[HI, HI, HI, HI, HI, HI, STOP, replies::DONE], &End::Finished);
        assert_eq!((exchange.outcome, exchange.reply.text.len()), (Outcome::Truncated, 10));
        assert_eq!(exchange.reply.finish_reason.as_deref(), Some("stop"));

        let exchange = observed("application/json", &[&"x".repeat(99), "yz"], &End::Finished);
        assert_eq!(exchange.outcome, Outcome::Failed);
    }

    #[test]
    fn a_whole_body_that_is_no_completion_is_a_failure() {
        for body in ["", "{}", "[]", "{\"data\":[]}", "<html>", "{\"error\":\"x\"}"] {
            assert_eq!(
                observed("application/json", &[body], &End::Finished).outcome,
                Outcome::Failed,
                "{body}"
            );
        }
        assert_eq!(observed("application/json", &["{\"ch"], &End::Dropped).outcome, Outcome::Truncated);
    }

    #[test]
    fn an_encoded_reply_is_not_observed() {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().unwrap())]);
        let mut observer = Observer::new(StatusCode::OK, &headers);
        observer.push(&Bytes::from(replies::completion("hi").to_string()));
        assert_eq!(observer.end(&End::Finished).outcome, Outcome::Failed);
    }

    #[tokio::test]
    async fn the_exchange_is_emitted_before_the_client_can_know_the_end() {
        let (emit, emitted) = mpsc::channel();
        let body = Full::new(Bytes::from(replies::completion("hi").to_string()));
        let mut body =
            observe(http::Response::new(body), move |exchange| emit.send(exchange).unwrap()).into_body();
        assert!(emitted.try_recv().is_err());
        // One frame of a body of known length: a server will not poll again.
        body.frame().await.unwrap().unwrap();
        assert_eq!(emitted.try_recv().unwrap().reply.text, "hi");
        drop(body);
        assert!(emitted.try_recv().is_err(), "emitted twice");
    }

    #[tokio::test]
    async fn an_empty_body_and_a_dropped_one_are_emitted_once_too() {
        let (emit, emitted) = mpsc::channel();
        let observed = observe(http::Response::new(Empty::new()), |exchange| emit.send(exchange).unwrap());
        drop::<http::Response<ObservedBody<Empty<Bytes>, _>>>(observed);
        assert_eq!(emitted.try_recv().unwrap().outcome, Outcome::Failed);

        let endless = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
        let endless = http_body_util::StreamBody::new(endless);
        drop(observe(http::Response::new(endless), |exchange| emit.send(exchange).unwrap()));
        assert_eq!(emitted.try_recv().unwrap().outcome, Outcome::Truncated);
        assert!(emitted.try_recv().is_err());
    }
}
