//! Server-sent events out of pushed bytes.
//!
//! The grammar is `sse-stream`'s, which pulls from a stream; here that stream is a one-place queue which we fill. Added
//! is what `sse-stream` leaves to its user: a limit on the size of one event, and the last event of a
//! stream that forgot the blank line at its end. It must never fail for an event's content, only for its form.

use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_util::Stream;
use sse_stream::SseByteStream;

/// The limit on one event is kept to within this many bytes.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Why a stream of events could not be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventError {
    #[error("an event is longer than {event_bytes_max} bytes")]
    TooLong { event_bytes_max: usize },
    #[error("not an event stream: {0}")]
    Malformed(#[from] sse_stream::Error),
}

/// Decodes events from bytes as they come. After an error it is useless.
pub(crate) struct EventDecoder {
    queue: Queue,
    events: SseByteStream<Queue>,
    event_bytes_max: usize,
    /// Bytes pushed since an event was complete: never fewer than the decoder holds.
    held_bytes: usize,
}

/// The bytes pushed last, until the decoder takes them. Shared, since the decoder does not lend its stream.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Bytes>>);

impl Queue {
    fn swap(&self, bytes: Bytes) -> Bytes {
        mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), bytes)
    }
}

impl Stream for Queue {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let bytes = self.swap(Bytes::new());
        if bytes.is_empty() { Poll::Pending } else { Poll::Ready(Some(Ok(bytes))) }
    }
}

impl EventDecoder {
    pub(crate) fn new(event_bytes_max: usize) -> Self {
        let queue = Queue::default();
        Self { events: SseByteStream::new(queue.clone()), queue, event_bytes_max, held_bytes: 0 }
    }

    /// Takes the next bytes and shows the data of each event they complete.
    pub(crate) fn push(&mut self, mut bytes: Bytes, mut on_data: impl FnMut(&str)) -> Result<(), EventError> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
            self.held_bytes += piece.len();
            if self.held_bytes > self.event_bytes_max {
                return Err(EventError::TooLong { event_bytes_max: self.event_bytes_max });
            }
            let piece_bytes = piece.len();
            self.queue.swap(piece);
            let mut context = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(event)) = Pin::new(&mut self.events).poll_next(&mut context) {
                if let Some(data) = event?.data {
                    on_data(&data);
                }
                self.held_bytes = piece_bytes;
            }
        }
        Ok(())
    }

    /// The stream is over: shows the last event if only the blank line after it is missing.
    pub(crate) fn finish(&mut self, on_data: impl FnMut(&str)) {
        // What is left over after a cut may be anything; it is no news that it cannot be read.
        let _ = self.push(Bytes::from_static(b"\n\n"), on_data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = EventDecoder::new(1024);
        let mut events = Vec::new();
        for piece in pieces {
            decoder.push(Bytes::copy_from_slice(piece), |data| events.push(data.to_owned())).unwrap();
        }
        decoder.finish(|data| events.push(data.to_owned()));
        events
    }

    #[test]
    fn any_spelling_of_a_stream_gives_the_same_events_however_it_is_split() {
        for stream in [
            "data: a é 🦀\n\ndata: b\n\n",
            "data: a é 🦀\r\n\r\ndata: b\r\n\r\n",
            "data: a é 🦀\r\rdata: b\r\r",
            "\u{feff}data: a é 🦀\n\ndata: b\n\n",
            "data:a é 🦀\n\ndata:b\n\n",
            ": comment\n\ndata: a é 🦀\n: another\n\nid: 7\nevent: message\ndata: b\nretry: 1\n\n",
            "data: a é 🦀\n\ndata: b",
            "data: a é 🦀\n\ndata: b\r",
        ] {
            let bytes = stream.as_bytes();
            assert_eq!(decode(&[bytes]), ["a é 🦀", "b"], "{stream:?}");
            let single: Vec<_> = bytes.chunks(1).collect();
            assert_eq!(decode(&single), ["a é 🦀", "b"], "{stream:?}");
            for at in 0..bytes.len() {
                assert_eq!(decode(&[&bytes[..at], &bytes[at..]]), ["a é 🦀", "b"], "{stream:?} at {at}");
            }
        }
    }

    #[test]
    fn data_over_several_lines_is_one_event() {
        assert_eq!(decode(&[b"data: {\ndata: }\n\n"]), ["{\n}"]);
    }

    #[test]
    fn an_event_has_a_size_limit_and_a_stream_has_none() {
        let mut decoder = EventDecoder::new(100);
        for _ in 0..1000 {
            decoder.push(Bytes::from_static(b"data: short\n\n"), |_| {}).unwrap();
        }
        let error = decoder.push(Bytes::from(vec![b'x'; 101]), |_| {}).unwrap_err();
        assert!(matches!(error, EventError::TooLong { event_bytes_max: 100 }));
    }

    #[test]
    fn many_events_in_one_large_piece_are_not_one_long_event() {
        let events = b"data: short\n\n".repeat(100_000);
        let mut count = 0;
        EventDecoder::new(2 * PIECE_BYTES_MAX).push(Bytes::from(events), |_| count += 1).unwrap();
        assert_eq!(count, 100_000);
    }

    #[test]
    fn bytes_that_are_not_text_are_an_error() {
        let pushed = EventDecoder::new(100).push(Bytes::from_static(b"data: \xff\xfe\n\n"), |_| {});
        assert!(matches!(pushed, Err(EventError::Malformed(_))));
    }
}
