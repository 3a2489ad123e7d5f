//! Contexts and their receipts.

use serde_json::{Value, json};

use super::world::World;

async fn world() -> World {
    let world = World::open().await;
    world.say("yesterday", "My bicycle is stored in locker 42 behind the theatre.").await;
    world.put("/identity", &json!({ "text": "You are Ada, a careful assistant." })).await.ok();
    world.put("/profile", &json!({ "user": "ana", "profile": { "goals": ["Ride to Porto"] } })).await.ok();
    world
}

#[tokio::test]
async fn a_context_is_the_messages_with_memory_put_in() {
    let world = world().await;
    let messages = json!([
        { "role": "system", "content": "Be brief.", "x": 1 },
        { "role": "user", "content": "Where is my bicycle stored?" },
    ]);
    let context = world.post("/context", &json!({ "user": "ana", "messages": messages })).await.ok();
    let sent = context["messages"].as_array().unwrap();
    assert_eq!(sent.len(), 3);
    let prefix = sent[0]["content"].as_str().unwrap();
    assert_eq!(sent[0]["role"], "system");
    assert!(prefix.starts_with("You are Ada") && prefix.contains("Ride to Porto"), "{prefix}");
    assert_eq!(sent[1], messages[0]);
    let question = sent[2]["content"].as_str().unwrap();
    assert!(question.starts_with("Where is my bicycle stored?\n\n<throughline-memory-"), "{question}");
    assert!(question.contains("locker 42"), "{question}");

    let receipt = &context["receipt"];
    assert_eq!(receipt["used"][0]["text"], "My bicycle is stored in locker 42 behind the theatre.");
    assert_eq!((&receipt["used"][0]["session"], &receipt["profile_epoch"]), (&json!("yesterday"), &json!(1)));
    assert!(receipt["used_tokens"].as_u64().unwrap() <= receipt["budget_tokens"].as_u64().unwrap());
    assert_eq!(receipt["identity_hash"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_query_alone_is_a_conversation_that_begins_with_it() {
    let world = world().await;
    let context =
        world.post("/context", &json!({ "user": "ana", "query": "Where is my bicycle?" })).await.ok();
    assert_eq!(context["messages"][1]["role"], "user");
    assert!(context["messages"][1]["content"].as_str().unwrap().contains("locker 42"));
}

#[tokio::test]
async fn a_context_without_room_adds_nothing() {
    let world = world().await;
    let body = json!({ "user": "ana", "query": "Where is my bicycle?", "budget_tokens": 0 });
    let context = world.post("/context", &body).await.ok();
    assert_eq!(context["messages"], json!([{ "role": "user", "content": "Where is my bicycle?" }]));
    assert_eq!(context["receipt"]["dropped"][0]["reason"], "budget");
}

#[tokio::test]
async fn a_receipt_can_be_read_and_played_again_to_the_byte() {
    let world = world().await;
    let context =
        world.post("/context", &json!({ "user": "ana", "query": "Where is my bicycle?" })).await.ok();
    let id = context["receipt"]["id"].as_str().unwrap();
    let receipt = world.get(&format!("/receipts/{id}")).await.ok();
    assert_eq!(receipt["context_hash"], context["receipt"]["context_hash"]);
    assert_eq!(
        (&receipt["used"], &receipt["sections"]),
        (&context["receipt"]["used"], &context["receipt"]["sections"])
    );
    assert_eq!(receipt.get("replay"), None);
    assert!(receipt["timings"].as_array().unwrap().iter().any(|timing| timing["stage"] == "search"));

    // What has changed since does not count.
    world.put("/identity", &json!({ "text": "You are Bob." })).await.ok();
    world.put("/profile", &json!({ "user": "ana", "profile": {} })).await.ok();
    let replay = world.get(&format!("/receipts/{id}?replay=1")).await.ok()["replay"].clone();
    assert_eq!(replay["same"], true);
    assert_eq!(replay["prefix"], context["messages"][0]["content"]);
    let block = replay["block"].as_str().unwrap();
    assert_eq!(context["messages"][1]["content"], format!("Where is my bicycle?\n\n{block}"));
}

#[tokio::test]
async fn a_context_is_dated_in_the_zone_that_the_request_names() {
    let world = World::open().await;
    let turn =
        json!({ "role": "user", "content": "The boiler was serviced.", "time": "2026-01-10T03:30:00Z" });
    world.post("/turns", &json!({ "user": "ana", "session": "s", "turns": [turn] })).await.ok();
    let ask = async |zone: Value| {
        let body = json!({ "user": "ana", "query": "When was the boiler serviced?", "time_zone": zone });
        world.post("/context", &body).await
    };
    for (zone, name, date) in [
        (json!("America/New_York"), "America/New_York", "Friday 2026-01-09"),
        (json!("+09:00"), "+09:00", "Saturday 2026-01-10"),
        (Value::Null, "UTC", "Saturday 2026-01-10"),
    ] {
        let context = ask(zone).await.ok();
        assert_eq!(context["receipt"]["time_zone"], name);
        assert!(context["messages"][0]["content"].as_str().unwrap().contains(date), "{context}");
    }
    let refused = ask(json!("Mars")).await;
    assert_eq!((refused.status, refused.json()["error"]["param"].as_str()), (400, Some("time_zone")));
}

#[tokio::test]
async fn our_own_block_coming_back_is_taken_out_whatever_shape_the_content_has() {
    let world = world().await;
    let ask = async |content: Value| {
        let messages = json!([{ "role": "user", "content": content }]);
        world.post("/context", &json!({ "user": "ana", "messages": messages })).await.ok()["messages"][1]["content"].clone()
    };
    let text = ask(json!("Where is my bicycle?")).await;
    assert_eq!(ask(text.clone()).await, text);
    let parts = ask(json!([{ "type": "text", "text": "Where is my bicycle?" }])).await;
    assert_eq!(parts.as_array().unwrap().len(), 2);
    assert_eq!(ask(parts.clone()).await, parts);
}

#[tokio::test]
async fn identities_are_versions_that_never_change() {
    let world = World::open().await;
    assert_eq!(world.get("/identity").await.code(), "not_found");
    let first = world.put("/identity", &json!({ "text": "one" })).await.ok();
    assert_eq!((&first["version"], &first["text"]), (&json!(1), &json!("one")));
    let second = world.put("/identity", &json!({ "text": "two" })).await.ok();
    assert_eq!(second["version"], 2);
    assert_eq!(world.put("/identity", &json!({ "text": "two" })).await.ok()["version"], 2);
    assert_eq!(world.get("/identity?version=1").await.ok(), first);
    assert_eq!(world.get("/identity").await.ok()["hash"], second["hash"]);
    assert_eq!(world.get("/identity?version=3").await.status, 404);

    let agent = world.put("/identity", &json!({ "text": "tutor", "agent": "t" })).await.ok();
    assert_eq!((&agent["version"], &agent["agent"]), (&json!(1), &json!("t")));
    assert_eq!(world.get("/identity?agent=t").await.ok()["text"], "tutor");
    let context = world.post("/context", &json!({ "user": "ana", "agent": "t", "query": "hi" })).await.ok();
    assert_eq!(context["messages"][0]["content"], "tutor");
    let context =
        world.post("/context", &json!({ "user": "ana", "agent": "other", "query": "hi" })).await.ok();
    assert_eq!(context["messages"][0]["content"], "two");
}
