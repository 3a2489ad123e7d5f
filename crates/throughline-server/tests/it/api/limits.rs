//! Bounds on size, time and number of requests.

use http::Method;
use serde_json::json;
use throughline_server::{AuthMode, ServerConfig};
use throughline_sqlite::SqliteOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::{World, answer};

#[tokio::test]
async fn a_message_of_ten_megabytes_is_refused_by_naming_the_limit() {
    let world = World::open().await;
    let text = "x".repeat(10_000_000);
    let turns = json!([{ "role": "user", "content": text }]);
    let refused = world.post("/turns", &json!({ "user": "ana", "session": "s", "turns": turns })).await;
    assert_eq!((refused.status, refused.code().as_str()), (413, "body_too_large"));
    assert!(refused.text.contains("8388608 bytes (`body_bytes_max`)"), "{}", refused.text);
    world.say("s", "the server goes on").await;
}

#[tokio::test]
async fn above_the_bound_requests_are_shed_and_health_still_answers() {
    let config = ServerConfig { auth: AuthMode::Open, requests_in_flight_max: 1, ..ServerConfig::default() };
    let world = World::with(config).await;
    // A request whose body never comes holds the only place.
    let mut slow = TcpStream::connect(world.url.trim_start_matches("http://")).await.unwrap();
    slow.write_all(b"POST /api/v1/turns HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    // The server asks for the body as soon as the handler waits for it.
    let mut go_on = [0; 12];
    slow.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100");

    let shed = world.get("/turns?user=ana").await;
    assert_eq!((shed.status, shed.code().as_str()), (503, "overloaded"));
    assert_eq!(shed.headers["retry-after"], "1");
    assert_eq!(world.get("./healthz").await.status, 200);
    drop(slow);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let config = ServerConfig { auth: AuthMode::Open, request_ms_max: 50, ..ServerConfig::default() };
    let world = World::with(config).await;
    let never = futures_util::stream::pending::<Result<bytes::Bytes, std::convert::Infallible>>();
    let late = answer(world.request(&Method::POST, "/turns").body(reqwest::Body::wrap_stream(never))).await;
    assert_eq!((late.status, late.code().as_str()), (504, "timeout"));
}

#[tokio::test]
async fn a_full_store_says_so_and_still_answers_questions() {
    let config = ServerConfig { auth: AuthMode::Open, ..ServerConfig::default() };
    let options = SqliteOptions { file_bytes_max: Some(1_000_000), ..SqliteOptions::default() };
    let world = World::over(options, config).await;
    world.say("s", "the first one fits").await;
    let turns = json!([{ "role": "user", "content": "so much to say ".repeat(20_000) }]);
    let body = json!({ "user": "ana", "session": "s", "turns": turns });
    let mut written = 1;
    let full = loop {
        let answer = world.post("/turns", &body).await;
        if answer.status != 200 {
            break answer;
        }
        written += 1;
    };
    assert_eq!((full.status, full.code().as_str()), (507, "store_full"));
    assert_eq!(world.get("/turns?user=ana").await.ok()["turns"].as_array().unwrap().len(), written);
    let found = world.post("/recall", &json!({ "user": "ana", "query": "which one fits first" })).await.ok();
    assert_eq!(found["items"][0]["text"], "the first one fits");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_shape_of_its_api() {
    let world = World::open().await;
    assert_eq!(world.get("/nothing").await.code(), "not_found");
    assert_eq!(world.delete("/turns").await.code(), "method_not_allowed");
    let openai = world.get("./v1/models").await;
    assert_eq!(openai.status, 503);
    let error = &openai.json()["error"];
    assert_eq!((&error["code"], &error["type"]), (&json!("upstream_not_configured"), &json!("server_error")));
}
