//! Writing turns and reading them back.

use serde_json::{Value, json};

use super::world::World;

async fn add(world: &World, turns: Value) -> Value {
    world.post("/turns", &json!({ "user": "ana", "session": "s1", "turns": turns })).await.ok()
}

async fn list(world: &World, query: &str) -> Vec<Value> {
    world.get(&format!("/turns?user=ana{query}")).await.ok()["turns"].as_array().unwrap().clone()
}

#[tokio::test]
async fn turns_come_back_as_they_were_given() {
    let world = World::open().await;
    let parts = json!([
        { "type": "text", "text": "Look at this." },
        { "type": "image_url", "image_url": { "url": "https://example.com/cat.png" } },
    ]);
    let added = add(
        &world,
        json!([
            { "role": "user", "name": "Ana", "content": parts, "time": "2026-11-02T09:30:00+01:00" },
            { "role": "assistant", "content": "A cat.", "time": 1_700_000_000_123_i64, "metadata": { "b": 1, "a": [2] } },
            { "role": "user", "content": " \n yes \t", "time": 1_700_000_000 },
        ]),
    )
    .await;
    assert_eq!(added["turns"].as_array().unwrap().len(), 3);
    assert_eq!(added["turns"][1]["seq"], 2);

    let turns = list(&world, "").await;
    assert_eq!(turns[0]["content"], parts);
    assert_eq!(
        (&turns[0]["name"], &turns[0]["role"], &turns[0]["session"]),
        (&json!("Ana"), &json!("user"), &json!("s1"))
    );
    assert_eq!(turns[0]["time"], "2026-11-02T08:30:00Z");
    assert_eq!(turns[0]["id"], added["turns"][0]["id"]);
    assert_eq!((&turns[1]["time"], &turns[1]["parent_seq"]), (&json!("2023-11-14T22:13:20.123Z"), &json!(1)));
    assert_eq!(turns[2]["content"], " \n yes \t");
    assert_eq!((&turns[2]["name"], &turns[2]["metadata"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn metadata_keeps_its_bytes() {
    let world = World::open().await;
    let metadata = r#"{"z":1,"a":100000000000000000000000000001,"f":1.10,"e":"\u00e9"}"#;
    let body = format!(
        r#"{{"user":"ana","session":"s","turns":[{{"role":"user","content":"penguins","metadata":{metadata}}}]}}"#
    );
    let request = world.request(&http::Method::POST, "/turns").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let listed = world.get("/turns?user=ana").await;
    assert!(listed.text.contains(metadata), "{}", listed.text);
    let recalled = world.post("/recall", &json!({ "user": "ana", "query": "penguins" })).await;
    assert!(recalled.text.contains(metadata), "{}", recalled.text);
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let world = World::open().await;
    for session in ["a", "b", "c"] {
        for number in 0..5 {
            world.say(session, &format!("number {number}")).await;
        }
    }
    let mut seqs = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.get(&format!("/turns?user=ana&limit=4{cursor}")).await.ok();
        seqs.extend(page["turns"].as_array().unwrap().iter().map(|turn| turn["seq"].as_u64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seqs, (1..=15).collect::<Vec<u64>>());

    assert_eq!(list(&world, "&session=b").await.len(), 5);
    let page = world.get("/turns?user=ana&session=b&limit=5").await.ok();
    assert_eq!(page["next_cursor"], Value::Null);

    let sessions = world.get("/sessions?user=ana&limit=2").await.ok();
    assert_eq!(
        (&sessions["sessions"][0]["session"], &sessions["sessions"][1]["turns"]),
        (&json!("a"), &json!(5))
    );
    let cursor = sessions["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("/sessions?user=ana&limit=2&cursor={cursor}")).await.ok();
    assert_eq!((&rest["sessions"][0]["session"], &rest["next_cursor"]), (&json!("c"), &Value::Null));
    assert_eq!(world.get(&format!("/turns?user=ana&cursor={cursor}")).await.code(), "invalid_cursor");
}

#[tokio::test]
async fn a_write_repeated_with_its_key_happens_once_and_with_another_body_is_refused() {
    let world = World::open().await;
    let body = |text: &str| json!({ "user": "ana", "session": "s", "idempotency_key": "k1", "turns": [{ "role": "user", "content": text }] });
    let first = world.post("/turns", &body("hello")).await.ok();
    assert_eq!(world.post("/turns", &body("hello")).await.ok(), first);
    let other = world.post("/turns", &body("bye")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "idempotency_mismatch"));
    assert_eq!(list(&world, "").await.len(), 1);
}

#[tokio::test]
async fn a_user_nobody_heard_of_has_nothing() {
    let world = World::open().await;
    assert_eq!(world.get("/turns?user=nobody").await.ok(), json!({ "turns": [], "next_cursor": null }));
    assert_eq!(world.get("/sessions?user=nobody").await.ok()["sessions"], json!([]));
    let recalled = world.post("/recall", &json!({ "user": "nobody", "query": "x" })).await.ok();
    assert_eq!(recalled["items"], json!([]));
    assert_eq!(world.get("/profile?user=nobody").await.ok()["epoch"], 0);
    assert_eq!(world.delete("/users/nobody").await.ok()["turns"], 0);
}

#[tokio::test]
async fn agents_apps_and_runs_keep_memories_of_their_own() {
    let world = World::open().await;
    world.say("s", "for everybody").await;
    for (field, value) in [("agent", "tutor"), ("app", "mobile"), ("run", "r1")] {
        let turns = json!([{ "role": "user", "content": format!("for {field}") }]);
        let body = json!({ "user": "ana", "session": "s", field: value, "turns": turns });
        world.post("/turns", &body).await.ok();
        let turns = list(&world, &format!("&{field}={value}")).await;
        assert_eq!(turns.len(), 1);
        assert_eq!(turns[0]["content"], format!("for {field}"));
        let body = json!({ "user": "ana", field: value, "query": "everybody" });
        let found = world.post("/recall", &body).await.ok();
        assert!(!found.to_string().contains("for everybody"), "{found}");
    }
    assert_eq!(list(&world, "").await.len(), 1);
    assert_eq!(world.delete("/users/ana").await.ok()["scopes"], 4);
}

#[tokio::test]
async fn an_erased_user_is_gone_from_every_route() {
    let world = World::open().await;
    world.say("s", "the cormorant nests on the pier").await;
    world.put("/profile", &json!({ "user": "ana", "profile": { "goals": ["cormorant"] } })).await.ok();
    let context = world.post("/context", &json!({ "user": "ana", "query": "cormorant" })).await.ok();
    let erased = world.delete("/users/ana").await.ok();
    assert_eq!(
        (&erased["turns"], &erased["sessions"], &erased["receipts"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let receipt = context["receipt"]["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/receipts/{receipt}")).await.status, 404);
    for path in ["/turns?user=ana", "/sessions?user=ana", "/profile?user=ana"] {
        assert!(!world.get(path).await.text.contains("cormorant"));
    }
    let recalled = world.post("/recall", &json!({ "user": "ana", "query": "cormorant" })).await.ok();
    assert_eq!(recalled["items"], json!([]));
}

#[tokio::test]
async fn a_user_id_may_hold_any_printable_character() {
    let world = World::open().await;
    let user = "a/b ?&=#%+Zoë@例え";
    let turns = json!([{ "role": "user", "content": "hi" }]);
    world.post("/turns", &json!({ "user": user, "session": "s", "turns": turns })).await.ok();
    let encoded: String =
        user.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()).map(char::from).collect();
    assert_eq!(world.get(&format!("/turns?user={encoded}")).await.ok()["turns"].as_array().unwrap().len(), 1);
    assert_eq!(world.delete(&format!("/users/{encoded}")).await.ok()["turns"], 1);
}
