//! Finding what was said.

use serde_json::{Value, json};

use super::world::World;

async fn recall(world: &World, mut body: Value) -> Vec<Value> {
    body["user"] = json!("ana");
    world.post("/recall", &body).await.ok()["items"].as_array().unwrap().clone()
}

fn texts(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["text"].as_str().unwrap()).collect()
}

async fn harbour() -> World {
    let world = World::open().await;
    let turns = json!([
        { "role": "user", "content": "The harbour opens in May.", "time": "2026-01-01T00:00:00Z", "metadata": { "topic": "sea" } },
        { "role": "assistant", "name": "Bo", "content": "The harbour closes in October.", "time": "2026-02-01T00:00:00Z" },
    ]);
    world.post("/turns", &json!({ "user": "ana", "session": "one", "turns": turns })).await.ok();
    let turns =
        json!([{ "role": "user", "content": "My harbour pass is blue.", "time": "2026-03-01T00:00:00Z" }]);
    world.post("/turns", &json!({ "user": "ana", "session": "two", "turns": turns })).await.ok();
    world
}

#[tokio::test]
async fn an_item_says_what_who_when_and_where() {
    let world = harbour().await;
    let items = recall(&world, json!({ "query": "harbour closes", "explain": true })).await;
    let best = &items[0];
    assert_eq!(best["text"], "The harbour closes in October.");
    assert_eq!(
        (&best["role"], &best["name"], &best["session"]),
        (&json!("assistant"), &json!("Bo"), &json!("one"))
    );
    assert_eq!((&best["kind"], &best["time"]), (&json!("turn"), &json!("2026-02-01T00:00:00Z")));
    assert!(best["turn_id"].as_str().unwrap().starts_with("turn_"));
    assert!(best["score"].is_number() && best["scores"]["lexical"].as_f64().unwrap() > 0.0);
    assert_eq!(best["scores"]["cosine"], Value::Null);
    let parts = ["lexical", "dense", "late", "answer", "session", "date", "speaker", "role"];
    let sum: f64 = parts.iter().map(|part| best["scores"][part].as_f64().unwrap()).sum();
    assert!((sum - best["score"].as_f64().unwrap()).abs() < 1e-4, "{best}");
    assert!((0.0..=1.0).contains(&best["confidence"].as_f64().unwrap()));
    assert!(recall(&world, json!({ "query": "harbour" })).await[0].get("scores").is_none());
}

#[tokio::test]
async fn a_turn_is_found_as_soon_as_its_write_was_answered() {
    let world = World::open().await;
    for number in 0..20 {
        world.say("s", &format!("locker{number} holds the key")).await;
        let items = recall(&world, json!({ "query": format!("locker{number}") })).await;
        assert_eq!(texts(&items)[0], format!("locker{number} holds the key"));
    }
}

#[tokio::test]
async fn filters_leave_out_what_does_not_meet_them() {
    let world = harbour().await;
    let found =
        async |filters: Value| recall(&world, json!({ "query": "harbour", "filters": filters })).await.len();
    assert_eq!(found(json!({})).await, 3);
    assert_eq!(found(json!({ "role": "user" })).await, 2);
    assert_eq!(found(json!({ "roles": ["assistant", "tool"] })).await, 1);
    assert_eq!(found(json!({ "session": "two" })).await, 1);
    assert_eq!(found(json!({ "sessions": ["one", "two"], "role": "assistant" })).await, 1);
    assert_eq!(found(json!({ "from": "2026-02-01T00:00:00Z" })).await, 2);
    assert_eq!(found(json!({ "until": "2026-02-01T00:00:00Z" })).await, 1);
    assert_eq!(found(json!({ "metadata": { "topic": "sea" } })).await, 1);
    assert_eq!(found(json!({ "metadata": { "topic": "land" } })).await, 0);
}

#[tokio::test]
async fn the_time_of_a_question_is_checked_and_hides_nothing() {
    let world = harbour().await;
    let items = recall(&world, json!({ "query": "harbour", "time": "2026-01-01T00:00:00Z" })).await;
    assert_eq!(items.len(), 3);
}

#[tokio::test]
async fn limit_and_token_budget_bound_the_answer() {
    let world = harbour().await;
    assert_eq!(recall(&world, json!({ "query": "harbour", "limit": 2 })).await.len(), 2);
    assert_eq!(recall(&world, json!({ "query": "harbour", "budget_tokens": 8 })).await.len(), 1);
    assert_eq!(recall(&world, json!({ "query": "harbour", "budget_tokens": 0 })).await.len(), 0);
}

#[tokio::test]
async fn the_session_a_question_is_asked_in_does_not_narrow_the_search() {
    let world = harbour().await;
    assert_eq!(recall(&world, json!({ "query": "harbour", "session": "today" })).await.len(), 3);
}

#[tokio::test]
async fn an_answer_without_a_model_says_that_it_went_by_words_alone() {
    let world = harbour().await;
    let answer = world.post("/recall", &json!({ "user": "ana", "query": "harbour" })).await.ok();
    assert_eq!(answer["degraded"], "no_embedding_model");
}

#[tokio::test]
async fn an_item_says_which_memories_rest_on_it_and_the_memory_prior_can_be_switched_off() {
    let world = World::open().await;
    world.say("monday", "I live in Graz.").await;
    world.say("monday", "Thanks, that helps.").await;
    world.post("/learn", &json!({ "user": "ana", "wait": true })).await.ok();
    let ask = |priors: Value| {
        let world = &world;
        let body = json!({ "user": "ana", "query": "Where do I live?", "explain": true, "priors": priors });
        async move { world.post("/recall", &body).await.ok()["items"].clone() }
    };
    let items = ask(json!({})).await;
    let graz = items.as_array().unwrap().iter().find(|item| item["text"] == "I live in Graz.").unwrap();
    let memory = world.get("/memories?user=ana").await.ok()["memories"][0].clone();
    assert_eq!(graz["memories"], json!([{ "id": memory["id"], "state": "active", "valid_to": null }]));
    assert_eq!(graz["standing"].as_bool(), Some(false), "{graz}");
    assert!(graz["scores"]["memory"].as_f64().unwrap() > 0.0, "{graz}");
    let without = ask(json!({ "memory": false })).await;
    assert!(without.as_array().unwrap().iter().all(|item| item["scores"]["memory"] == 0.0), "{without}");
}
