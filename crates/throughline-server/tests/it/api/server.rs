//! The server itself: health, metrics, documentation, a clean end.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
use throughline_server::{App, ModelState, error_table};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::{World, answer};

#[tokio::test]
async fn it_is_ready_without_a_model_and_says_how_far_the_model_is() {
    let world = World::open().await;
    assert_eq!(world.get("./healthz").await.text, "ok");
    let ready = world.get("./readyz").await.ok();
    assert_eq!(
        (&ready["ready"], &ready["store"], &ready["model"]),
        (&json!(true), &json!("ok"), &json!("loading"))
    );
    assert_eq!(ready["recall"], "lexical");
    world.model.set(ModelState::Missing("run `throughline model pull`".into()));
    let ready = world.get("./readyz").await.ok();
    assert_eq!(
        (&ready["model"], &ready["model_detail"]),
        (&json!("missing"), &json!("run `throughline model pull`"))
    );
}

#[tokio::test]
async fn it_says_how_far_a_change_of_the_embedding_model_is() {
    let world = World::open().await;
    let store = world.memory.store();
    let model = |name: &str| EmbeddingModel { name: name.into(), dimensions: 3 };
    store.claim_embedding_model(&model("old")).unwrap();
    assert!(world.get("./readyz").await.ok().get("model_switch").is_none());
    world.say("s", "hello").await;
    store.begin_switch(&model("new")).unwrap();
    let ready = world.get("./readyz").await.ok();
    assert_eq!(
        ready["model_switch"],
        json!({ "from": "old", "to": "new", "passages_waiting": 1, "both_at_hand": false })
    );
    store.roll_back_switch().unwrap();
    assert!(world.get("./readyz").await.ok().get("model_switch").is_none());
}

/// A model to whom all texts are the same.
struct Flat(EmbeddingModel);

impl Embedder for Flat {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn embed(&self, _: EmbedRole, texts: &[&str], _: Duration) -> Result<Vec<Embedding>, EmbedError> {
        Ok(texts.iter().map(|_| Embedding { vector: vec![1.0, 0.0], ..Embedding::default() }).collect())
    }
}

fn flat(name: &str) -> Arc<Flat> {
    Arc::new(Flat(EmbeddingModel { name: name.into(), dimensions: 2 }))
}

#[tokio::test]
async fn a_server_that_another_process_has_changed_the_model_under_says_so_everywhere() {
    let world = World::open().await;
    world.memory.attach(flat("old")).unwrap();
    world.model.set(ModelState::Ready);
    let look = async || {
        let recalled = world.post("/recall", &json!({ "user": "ana", "query": "hello" })).await.ok();
        let context = world.post("/context", &json!({ "user": "ana", "query": "hello" })).await.ok();
        assert_eq!(recalled["degraded"], context["receipt"]["degraded"]);
        let ready = world.get("./readyz").await.ok();
        (
            [&ready["model"], &ready["recall"], &recalled["degraded"]].map(Value::clone),
            ready["model_detail"].clone(),
        )
    };
    let well = ([json!("ready"), json!("full"), Value::Null], Value::Null);
    assert_eq!(look().await, well);

    // As another process does it: there is nothing to be read, so the new model serves at once.
    let store = world.memory.store();
    let coming = store.begin_switch(flat("new").model()).unwrap().coming.unwrap();
    assert!(store.complete_switch(coming.number).unwrap());
    let (words, detail) = look().await;
    assert_eq!(words, [json!("other_model_serves"), json!("lexical"), json!("other_model_serves")]);
    let detail = detail.as_str().unwrap();
    assert!(
        detail.starts_with("new answers now") && detail.contains("throughline model rollback"),
        "{detail}"
    );
    let metrics = world.get("./metrics").await.text;
    assert!(metrics.contains("throughline_recall_by_words_alone 1"), "{metrics}");
    assert!(metrics.contains(r#"throughline_degraded_total{reason="other_model_serves"} 2"#), "{metrics}");

    world.memory.keep_at_hand(flat("new"));
    assert_eq!(look().await, well);
    assert!(world.get("./metrics").await.text.contains("throughline_recall_by_words_alone 0"));
}

#[tokio::test]
async fn a_server_that_has_only_the_model_that_comes_says_whose_turn_it_is() {
    let world = World::open().await;
    let store = world.memory.store();
    store.claim_embedding_model(flat("old").model()).unwrap();
    world.say("s", "hello").await;
    store.begin_switch(flat("new").model()).unwrap();
    world.memory.attach(flat("new")).unwrap();
    world.model.set(ModelState::Ready);
    let ready = world.get("./readyz").await.ok();
    assert_eq!(ready["model"], "other_model_serves");
    let detail = ready["model_detail"].as_str().unwrap();
    assert!(detail.contains("old answers until the switch to new is complete"), "{detail}");
    assert!(detail.contains("previous.source"), "{detail}");
}

#[tokio::test]
async fn metrics_count_routes_by_their_pattern_and_never_name_a_user() {
    let world = World::open().await;
    world.say("session-name", "hello").await;
    world.post("/recall", &json!({ "user": "ana", "query": "hello" })).await.ok();
    world.delete("/users/someone-special").await.ok();
    world.get("./some/unknown-path").await;
    let text = world.get("./metrics").await.text;
    for line in [
        r#"throughline_http_requests_total{route="/api/v1/turns",method="POST",status="200"} 1"#,
        r#"throughline_http_requests_total{route="/api/v1/users/{id}",method="DELETE",status="200"} 1"#,
        r#"route="unmatched""#,
        r#"throughline_stage_seconds_bucket{stage="search",le="#,
        r#"throughline_degraded_total{reason="no_embedding_model"} 1"#,
        "throughline_write_to_recall_seconds_count 1",
        "throughline_recall_hits_total 1",
        "throughline_turns_written_total 1",
        "throughline_unembedded_passages",
        "throughline_outbox_jobs",
        "throughline_record_queue",
        "throughline_shard_bytes",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    for secret in ["ana", "someone-special", "session-name", "unknown-path"] {
        assert!(!text.contains(&format!("\"{secret}")) && !text.contains(&format!("/{secret}")), "{secret}");
    }
}

#[tokio::test]
async fn the_documentation_is_served_from_here_and_loads_nothing_from_elsewhere() {
    let world = World::open().await;
    let document: Value = world.get("./openapi.json").await.ok();
    assert_eq!(document, serde_json::from_str::<Value>(&App::openapi()).unwrap());
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));

    let page = world.get("./docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
    let start = world.get("./docs/swagger-initializer.js").await;
    assert!(
        start.text.contains("/openapi.json") && start.text.contains("\"validatorUrl\": \"none\""),
        "{}",
        start.text
    );
    for text in [&page.text, &start.text] {
        for link in ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "url(http"] {
            assert!(!text.contains(link), "{text}");
        }
    }
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "index.css"] {
        assert_eq!(world.get(&format!("./docs/{file}")).await.status, 200, "{file}");
    }
}

#[tokio::test]
async fn every_route_of_the_document_says_what_it_answers_and_has_a_name_of_its_own() {
    let document: Value = serde_json::from_str(&App::openapi()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(names.insert(operation["operationId"].to_string()), "{method} {path}");
            assert!(operation["responses"].get("200").is_some(), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_request_keeps_the_id_its_client_gave_it_or_gets_one() {
    let world = World::open().await;
    let get = || world.request(&Method::GET, "./healthz");
    assert_eq!(answer(get().header("x-request-id", "mine")).await.headers["x-request-id"], "mine");
    let long = "x".repeat(500);
    for request in [get(), get().header("x-request-id", long)] {
        let given = answer(request).await;
        assert!(given.headers["x-request-id"].to_str().unwrap().starts_with("req_"));
    }
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_takes_nothing_new() {
    let world = World::open().await;
    let address = world.url.trim_start_matches("http://").to_owned();
    let body =
        json!({ "user": "ana", "session": "s", "turns": [{ "role": "user", "content": "last words" }] })
            .to_string();
    let mut slow = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/v1/turns HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    slow.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));

    let (client, server) = world.stop();
    slow.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.await.unwrap();
    assert!(client.get(format!("http://{address}/healthz")).send().await.is_err());
}

#[test]
fn the_table_of_errors_can_be_rendered() {
    assert!(error_table().any(|entry| entry.code == "store_full" && entry.status == 507));
}
