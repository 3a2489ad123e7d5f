//! Memories over HTTP: what is true, why, what operators do about it, and what cannot be meant.

use http::Method;
use serde_json::{Value, json};
use throughline_server::{AuthMode, ServerConfig};

use super::world::World;

/// Open, and nothing is learned but on request.
async fn world() -> World {
    World::with(ServerConfig { auth: AuthMode::Open, learning: false, ..ServerConfig::default() }).await
}

async fn learn(world: &World) -> Value {
    world.post("/learn", &json!({ "user": "ana", "wait": true })).await.ok()
}

async fn memories(world: &World, query: &str) -> Vec<Value> {
    world.get(&format!("/memories?user=ana{query}")).await.ok()["memories"].as_array().unwrap().clone()
}

async fn add(world: &World, text: &str) -> String {
    let added = world.post("/memories", &json!({ "user": "ana", "text": text })).await.ok();
    added["id"].as_str().unwrap().to_owned()
}

/// What an order makes of a memory.
async fn order(world: &World, id: &str, order: &str) -> Value {
    world.post(&format!("/memories/{id}/{order}"), &json!({})).await.ok()
}

#[tokio::test]
async fn what_a_user_says_is_a_memory_with_the_words_it_rests_on() {
    let world = world().await;
    let said = world.say("s", "By the way, I live in Graz.").await;
    let learned = learn(&world).await;
    assert_eq!(
        (&learned["done"], &learned["jobs"], &learned["claims"]),
        (&json!(true), &json!(1), &json!(1)),
        "{learned}"
    );

    let found = memories(&world, "").await;
    let [memory] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (&memory["slot"], &memory["value"], &memory["state"], &memory["authority"]),
        (&json!("user.home"), &json!("Graz"), &json!("active"), &json!("user"))
    );
    let turn_id = &said["turns"][0]["id"];
    assert!(turn_id.is_string(), "{said}");
    assert_eq!(&memory["evidence"][0]["turn_id"], turn_id);
    assert!(memory["evidence"][0]["quote"].as_str().unwrap().contains("I live in Graz"));
    assert!(memory["valid_to"].is_null());
    for time in ["valid_from", "recorded_at"] {
        assert!(memory[time].as_str().unwrap().ends_with('Z'), "{memory}");
    }
}

#[tokio::test]
async fn what_was_so_before_stays_as_history_and_why_tells_how_it_came() {
    let world = world().await;
    world.say("s", "I live in Graz.").await;
    learn(&world).await;
    world.say("s", "I moved to Lisbon.").await;
    learn(&world).await;

    let now = memories(&world, "&state=active").await;
    assert_eq!((now.len(), &now[0]["value"]), (1, &json!("Lisbon")), "{now:?}");
    let before = memories(&world, "&state=superseded").await;
    assert_eq!((before.len(), &before[0]["value"]), (1, &json!("Graz")), "{before:?}");
    assert_eq!(before[0]["superseded_by"], now[0]["id"]);

    let why = world.get(&format!("/memories/{}/why", before[0]["id"].as_str().unwrap())).await.ok();
    let states: Vec<&Value> = why["states"].as_array().unwrap().iter().map(|state| &state["state"]).collect();
    assert_eq!(states, ["active", "superseded"]);
    assert_eq!((&why["user"], &why["memory"]), (&json!("ana"), &before[0]));
    assert_eq!(
        (&why["entries"][0]["act"], &why["entries"][0]["by"]),
        (&json!("claimed"), &json!("learning"))
    );
    assert!(why["entries"][0]["evidence"]["quote"].as_str().unwrap().contains("Graz"));
}

#[tokio::test]
async fn an_operator_adds_changes_takes_back_and_brings_back() {
    let world = world().await;
    let body = json!({
        "user": "ana", "kind": "fact", "slot": "home", "value": "Porto", "text": "Lives in Porto",
        "importance": 0.4, "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2999-01-01T00:00:00Z",
    });
    let added = world.post("/memories", &body).await.ok();
    assert_eq!(
        (&added["slot"], &added["authority"], &added["valid_from"]),
        (&json!("user.home"), &json!("operator"), &json!("2026-01-01T00:00:00Z"))
    );
    assert_eq!(world.post("/memories", &body).await.ok()["id"], added["id"], "the same twice is one memory");

    let patch = json!({ "text": "Lives in Braga", "value": "Braga" });
    let edited = world.patch(&format!("/memories/{}", added["id"].as_str().unwrap()), &patch).await.ok();
    assert_eq!((&edited["value"], &edited["importance"]), (&json!("Braga"), &added["importance"]));
    assert_ne!(edited["id"], added["id"]);
    let id = edited["id"].as_str().unwrap();
    for (what, key, expected) in [
        ("pin", "pinned", json!(true)),
        ("unpin", "pinned", json!(false)),
        ("retract", "state", json!("retracted")),
        ("restore", "state", json!("active")),
        ("retract", "state", json!("retracted")),
        ("undo", "state", json!("active")),
    ] {
        assert_eq!(order(&world, id, what).await[key], expected, "{what}");
    }
    let active = memories(&world, "&state=active").await;
    assert_eq!((active.len(), &active[0]["id"]), (1, &edited["id"]), "{active:?}");
}

#[tokio::test]
async fn an_end_is_set_and_taken_away_and_an_undone_edit_gives_back_the_memory_before() {
    let world = world().await;
    let id = add(&world, "is in Rome").await;
    let edit = |id: String, body: Value| {
        let world = &world;
        async move { world.patch(&format!("/memories/{id}"), &body).await.ok() }
    };
    let ended = edit(id.clone(), json!({ "valid_to": "2999-01-01T00:00:00Z" })).await;
    assert_eq!(ended["valid_to"], "2999-01-01T00:00:00Z");
    let ended_id = ended["id"].as_str().unwrap();
    let open = edit(ended_id.into(), json!({ "valid_to": null })).await;
    assert_eq!((&open["valid_to"], &open["state"]), (&Value::Null, &json!("active")));
    let undone = order(&world, open["id"].as_str().unwrap(), "undo").await;
    assert_eq!((&undone["id"], &undone["valid_to"]), (&ended["id"], &json!("2999-01-01T00:00:00Z")));
    assert_eq!(memories(&world, "&state=active").await.len(), 1);
}

#[tokio::test]
async fn what_was_forgotten_is_in_no_answer_any_more_and_cannot_be_added_again() {
    let world = world().await;
    world.say("s", "My dog is called Fenrisulfr.").await;
    let id = add(&world, "Her dog is called Fenrisulfr").await;
    let report = world.post(&format!("/memories/{id}/forget"), &json!({})).await.ok();
    // What she said, and the turn that the operator's memory stands in.
    assert_eq!((&report["turns"], &report["claims"]), (&json!(2), &json!(1)), "{report}");
    for path in ["/memories?user=ana", "/changes?user=ana", "/turns?user=ana", "/profile?user=ana", "/jobs"] {
        assert!(!world.get(path).await.text.contains("Fenrisulfr"), "{path}");
    }
    assert_eq!(world.get(&format!("/memories/{id}/why")).await.status, 404);
    let again =
        world.post("/memories", &json!({ "user": "ana", "text": "your dog is CALLED Fenrisulfr!" })).await;
    assert_eq!((again.status, again.code().as_str()), (400, "invalid_request"));
    let lift = |text: &str| json!({ "text": text });
    assert_eq!(world.post("/users/ana/lift", &lift("Her dog")).await.ok()["lifted"], 0);
    assert_eq!(world.post("/users/ana/lift", &lift("Her dog is called Fenrisulfr")).await.ok()["lifted"], 1);
    add(&world, "Her dog is called Fenrisulfr").await;
}

#[tokio::test]
async fn pages_of_memories_and_changes_join_without_gap_even_if_one_is_taken_back_between_them() {
    let world = world().await;
    let mut ids = Vec::new();
    for text in ["plays chess", "owns a canoe", "speaks Finnish", "paints doors", "collects stamps"] {
        ids.push(add(&world, text).await);
    }
    let page = |path: String| {
        let world = &world;
        async move { world.get(&path).await.ok() }
    };
    let first = page("/memories?user=ana&state=active&limit=2".into()).await;
    order(&world, &ids[0], "retract").await;
    let mut seen: Vec<Value> = first["memories"].as_array().unwrap().clone();
    let mut next = first["next_cursor"].clone();
    while let Some(cursor) = next.as_str() {
        let more = page(format!("/memories?user=ana&state=active&limit=2&cursor={cursor}")).await;
        seen.extend(more["memories"].as_array().unwrap().iter().cloned());
        next = more["next_cursor"].clone();
    }
    assert_eq!(seen.iter().map(|memory| memory["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);

    let first = page("/changes?user=ana&limit=4".into()).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = page(format!("/changes?user=ana&limit=4&cursor={cursor}")).await;
    let numbers: Vec<u64> = [&first, &rest]
        .iter()
        .flat_map(|page| page["changes"].as_array().unwrap())
        .map(|change| change["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert_eq!((&rest["changes"][1]["act"], &rest["next_cursor"]), (&json!("retracted"), &Value::Null));
    let foreign = world.get(&format!("/memories?user=ana&cursor={cursor}")).await;
    assert_eq!(foreign.code(), "invalid_cursor");
}

#[tokio::test]
async fn a_user_is_taken_back_to_a_moment_and_what_was_believed_then_can_be_asked() {
    let world = world().await;
    add(&world, "plays chess").await;
    let then = memories(&world, "").await[0]["recorded_at"].as_str().unwrap().to_owned();
    // The next entry is recorded in a later millisecond.
    while world.memory.now().to_string() <= then {
        tokio::task::yield_now().await;
    }
    add(&world, "owns a canoe").await;
    assert_eq!(memories(&world, &format!("&as_of={then}")).await.len(), 1);
    let since = world.get(&format!("/changes?user=ana&since={then}")).await.ok();
    assert_eq!(since["changes"].as_array().unwrap().len(), 1, "{since}");

    let rewound = world.post("/users/ana/rewind", &json!({ "to": then })).await.ok();
    assert_eq!(rewound["memories"].as_array().unwrap().len(), 1, "{rewound}");
    assert_eq!(memories(&world, "").await.len(), 1);
}

/// Checks what a request that cannot be meant is answered with.
async fn refused(world: &World, method: Method, path: &str, body: Value, code: &str, message: &str) {
    let answer = world.send(&method, path, &body).await;
    let status = if code == "not_found" { 404 } else { 400 };
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}: {answer:?}");
    let said = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains(message), "{method} {path}: {said}");
}

#[tokio::test]
async fn a_question_that_cannot_be_meant_is_refused_and_named() {
    let world = world().await;
    for (path, code, message) in [
        ("/memories", "missing_user", "user"),
        ("/memories?user=ana&kind=hunch", "invalid_request", "kind: `hunch`"),
        ("/memories?user=ana&state=true", "invalid_request", "state: `true`"),
        ("/memories?user=ana&as_of=lately", "invalid_time", "as_of: `lately`"),
        ("/memories?user=ana&limit=0", "invalid_request", "limit"),
        ("/memories?user=ana&cursor=x", "invalid_cursor", "cursor"),
        ("/changes", "missing_user", "user"),
        ("/changes?user=ana&since=soon", "invalid_time", "since"),
        ("/changes?user=ana&limit=1001", "invalid_request", "limit"),
        ("/memories/nonsense/why", "invalid_request", "id: `nonsense`"),
        ("/memories/mem_00000000000000000000000000000000/why", "not_found", "mem_0000"),
    ] {
        refused(&world, Method::GET, path, Value::Null, code, message).await;
    }
}

#[tokio::test]
async fn a_memory_that_cannot_be_one_is_refused_and_named_and_nothing_is_kept() {
    let world = world().await;
    let new = |field: &str, value: Value| {
        let mut body = json!({ "user": "ana", "text": "x" });
        body[field] = value;
        body
    };
    for (body, code, message) in [
        (json!({ "text": "x" }), "missing_user", "user"),
        (json!({ "user": "ana" }), "invalid_request", "text: is missing"),
        (new("text", json!(" ")), "invalid_request", "the text of a memory"),
        (new("text", json!("x".repeat(2_001))), "invalid_request", "2001 bytes"),
        (new("value", json!("")), "invalid_request", "the value of a memory"),
        (new("kind", json!("hunch")), "invalid_request", "kind: `hunch`"),
        (new("slot", json!("a.b.c")), "invalid_request", "slot: `a.b.c`"),
        (new("slot", json!(" . ")), "invalid_request", "slot"),
        (new("importance", json!(1.5)), "invalid_request", "importance of 1.5"),
        (new("importance", json!("high")), "invalid_request", "importance"),
        (new("valid_from", json!("once")), "invalid_time", "valid_from"),
    ] {
        refused(&world, Method::POST, "/memories", body, code, message).await;
    }
    assert_eq!(memories(&world, "").await.len(), 0);
}

#[tokio::test]
async fn a_change_that_cannot_be_meant_is_refused_and_named_and_nothing_is_changed() {
    let world = world().await;
    let id = add(&world, "plays chess").await;
    let (one, unknown) = (format!("/memories/{id}"), "/memories/mem_00000000000000000000000000000000");
    for (body, code, message) in [
        (json!({}), "invalid_request", "nothing to change"),
        (json!({ "text": "" }), "invalid_request", "the text of a memory"),
        (json!({ "kind": "hunch" }), "invalid_request", "kind: `hunch`"),
        (json!({ "valid_to": 0 }), "invalid_request", "ends before it begins"),
    ] {
        refused(&world, Method::PATCH, &one, body, code, message).await;
    }
    let text = || json!({ "text": "x" });
    refused(&world, Method::PATCH, "/memories/7", text(), "invalid_request", "id: `7`").await;
    refused(&world, Method::PATCH, unknown, text(), "not_found", "mem_0000").await;
    for order in ["retract", "restore", "pin", "unpin", "undo", "forget"] {
        refused(&world, Method::POST, &format!("{unknown}/{order}"), Value::Null, "not_found", "mem_0000")
            .await;
    }
    refused(&world, Method::POST, &format!("{one}/invent"), Value::Null, "not_found", "path").await;
    for (to, code, message) in [
        (json!({}), "invalid_request", "to: is missing"),
        (json!({ "to": "back" }), "invalid_time", "to: `back`"),
        (json!({ "to": "2999-01-01T00:00:00Z" }), "invalid_request", "has not come yet"),
    ] {
        refused(&world, Method::POST, "/users/ana/rewind", to, code, message).await;
    }
    assert_eq!(memories(&world, "").await[0]["id"], id.as_str());
}
