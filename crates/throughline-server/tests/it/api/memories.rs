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
async fn what_was_forgotten_is_in_no_answer_any_more_and_cannot_be_added_again() {
    let world = world().await;
    world.say("s", "My dog is called Fenrisulfr.").await;
    let id = add(&world, "Her dog is called Fenrisulfr").await;
    let report = world.post(&format!("/memories/{id}/forget"), &json!({})).await.ok();
    assert_eq!((&report["turns"], &report["claims"]), (&json!(1), &json!(1)), "{report}");
    for path in ["/memories?user=ana", "/changes?user=ana", "/turns?user=ana", "/profile?user=ana", "/jobs"] {
        assert!(!world.get(path).await.text.contains("Fenrisulfr"), "{path}");
    }
    assert_eq!(world.get(&format!("/memories/{id}/why")).await.status, 404);
    let again =
        world.post("/memories", &json!({ "user": "ana", "text": "your dog is CALLED Fenrisulfr!" })).await;
    assert_eq!((again.status, again.code().as_str()), (400, "invalid_request"));
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

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_named() {
    let world = world().await;
    let id = add(&world, "plays chess").await;
    let patched = format!("/memories/{id}");
    let new = |field: &str, value: Value| {
        let mut body = json!({ "user": "ana", "text": "x" });
        body[field] = value;
        body
    };
    let none = Value::Null;
    let unknown = "mem_00000000000000000000000000000000";
    for (method, path, body, status, code, part) in [
        (Method::GET, "/memories".into(), none.clone(), 400, "missing_user", "user"),
        (
            Method::GET,
            "/memories?user=ana&kind=hunch".into(),
            none.clone(),
            400,
            "invalid_request",
            "kind: `hunch`",
        ),
        (
            Method::GET,
            "/memories?user=ana&state=true".into(),
            none.clone(),
            400,
            "invalid_request",
            "state: `true`",
        ),
        (
            Method::GET,
            "/memories?user=ana&as_of=lately".into(),
            none.clone(),
            400,
            "invalid_time",
            "as_of: `lately`",
        ),
        (Method::GET, "/memories?user=ana&limit=0".into(), none.clone(), 400, "invalid_request", "limit"),
        (Method::GET, "/memories?user=ana&cursor=x".into(), none.clone(), 400, "invalid_cursor", "cursor"),
        (Method::GET, "/changes?user=ana&since=soon".into(), none.clone(), 400, "invalid_time", "since"),
        (Method::GET, "/changes?user=ana&limit=1001".into(), none.clone(), 400, "invalid_request", "limit"),
        (Method::POST, "/memories".into(), json!({ "text": "x" }), 400, "missing_user", "user"),
        (
            Method::POST,
            "/memories".into(),
            json!({ "user": "ana" }),
            400,
            "invalid_request",
            "text: is missing",
        ),
        (
            Method::POST,
            "/memories".into(),
            new("text", json!(" ")),
            400,
            "invalid_request",
            "the text of a memory",
        ),
        (
            Method::POST,
            "/memories".into(),
            new("text", json!("x".repeat(2_001))),
            400,
            "invalid_request",
            "2001 bytes",
        ),
        (
            Method::POST,
            "/memories".into(),
            new("kind", json!("hunch")),
            400,
            "invalid_request",
            "kind: `hunch`",
        ),
        (
            Method::POST,
            "/memories".into(),
            new("slot", json!("a.b.c")),
            400,
            "invalid_request",
            "slot: `a.b.c`",
        ),
        (Method::POST, "/memories".into(), new("slot", json!(" . ")), 400, "invalid_request", "slot"),
        (
            Method::POST,
            "/memories".into(),
            new("importance", json!(1.5)),
            400,
            "invalid_request",
            "importance of 1.5",
        ),
        (
            Method::POST,
            "/memories".into(),
            new("importance", json!("high")),
            400,
            "invalid_request",
            "importance",
        ),
        (
            Method::POST,
            "/memories".into(),
            new("valid_from", json!("once")),
            400,
            "invalid_time",
            "valid_from",
        ),
        (Method::PATCH, patched.clone(), json!({}), 400, "invalid_request", "nothing to change"),
        (
            Method::PATCH,
            patched.clone(),
            json!({ "text": "" }),
            400,
            "invalid_request",
            "the text of a memory",
        ),
        (
            Method::PATCH,
            patched.clone(),
            json!({ "valid_to": 0 }),
            400,
            "invalid_request",
            "ends before it begins",
        ),
        (Method::PATCH, "/memories/7".into(), json!({ "text": "x" }), 400, "invalid_request", "id: `7`"),
        (Method::PATCH, format!("/memories/{unknown}"), json!({ "text": "x" }), 404, "not_found", unknown),
        (Method::POST, format!("/memories/{unknown}/retract"), none.clone(), 404, "not_found", unknown),
        (Method::POST, format!("/memories/{unknown}/forget"), none.clone(), 404, "not_found", unknown),
        (Method::GET, format!("/memories/{unknown}/why"), none.clone(), 404, "not_found", unknown),
        (Method::GET, "/memories/nonsense/why".into(), none.clone(), 400, "invalid_request", "mem_"),
        (Method::POST, format!("/memories/{id}/invent"), none.clone(), 404, "not_found", "path"),
        (Method::POST, "/users/ana/rewind".into(), json!({}), 400, "invalid_request", "to: is missing"),
        (
            Method::POST,
            "/users/ana/rewind".into(),
            json!({ "to": "back" }),
            400,
            "invalid_time",
            "to: `back`",
        ),
        (
            Method::POST,
            "/users/ana/rewind".into(),
            json!({ "to": "2999-01-01T00:00:00Z" }),
            400,
            "invalid_request",
            "has not come yet",
        ),
    ] {
        let answer = world.send(&method, &path, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}: {answer:?}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{method} {path}: {message}");
    }
    assert_eq!(memories(&world, "").await.len(), 1, "nothing was changed");
}
