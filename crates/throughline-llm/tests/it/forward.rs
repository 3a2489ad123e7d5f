//! What crosses to the provider and back.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use throughline_llm::{BaseUrl, ChatError, Outcome, Secret, Upstream, UpstreamConfig, UpstreamRequest};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use crate::{chat_request, client, play};

#[tokio::test]
async fn a_request_arrives_byte_for_byte_with_the_servers_key() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("hi"))).await;
    let body = r#"{ "n":100000000000000000000000000001,"model":"m" ,"messages":[]}"#;
    client(&upstream).send(UpstreamRequest { body: body.into(), ..chat_request() }).await.unwrap();

    let request = upstream.last_request();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.body, body);
    assert_eq!(request.header("authorization"), Some("Bearer sk-server"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("content-length"), Some(body.len().to_string().as_str()));
    assert_eq!(request.header("host"), Some(upstream.address().to_string().as_str()));
}

#[tokio::test]
async fn our_keys_and_memory_headers_do_not_arrive_and_the_clients_own_do() {
    let upstream = ScriptedUpstream::always(Script::json(200, &json!({"data": []}))).await;
    let headers = [
        ("authorization", "Bearer tl_secret"),
        ("x-memory-user", "ann"),
        ("x-memory-key", "tl_secret"),
        ("openai-project", "p1"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("host", "memory.example.com"),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let request = UpstreamRequest {
        method: Method::GET,
        path_and_query: "models?limit=5".to_owned(),
        headers: HeaderMap::from_iter(headers),
        body: bytes::Bytes::new(),
    };
    client(&upstream).send(request).await.unwrap();

    let request = upstream.last_request();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/v1/models?limit=5"));
    assert_eq!(request.header("authorization"), Some("Bearer sk-server"));
    assert_eq!(request.header("openai-project"), Some("p1"));
    assert_eq!(request.header("x-hop"), None);
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.iter().any(|name| name.starts_with("x-memory-")), "{names:?}");
    assert!(!format!("{request:?}").contains("tl_"), "{request:?}");
}

#[tokio::test]
async fn a_whole_reply_passes_byte_for_byte_and_is_assembled() {
    let body = "{ \"id\":\"c1\",\"x_unknown\":100000000000000000000000000001,\r\n\"choices\":[{\"message\":{\"content\":\
                \"caf\\u00e9\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}";
    let (status, _, bytes, exchange) = play(Script::body(200, "application/json", body)).await;
    assert_eq!((status, bytes), (StatusCode::OK, body.as_bytes().to_vec()));
    assert_eq!((exchange.outcome, exchange.reply.text.as_str()), (Outcome::Complete, "café"));
    assert_eq!(exchange.reply.id.as_deref(), Some("c1"));
    assert_eq!(exchange.reply.usage.unwrap().prompt_tokens, Some(9));
}

#[tokio::test]
async fn error_replies_pass_verbatim_with_their_headers() {
    for status in [400, 401, 403, 404, 413, 429, 500, 502, 503, 529] {
        let body = replies::error("not today", "scripted").to_string();
        let length = body.len().to_string();
        let script = Script::new()
            .head(
                status,
                &[
                    ("content-type", "application/json"),
                    ("content-length", &length),
                    ("retry-after", "7"),
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-request-id", "req_1"),
                ],
            )
            .send(body.clone());
        let upstream = ScriptedUpstream::always(script).await;
        let mut observed = crate::Observed::of(&client(&upstream)).await;
        let (bytes, _) = observed.read().await;
        assert_eq!((observed.response.status().as_u16(), bytes), (status, body.into_bytes()));
        let headers = observed.response.headers();
        assert_eq!(headers["retry-after"], "7");
        assert_eq!(headers["x-ratelimit-remaining-tokens"], "0");
        assert_eq!(headers["x-request-id"], "req_1");
        let exchange = observed.exchange();
        assert_eq!((exchange.outcome, exchange.failure.as_deref()), (Outcome::Failed, Some("not today")));
        assert_eq!(upstream.requests().len(), 1, "an answered request is not sent again");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = ScriptedUpstream::always(Script::json(200, &json!({}))).await;
    let location = format!("{}/chat/completions", elsewhere.url());
    let script = Script::new().head(307, &[("location", &location), ("content-length", "0")]);
    let (status, headers, _, exchange) = play(script).await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(headers["location"], location);
    assert_eq!(exchange.outcome, Outcome::Failed);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn connections_are_used_again() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("hi"))).await;
    let client = client(&upstream);
    for _ in 0..5 {
        client.send(chat_request()).await.unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!((upstream.requests().len(), upstream.connections()), (5, 1));
}

#[test]
fn what_the_client_prints_holds_no_credential() {
    let base_url: BaseUrl = "http://me:hunter2@127.0.0.1:9/v1?key=hunter3".parse().unwrap();
    let config = UpstreamConfig { key: Some(Secret::new("sk-hunter4")), ..UpstreamConfig::new(base_url) };
    let printed = format!("{config:?} {:?}", Upstream::new(config.clone()).unwrap());
    assert!(!printed.contains("hunter"), "{printed}");
}

#[test]
fn a_key_that_no_header_can_carry_is_refused_without_showing_it() {
    let config = UpstreamConfig::new("http://127.0.0.1:9".parse().unwrap());
    let error =
        Upstream::new(UpstreamConfig { key: Some(Secret::new("sk\nhunter2")), ..config }).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_chat_of_our_own_tells_text_as_it_comes() {
    let upstream = ScriptedUpstream::in_turn(vec![
        Script::events(replies::text_events(&["Hel", "lo"])),
        Script::json(200, &replies::completion("Hello")),
    ])
    .await;
    let client = client(&upstream);
    for stream in [true, false] {
        let request =
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream});
        let mut told = String::new();
        let exchange = client.chat(&request, |text| told.push_str(text)).await.unwrap();
        assert_eq!((told.as_str(), exchange.reply.text.as_str()), ("Hello", "Hello"));
        assert_eq!(exchange.outcome, Outcome::Complete);
        assert_eq!(upstream.last_request().json(), request);
    }
}

#[tokio::test]
async fn a_refused_chat_says_why_and_when_to_come_back() {
    let body = replies::error("slow down", "rate_limit").to_string();
    let length = body.len().to_string();
    let head =
        [("content-type", "application/json"), ("content-length", length.as_str()), ("retry-after", "3")];
    let upstream = ScriptedUpstream::always(Script::new().head(429, &head).send(body)).await;
    let error = client(&upstream).chat(&json!({}), |_| {}).await.unwrap_err();
    let ChatError::Refused { host, status, reason, retry_after_s } = error else { panic!("{error}") };
    assert_eq!(host, upstream.address().to_string());
    assert_eq!((status.as_u16(), reason.as_str(), retry_after_s), (429, "slow down", Some(3)));
}
