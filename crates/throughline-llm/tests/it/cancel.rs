//! Clients that leave, and clients that are slow.

use bytes::Bytes;
use http_body_util::BodyExt;
use throughline_llm::{Outcome, Timeouts};
use throughline_testkit::{Script, ScriptedUpstream, Signal, replies};

use crate::{Observed, chat_request, client, client_with};

#[tokio::test]
async fn a_client_that_leaves_cancels_upstream_and_what_was_seen_is_emitted_once() {
    let events = replies::text_events(&["so far", "never sent"]);
    let script = Script::event_stream().chunk(events[..2].concat()).hang();
    let upstream = ScriptedUpstream::always(script).await;
    let mut observed = Observed::of(&client(&upstream)).await;
    observed.read_some(events[..2].concat().len()).await;

    let exchange = observed.exchange();
    assert_eq!((exchange.outcome, exchange.reply.text.as_str()), (Outcome::Truncated, "so far"));
    assert_eq!(exchange.failure.as_deref(), Some("the client left"));
    upstream.clients_gone(1).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_cancels_upstream() {
    let upstream = ScriptedUpstream::always(Script::new().hang()).await;
    let client = client(&upstream);
    let sending = tokio::spawn(async move { client.send(chat_request()).await.is_ok() });
    while upstream.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    sending.abort();
    upstream.clients_gone(1).await;
}

#[tokio::test]
async fn a_client_that_leaves_at_done_has_read_a_complete_reply() {
    // Many clients stop reading at [DONE], before the upstream closes the stream.
    let events = replies::text_events(&["all of it"]).concat();
    let upstream = ScriptedUpstream::always(Script::event_stream().chunk(&events).hang()).await;
    let mut observed = Observed::of(&client(&upstream)).await;
    observed.read_some(events.len()).await;
    // It is there as soon as the client has [DONE], not when it leaves.
    let exchange = observed.emitted.try_recv().unwrap();
    assert_eq!((exchange.outcome, exchange.reply.text.as_str()), (Outcome::Complete, "all of it"));
    drop(observed.response);
    assert!(observed.emitted.try_recv().is_err());
}

#[tokio::test]
async fn each_event_is_handed_on_before_the_next_one_is_sent() {
    let next = Signal::new();
    let events = replies::text_events(&["a", "b", "c"]);
    let script =
        events.iter().fold(Script::event_stream(), |script, event| script.chunk(event).wait_for(&next));
    let upstream = ScriptedUpstream::always(script.end()).await;
    let mut observed = Observed::of(&client(&upstream)).await;
    for event in &events {
        assert_eq!(observed.read_some(event.len()).await, event.as_bytes());
        next.fire();
    }
    assert!(observed.read().await.0.is_empty());
    assert_eq!(observed.exchange().reply.text, "abc");
}

#[tokio::test]
async fn a_slow_reader_slows_the_upstream() {
    const PIECE: usize = 1024 * 1024;
    const PIECES: usize = 192;
    /// What kernel and client may hold between the two sides.
    const IN_FLIGHT_MAX: u64 = 96 * 1024 * 1024;
    let piece = Bytes::from(format!(": {}\n\n", "x".repeat(PIECE)));
    let script = (0..PIECES).fold(Script::event_stream(), |script, _| script.chunk(&piece)).end();
    let upstream = ScriptedUpstream::always(script).await;
    // Waiting for the client does not count as silence of the upstream.
    let timeouts = Timeouts { idle_ms_max: 10_000, ..Timeouts::default() };
    let mut observed = Observed::of(&client_with(&upstream, timeouts)).await;

    let mut read = 0;
    while let Some(frame) = observed.response.frame().await {
        read += frame.unwrap().data_ref().unwrap().len();
        // Give the upstream every chance to run ahead.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let ahead = upstream.bytes_sent().saturating_sub(read as u64);
        assert!(ahead < IN_FLIGHT_MAX, "the upstream is {ahead} bytes ahead of the reader");
    }
    assert_eq!(read, PIECES * piece.len());
}
