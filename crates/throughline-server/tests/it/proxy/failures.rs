//! Upstreams that fail, requests that cannot be meant, and memory that is broken.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use super::world::{World, header, user};

#[tokio::test]
async fn an_upstreams_refusal_reaches_the_client_as_it_is_and_is_not_remembered() {
    for status in [400, 401, 404, 429, 500, 503] {
        let body = replies::error("no", "refused").to_string();
        let length = body.len().to_string();
        let headers =
            [("content-type", "application/json"), ("content-length", &*length), ("retry-after", "7")];
        let script = Script::new().head(status, &headers).send(body.clone());
        let mut world = World::new(ScriptedUpstream::always(script).await).await;
        let response = world.chat(json!([user("hello")])).await;
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, "retry-after"), Some("7"));
        assert!(header(&response, "x-memory-receipt").is_some());
        assert_eq!(response.text().await.unwrap(), body);
        world.stop().await;
        assert_eq!(world.turns(0).await.len(), 0, "after {status}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_502_that_says_so() {
    let world = World::new(ScriptedUpstream::always(Script::new().reset()).await).await;
    let response = world.chat(json!([user("hello")])).await;
    assert_eq!(response.status(), 502);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "upstream_unreachable");
}

#[tokio::test]
async fn a_server_without_an_upstream_says_how_to_name_one() {
    let upstream = ScriptedUpstream::always(Script::new().reset()).await;
    let world = World::with(upstream, |config| config.upstream = None).await;
    let response = world.chat(json!([user("hello")])).await;
    assert_eq!(response.status(), 503);
    assert!(response.text().await.unwrap().contains("--upstream"));
}

#[tokio::test]
async fn an_error_in_place_of_a_stream_passes_and_is_not_remembered() {
    let error = replies::error("overloaded", "overloaded");
    let mut world = World::new(ScriptedUpstream::always(Script::json(200, &error)).await).await;
    let response = world.chat(json!([user("hello")])).await;
    assert_eq!(response.json::<Value>().await.unwrap(), error);
    world.stop().await;
    assert_eq!(world.turns(0).await.len(), 0);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_refused_in_the_shape_openai_clients_know() {
    let world = World::new(ScriptedUpstream::always(Script::json(200, &json!({}))).await).await;
    let url = format!("{}/v1/chat/completions", world.url);
    let cases: [(Vec<u8>, &str); 3] = [
        (b"{\"messages\": [".to_vec(), "invalid_json"),
        (b"[1]".to_vec(), "invalid_request"),
        (b"{\"model\": \"\xff\"}".to_vec(), "invalid_utf8"),
    ];
    for (body, code) in cases {
        let response = world.client.post(&url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 400);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], code, "{body}");
        assert_eq!(body["error"]["type"], "invalid_request_error");
    }
    assert!(world.upstream.requests().is_empty());
}

#[tokio::test]
async fn messages_nobody_can_read_are_for_the_upstream_to_judge() {
    let world =
        World::new(ScriptedUpstream::always(Script::json(400, &replies::error("bad", "bad"))).await).await;
    for messages in [json!("hi"), json!([1]), json!([{"role": 7}]), Value::Null] {
        let body = json!({"messages": messages, "user": "ana"});
        let response = world.post(&body).send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert!(header(&response, "x-memory-degraded").is_some());
        assert_eq!(world.upstream.last_request().body, body.to_string());
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_before_it_goes_anywhere() {
    let upstream = ScriptedUpstream::always(Script::json(200, &json!({}))).await;
    let world = World::with(upstream, |config| config.body_bytes_max = 1_000).await;
    let response = world.chat(json!([user(&"x".repeat(2_000))])).await;
    assert_eq!(response.status(), 413);
    assert!(world.upstream.requests().is_empty());
}

/// A model that takes for ever.
struct Stuck(EmbeddingModel);

impl Embedder for Stuck {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn embed(&self, _: EmbedRole, _: &[&str], deadline: Duration) -> Result<Vec<Embedding>, EmbedError> {
        std::thread::sleep(deadline);
        Err(EmbedError::DeadlineExceeded)
    }
}

#[tokio::test]
async fn a_model_that_hangs_costs_its_part_of_the_deadline_and_words_still_recall() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("ok"))).await;
    let world = World::new(upstream).await;
    world.chat(json!([user("My home airport is Porto.")])).await.bytes().await.unwrap();
    world.turns(2).await;
    let model = EmbeddingModel { name: "stuck".into(), dimensions: 4 };
    world.memory.attach(Arc::new(Stuck(model))).unwrap();
    let body = json!({"messages": [user("what is my home airport?")]});
    let request = world.post(&body).header("x-memory-user", "ana").header("x-memory-deadline-ms", "2000");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-memory-degraded"), Some("embedding_deadline"));
    assert_eq!(header(&response, "x-memory-hits"), Some("1"));
    assert!(world.sent()[0]["content"].as_str().unwrap().contains("Porto"));
}

#[tokio::test]
async fn a_chat_is_told_that_another_process_has_changed_the_model() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("ok"))).await;
    let world = World::new(upstream).await;
    let model = |name: &str| EmbeddingModel { name: name.into(), dimensions: 4 };
    world.memory.attach(Arc::new(Stuck(model("old")))).unwrap();
    let coming = world.memory.store().begin_switch(&model("new")).unwrap().coming.unwrap();
    assert!(world.memory.store().complete_switch(coming.number).unwrap());
    let response = world.chat(json!([user("hello")])).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-memory-degraded"), Some("other_model_serves"));
}

#[tokio::test]
async fn memory_that_is_too_late_is_left_out_and_the_chat_goes_on() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("ok"))).await;
    let world = World::new(upstream).await;
    let body = json!({"messages": [user("what is my home airport?")]});
    let request = world.post(&body).header("x-memory-user", "ana").header("x-memory-deadline-ms", "0");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-memory-degraded"), Some("memory_deadline"));
    assert_eq!(world.sent(), [user("what is my home airport?")]);
    assert_eq!(world.turns(2).await[0].content.text, "what is my home airport?");
}

#[tokio::test]
async fn an_option_that_cannot_be_meant_is_refused_before_anything_is_billed() {
    let world = World::new(ScriptedUpstream::always(Script::json(200, &json!({}))).await).await;
    let request = world.post(&json!({"messages": [user("hi")]})).header("x-memory-mode", "fulll");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("readonly"));
    assert!(world.upstream.requests().is_empty());
}
