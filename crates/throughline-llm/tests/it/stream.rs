//! Streams pass byte for byte, whatever they look like, and are read on the way.

use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;
use throughline_llm::{Outcome, ToolCall};
use throughline_testkit::{Script, ScriptedUpstream, Signal, replies};
use tokio::task::JoinSet;

use crate::{Observed, client, play};

/// Plays the pieces as an event stream; what came out must be what went in.
async fn pass<P: AsRef<[u8]>>(pieces: &[P]) -> throughline_llm::Exchange {
    let (status, headers, bytes, exchange) = play(Script::events(pieces)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["x-accel-buffering"], "no");
    let sent: Vec<u8> = pieces.iter().flat_map(|piece| piece.as_ref().iter().copied()).collect();
    assert_eq!(bytes, sent);
    exchange
}

#[tokio::test]
async fn a_stream_of_text_is_assembled() {
    let exchange = pass(&replies::text_events(&["Hel", "lo ", "wörld 🦀"])).await;
    assert_eq!((exchange.outcome, exchange.reply.text.as_str()), (Outcome::Complete, "Hello wörld 🦀"));
    assert_eq!(exchange.reply.finish_reason.as_deref(), Some("stop"));
    assert_eq!(exchange.reply.model.as_deref(), Some("scripted-model"));
}

#[tokio::test]
async fn parallel_tool_calls_are_assembled() {
    let calls: [(&str, &str, &[&str]); 2] =
        [("call_1", "weather", &["{\"city\":", "\"K\\u00f6", "ln\"}"]), ("call_2", "time", &["{}"])];
    let exchange = pass(&replies::tool_call_events(&calls)).await;
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: Some(id.to_owned()),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    assert_eq!(
        exchange.reply.tool_calls,
        [call("call_1", "weather", r#"{"city":"K\u00f6ln"}"#), call("call_2", "time", "{}")]
    );
    assert_eq!(exchange.reply.finish_reason.as_deref(), Some("tool_calls"));
}

#[tokio::test]
async fn the_usage_event_without_choices_passes_untouched() {
    let mut events = replies::text_events(&["hi"]);
    events.insert(events.len() - 1, replies::usage_event(100, 20));
    let exchange = pass(&events).await;
    assert_eq!(exchange.outcome, Outcome::Complete);
    assert_eq!(exchange.reply.usage.unwrap().completion_tokens, Some(20));
}

#[tokio::test]
async fn odd_but_legal_spellings_pass_and_are_read() {
    let plain = replies::text_events(&["a é 🦀", "b"]).concat();
    for stream in [
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        format!("\u{feff}{plain}"),
        plain.replace("data: ", "data:"),
        plain.replace("\n\n", "\n\n: keep-alive\n\n"),
        plain.replace("data: ", "event: message\nid: 1\ndata: "),
        plain.replace(r#","created""#, "\ndata: ,\"created\""),
        plain.trim_end().to_owned(),
        plain.replace(r#""id":"chatcmpl-scripted","#, ""),
        plain.replace(r#""finish_reason":null"#, r#""finish_reason":"""#),
        plain.replace(r#""finish_reason":"stop""#, r#""finish_reason":"""#),
        plain.replace(
            r#""model""#,
            r#""service_tier":"on_demand","x_n":{"n":100000000000000000000000000001},"model""#,
        ),
        plain.replace("data: [DONE]\n\n", ""),
    ] {
        let exchange = pass(&[stream.as_bytes()]).await;
        let summary = (exchange.outcome, exchange.reply.text.as_str());
        assert_eq!(summary, (Outcome::Complete, "a é 🦀b"), "{stream}\n{:?}", exchange.failure);
        let bytes: Vec<_> = stream.bytes().map(|byte| [byte]).collect();
        assert_eq!(pass(&bytes).await.reply.text, "a é 🦀b", "byte by byte: {stream}");
    }
}

#[tokio::test]
async fn an_error_within_a_stream_passes_and_marks_it_failed() {
    let mut events = replies::text_events(&["so far"]);
    events.truncate(2);
    events.push(replies::event(&replies::error("overloaded", "server_error")));
    let exchange = pass(&events).await;
    assert_eq!((exchange.outcome, exchange.failure.as_deref()), (Outcome::Failed, Some("overloaded")));
    assert_eq!(exchange.reply.text, "so far");
}

#[tokio::test]
async fn a_json_error_with_status_200_where_a_stream_was_asked_for_is_a_failure() {
    let error = replies::error("no such model", "model_not_found");
    let (status, headers, bytes, exchange) = play(Script::json(200, &error)).await;
    assert_eq!((status, bytes), (StatusCode::OK, error.to_string().into_bytes()));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!((exchange.outcome, exchange.failure.as_deref()), (Outcome::Failed, Some("no such model")));
}

#[tokio::test]
async fn garbage_in_a_stream_passes_and_only_the_observer_stops() {
    let mut pieces: Vec<Vec<u8>> =
        replies::text_events(&["seen"]).into_iter().map(String::into_bytes).collect();
    pieces.insert(2, b"data: {garbage \xff\xfe\x00\n\n".to_vec());
    let exchange = pass(&pieces).await;
    assert_eq!((exchange.outcome, exchange.reply.text.as_str()), (Outcome::Truncated, "seen"));
}

#[tokio::test]
async fn an_event_of_many_megabytes_passes() {
    let mut events = replies::text_events(&["seen"]);
    events.insert(2, format!("data: {}\n\n", json!({"image": "x".repeat(6 * 1024 * 1024)})));
    let exchange = pass(&events).await;
    assert_eq!((exchange.outcome, exchange.reply.text.as_str()), (Outcome::Truncated, "seen"));
}

#[tokio::test]
async fn a_hundred_and_fifty_streams_run_at_once() {
    const STREAMS: usize = 150;
    let go = Signal::new();
    let script = replies::text_events(&["a", "b", "c"]);
    let script = Script::event_stream().chunk(&script[0]).wait_for(&go).chunk(script[1..].concat()).end();
    let upstream = ScriptedUpstream::always(script).await;
    let client = client(&upstream);
    let mut opened = JoinSet::new();
    for _ in 0..STREAMS {
        let client = client.clone();
        opened.spawn(async move { Observed::of(&client).await });
    }
    // All are open before any goes on: none waits for another.
    let opened = opened.join_all().await;
    assert_eq!(upstream.requests().len(), STREAMS);
    let mut read = JoinSet::new();
    for mut observed in opened {
        go.fire();
        read.spawn(async move {
            let (_, error) = observed.read().await;
            assert!(error.is_none(), "{error:?}");
            observed.exchange().reply.text
        });
    }
    assert_eq!(read.join_all().await, vec!["abc"; STREAMS]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn frames_are_forwarded_byte_for_byte_however_a_stream_is_split(
        pieces in prop::collection::vec("[a-z \"\\\\\né🦀]{0,12}", 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
        let stream = replies::text_events(&pieces).concat().replace('\n', line_end).into_bytes();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let chunks: Vec<_> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let exchange = runtime.block_on(pass(&chunks));
        prop_assert_eq!(exchange.outcome, Outcome::Complete);
        prop_assert_eq!(exchange.reply.text, pieces.concat());
    }
}
