//! Upstreams that are not there, not in time, or not sane.

use std::net::TcpListener;

use http_body_util::BodyExt;
use throughline_llm::{
    ChatError, ErrorAsLastEvent, Outcome, Timeouts, Upstream, UpstreamConfig, UpstreamError,
};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use crate::{Observed, chat_request, client, client_with};

const SHORT_FIRST_BYTE: Timeouts = Timeouts { connect_ms: 5_000, first_byte_ms_max: 40, idle_ms_max: 60_000 };
const SHORT_IDLE: Timeouts = Timeouts { connect_ms: 5_000, first_byte_ms_max: 60_000, idle_ms_max: 40 };

fn beginning() -> Script {
    Script::event_stream().chunk(replies::text_events(&["so far"])[..2].concat())
}

async fn send_error(script: Script, timeouts: Timeouts) -> UpstreamError {
    let upstream = ScriptedUpstream::always(script).await;
    let error = client_with(&upstream, timeouts).send(chat_request()).await.err().expect("no reply");
    assert_eq!(error.host(), upstream.address().to_string());
    assert!(error.to_string().contains(error.host()), "{error}");
    assert!(!error.hint().is_empty());
    assert!(upstream.requests().len() <= 1, "a request that may have arrived is not sent again");
    error
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let free_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = UpstreamConfig::new(format!("http://user:hunter2@{free_port}").parse().unwrap());
    let error = Upstream::new(config).unwrap().send(chat_request()).await.err().unwrap();
    assert!(
        matches!(&error, UpstreamError::Unreachable { host, .. } if *host == free_port.to_string()),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    let config = UpstreamConfig::new("http://upstream.invalid".parse().unwrap());
    let error = Upstream::new(config).unwrap().send(chat_request()).await.err().unwrap();
    assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_unreachable() {
    let speaking = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = speaking.local_addr().unwrap();
    let plain = tokio::spawn(async move {
        while let Ok((mut client, _)) = speaking.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut client, b"220 mail.example.com ready\r\n").await;
        }
    });
    match Upstream::new(UpstreamConfig::new(format!("https://{address}").parse().unwrap())) {
        Ok(client) => {
            let error = client.send(chat_request()).await.err().unwrap();
            assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error:?}");
        }
        // A machine without CA certificates cannot speak TLS at all, and says so.
        Err(error) => assert!(matches!(error, UpstreamError::Setup { .. }), "{error:?}"),
    }
    plain.abort();
}

#[tokio::test]
async fn a_server_that_starts_late_is_reached_by_trying_again() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = UpstreamConfig::new(format!("http://{address}").parse().unwrap());
    let client = Upstream::new(config).unwrap();
    let sending =
        tokio::spawn(async move { client.send(chat_request()).await.map(|response| response.status()) });
    // Let the first attempt fail.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let upstream = ScriptedUpstream::listen(listener, |_| Script::json(200, &replies::completion("hi")));
    assert_eq!(sending.await.unwrap().unwrap(), 200);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn no_answer_in_time_is_a_first_byte_timeout() {
    let error = send_error(Script::new().hang(), SHORT_FIRST_BYTE).await;
    assert!(matches!(error, UpstreamError::FirstByteTimeout { waited_ms: 40, .. }), "{error:?}");
}

#[tokio::test]
async fn bytes_that_are_not_http_and_early_ends_are_broken_replies() {
    for script in [
        Script::new().send("hello, this is not HTTP\r\n\r\n").close(),
        Script::new().send("HTTP/1.1 200 OK\r\ncontent-ty").close(),
        Script::new().send("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").close(),
        Script::new().close(),
        Script::new().reset(),
    ] {
        let error = send_error(script.clone(), Timeouts::default()).await;
        assert!(matches!(error, UpstreamError::Broken { .. }), "{script:?}: {error:?}");
    }
}

/// Reads a reply that is expected to break off.
async fn broken(script: Script, timeouts: Timeouts) -> (Vec<u8>, UpstreamError, throughline_llm::Exchange) {
    let upstream = ScriptedUpstream::always(script).await;
    let mut observed = Observed::of(&client_with(&upstream, timeouts)).await;
    let (bytes, error) = observed.read().await;
    let after = observed.response.frame().await;
    assert!(after.is_none(), "nothing comes after an error");
    (bytes, error.expect("it breaks off"), observed.exchange())
}

#[tokio::test]
async fn a_head_without_a_body_in_time_is_a_first_byte_timeout() {
    let upstream = ScriptedUpstream::always(Script::event_stream().hang()).await;
    let error = match client_with(&upstream, SHORT_FIRST_BYTE).send(chat_request()).await {
        Ok(response) => response.into_body().collect().await.expect_err("no body comes"),
        // On a busy machine not even the head is there in time.
        Err(error) => error,
    };
    assert!(matches!(error, UpstreamError::FirstByteTimeout { waited_ms: 40, .. }), "{error:?}");
}

#[tokio::test]
async fn silence_in_the_middle_is_an_idle_timeout_and_what_came_is_kept() {
    let (bytes, error, exchange) = broken(beginning().hang(), SHORT_IDLE).await;
    assert!(matches!(error, UpstreamError::IdleTimeout { waited_ms: 40, .. }), "{error:?}");
    assert_eq!(bytes, replies::text_events(&["so far"])[..2].concat().into_bytes());
    assert_eq!((exchange.outcome, exchange.reply.text.as_str()), (Outcome::Truncated, "so far"));
    assert_eq!(exchange.failure, Some(error.to_string()));
}

#[tokio::test]
async fn an_upstream_that_is_given_up_is_disconnected() {
    let upstream = ScriptedUpstream::always(beginning().hang()).await;
    let mut observed = Observed::of(&client_with(&upstream, SHORT_IDLE)).await;
    observed.read().await.1.unwrap();
    upstream.clients_gone(1).await;
    drop(observed);
}

#[tokio::test]
async fn half_a_stream_is_an_error_and_what_came_is_kept() {
    for script in [
        beginning().close(),
        beginning().reset(),
        beginning().send("40\r\ndata: {\"choi").close(),
        beginning().send("not a chunk size\r\n").close(),
    ] {
        let (bytes, error, exchange) = broken(script.clone(), Timeouts::default()).await;
        assert!(matches!(error, UpstreamError::Broken { .. }), "{script:?}: {error:?}");
        assert!(bytes.starts_with(replies::text_events(&["so far"])[..2].concat().as_bytes()));
        assert_eq!(
            (exchange.outcome, exchange.reply.text.as_str()),
            (Outcome::Truncated, "so far"),
            "{script:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_ends_in_order_but_too_early_is_truncated() {
    let upstream = ScriptedUpstream::always(beginning().end()).await;
    let mut observed = Observed::of(&client(&upstream)).await;
    assert!(observed.read().await.1.is_none());
    assert_eq!(observed.exchange().outcome, Outcome::Truncated);
}

#[tokio::test]
async fn a_length_that_promises_too_much_is_a_broken_reply() {
    let head = [("content-type", "application/json"), ("content-length", "1000")];
    let script = Script::new().head(200, &head).send(replies::completion("hi").to_string()).close();
    let (_, error, exchange) = broken(script, Timeouts::default()).await;
    assert!(matches!(error, UpstreamError::Broken { .. }), "{error:?}");
    assert_eq!(exchange.outcome, Outcome::Truncated);
}

#[tokio::test]
async fn a_length_that_promises_too_little_cuts_the_reply_there() {
    let head = [("content-type", "application/json"), ("content-length", "10")];
    let script = Script::new().head(200, &head).send(replies::completion("hi").to_string()).close();
    let upstream = ScriptedUpstream::always(script).await;
    let client = client(&upstream);
    let mut observed = Observed::of(&client).await;
    let (bytes, error) = observed.read().await;
    assert!(error.is_none() && bytes.len() == 10, "{error:?}");
    assert_eq!(observed.exchange().outcome, Outcome::Failed);
    // What is left over is never taken for the beginning of the next reply.
    let (bytes, _) = Observed::of(&client).await.read().await;
    assert_eq!((bytes.len(), upstream.connections()), (10, 2));
}

#[tokio::test]
async fn a_stream_that_breaks_between_events_tells_the_client_in_a_last_event() {
    let upstream = ScriptedUpstream::always(beginning().close()).await;
    let observed = Observed::of(&client(&upstream)).await;
    let describe = |error: &UpstreamError| replies::error(&error.to_string(), "upstream_broken").to_string();
    let body = ErrorAsLastEvent::new(observed.response.into_body(), describe);
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.starts_with(&replies::text_events(&["so far"])[..2].concat()));
    assert!(text.contains("\n\ndata: {\"error\":{\"message\":\"the reply of upstream 127.0.0.1:"), "{text}");
    assert!(text.ends_with("}}\n\n") && !text.contains("[DONE]"), "{text}");
    assert_eq!(observed.emitted.recv().unwrap().outcome, Outcome::Truncated);
}

#[tokio::test]
async fn a_chat_of_our_own_that_breaks_off_is_an_error() {
    let upstream = ScriptedUpstream::always(beginning().close()).await;
    let mut told = String::new();
    let error = client(&upstream).chat(&serde_json::json!({}), |text| told.push_str(text)).await.unwrap_err();
    assert!(matches!(error, ChatError::Upstream(UpstreamError::Broken { .. })), "{error:?}");
    assert_eq!(told, "so far");
}

#[tokio::test]
async fn a_connection_the_upstream_closes_is_not_used_again() {
    let body = replies::completion("hi").to_string();
    let length = body.len().to_string();
    let head = [("content-length", length.as_str()), ("connection", "close")];
    let upstream = ScriptedUpstream::always(Script::new().head(200, &head).send(body.clone()).close()).await;
    let client = client(&upstream);
    for _ in 0..3 {
        let response = client.send(chat_request()).await.unwrap();
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
    }
    assert_eq!(upstream.connections(), 3);
}
