//! What cannot be accepted is refused: whole, with its place, and without harm to what comes after.

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, answer};

fn turn(turn: &Value) -> Value {
    json!({ "user": "ana", "session": "s", "turns": [{ "role": "user", "content": "fine" }, turn] })
}

fn check(answer: &Answer, code: &str, message: &str) {
    assert_eq!((answer.status / 100, answer.code().as_str()), (4, code), "{answer:?}");
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains(message), "{answer:?}");
}

#[tokio::test]
async fn a_turn_that_is_not_one_is_named_and_nothing_is_written() {
    let world = World::open().await;
    for (bad, code, message) in [
        (
            json!({ "role": "robot", "content": "x" }),
            "invalid_request",
            "turns[1].role: `robot` is not a role",
        ),
        (json!({ "content": "x" }), "invalid_request", "turns[1].role: is missing"),
        (json!({ "role": "user" }), "invalid_request", "turns[1].content: is missing"),
        (json!({ "role": "user", "content": "" }), "empty_content", "turns[1].content"),
        (json!({ "role": "user", "content": " \n\t" }), "empty_content", "turns[1].content"),
        (json!({ "role": "user", "content": null }), "empty_content", "turns[1].content"),
        (json!({ "role": "user", "content": [] }), "empty_content", "turns[1].content"),
        (json!({ "role": "user", "content": 7 }), "invalid_request", "turns[1].content: expected a text"),
        (json!({ "role": "user", "content": [7] }), "invalid_request", "turns[1].content[0]"),
        (json!({ "role": 7, "content": "x" }), "invalid_request", "turns[1].role: invalid type"),
        (json!({ "role": "user", "content": "x", "time": "soon" }), "invalid_time", "turns[1].time"),
        (json!({ "role": "user", "content": "x", "time": 1e30 }), "invalid_time", "turns[1].time"),
        (json!({ "role": "user", "content": "x", "time": [] }), "invalid_time", "turns[1].time"),
        (json!({ "role": "user", "content": "x", "metadata": [] }), "invalid_request", "turns[1].metadata"),
        (json!({ "role": "user", "content": "x", "name": 1 }), "invalid_request", "turns[1].name"),
        (json!("hello"), "invalid_request", "turns[1]"),
    ] {
        check(&world.post("/turns", &turn(&bad)).await, code, message);
    }
    assert_eq!(world.get("/turns?user=ana").await.ok()["turns"], json!([]));
}

#[tokio::test]
async fn a_request_without_a_user_is_refused_everywhere() {
    let world = World::open().await;
    let turns = json!([{ "role": "user", "content": "x" }]);
    for (method, path, body) in [
        (Method::POST, "/turns", json!({ "session": "s", "turns": turns })),
        (Method::POST, "/turns", json!({ "user": "  ", "session": "s", "turns": turns })),
        (Method::POST, "/recall", json!({ "query": "x" })),
        (Method::POST, "/context", json!({ "query": "x" })),
        (Method::PUT, "/profile", json!({ "profile": {} })),
        (Method::PATCH, "/profile", json!({ "profile": {} })),
        (Method::GET, "/turns", Value::Null),
        (Method::GET, "/turns?user=", Value::Null),
        (Method::GET, "/sessions", Value::Null),
        (Method::GET, "/profile", Value::Null),
        (Method::DELETE, "/users/%20", Value::Null),
    ] {
        check(&world.send(&method, path, &body).await, "missing_user", "user");
    }
}

#[tokio::test]
async fn bodies_that_are_not_json_say_where_they_stop_being_it() {
    let world = World::open().await;
    let post = async |body: Vec<u8>| answer(world.request(&Method::POST, "/turns").body(body)).await;
    check(&post(b"{\"user\": \"ana\",\n  oops".to_vec()).await, "invalid_json", "line 2 column 3");
    check(&post(Vec::new()).await, "invalid_json", "line 1");
    check(&post(b"{\"user\": \"\xff\xfe\"}".to_vec()).await, "invalid_utf8", "byte 10");
    check(&post(b"[]".to_vec()).await, "invalid_request", "the body");
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    check(&post(deep.into_bytes()).await, "invalid_request", "the body");
    let deep = format!(
        r#"{{"user":"a","session":"s","turns":[{{"role":"user","content":"x","metadata":{{"d":{}{}}}}}]}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    assert_eq!(post(deep.into_bytes()).await.status, 200);
    check(&world.get("/turns?user=%ff").await, "invalid_utf8", "the query");
    check(&world.delete("/users/%ff").await, "invalid_utf8", "the path");
}

#[tokio::test]
async fn numbers_out_of_bounds_are_refused() {
    let world = World::open().await;
    check(&world.get("/turns?user=ana&limit=0").await, "invalid_request", "limit");
    check(&world.get("/turns?user=ana&limit=1001").await, "invalid_request", "limit");
    check(&world.get("/turns?user=ana&limit=x").await, "invalid_request", "limit");
    check(&world.get("/turns?user=ana&cursor=x").await, "invalid_cursor", "cursor");
    let recall = async |field: &str, value: Value| {
        world.post("/recall", &json!({ "user": "ana", "query": "x", field: value })).await
    };
    check(&recall("limit", json!(0)).await, "invalid_request", "limit");
    check(&recall("limit", json!(-1)).await, "invalid_request", "limit");
    check(&recall("budget_tokens", json!("many")).await, "invalid_request", "budget_tokens");
    check(&recall("query", json!("")).await, "empty_content", "query");
    check(&recall("query", json!("x".repeat(40_000))).await, "invalid_request", "query");
    check(&recall("filters", json!({ "sesion": "s" })).await, "unknown_filter", "filters.sesion");
    check(&recall("session", json!("")).await, "invalid_request", "session");
    let context = json!({ "user": "ana", "query": "x", "budget_tokens": 4_000_000 });
    check(&world.post("/context", &context).await, "invalid_request", "budget");
    check(&world.post("/context", &json!({ "user": "ana" })).await, "invalid_request", "messages");
    check(
        &world.post("/context", &json!({ "user": "ana", "messages": [7] })).await,
        "invalid_request",
        "messages[0]",
    );
    check(&world.get("/receipts/nonsense").await, "invalid_request", "rcpt_");
    let long = "x".repeat(300);
    check(&world.get(&format!("/turns?user={long}")).await, "invalid_request", "256");
}

#[tokio::test]
async fn more_turns_than_one_call_takes_are_refused_with_the_number() {
    let world = World::open().await;
    let turns = vec![json!({ "role": "user", "content": "x" }); 1001];
    let body = json!({ "user": "ana", "session": "s", "turns": turns });
    check(&world.post("/turns", &body).await, "too_many_turns", "1001 turns in one call; at most 1000");
    let body = json!({ "user": "ana", "session": "s", "turns": [] });
    check(&world.post("/turns", &body).await, "empty_content", "turns");
}

#[tokio::test]
async fn a_time_in_the_future_is_taken_as_it_is_given() {
    let world = World::open().await;
    world
        .post("/turns", &turn(&json!({ "role": "user", "content": "x", "time": "2999-01-01T00:00:00Z" })))
        .await
        .ok();
    assert_eq!(world.get("/turns?user=ana").await.ok()["turns"][1]["time"], "2999-01-01T00:00:00Z");
}

#[tokio::test]
async fn unknown_fields_are_passed_over() {
    let world = World::open().await;
    let mut body = turn(&json!({ "role": "user", "content": "x", "mood": "good" }));
    body["extra"] = json!({ "a": 1 });
    world.post("/turns", &body).await.ok();
}
