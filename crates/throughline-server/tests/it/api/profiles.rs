//! Profiles and the tenant's own slots.

use serde_json::{Value, json};

use super::world::World;

fn of(profile: &Value) -> Value {
    json!({ "user": "ana", "profile": profile })
}

#[tokio::test]
async fn put_replaces_and_patch_changes_slot_by_slot() {
    let world = World::open().await;
    let put = json!({ "goals": ["a", "b"], "preferences": ["tea"], "summary": "Ana." });
    let first = world.put("/profile", &of(&put)).await.ok();
    let expected =
        json!({ "goals": ["a", "b"], "preferences": ["tea"], "pastMistakes": [], "summary": "Ana." });
    assert_eq!((&first["profile"], &first["epoch"]), (&expected, &json!(1)));
    assert_eq!(world.get("/profile?user=ana").await.ok(), first);

    let patched = world.patch("/profile", &of(&json!({ "goals": null, "pastMistakes": ["x"] }))).await.ok();
    let expected = json!({ "goals": [], "preferences": ["tea"], "pastMistakes": ["x"], "summary": "Ana." });
    assert_eq!((&patched["profile"], &patched["epoch"]), (&expected, &json!(2)));

    let replaced = world.put("/profile", &of(&json!({ "goals": ["c"] }))).await.ok();
    let expected = json!({ "goals": ["c"], "preferences": [], "pastMistakes": [], "summary": null });
    assert_eq!((&replaced["profile"], &replaced["epoch"]), (&expected, &json!(3)));
}

#[tokio::test]
async fn the_epoch_changes_only_if_the_content_does() {
    let world = World::open().await;
    let same = of(&json!({ "goals": ["a"] }));
    assert_eq!(world.put("/profile", &same).await.ok()["epoch"], 1);
    assert_eq!(world.put("/profile", &same).await.ok()["epoch"], 1);
    assert_eq!(world.patch("/profile", &of(&json!({}))).await.ok()["epoch"], 1);
}

#[tokio::test]
async fn own_slots_need_the_tenants_schema_and_must_meet_it() {
    let world = World::open().await;
    let metric = of(&json!({ "units": "metric" }));
    let refused = world.put("/profile", &metric).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_profile"));
    assert_eq!(refused.json()["error"]["param"], "profile.units");

    let schema = json!({ "schema": {
        "type": "object",
        "properties": {
            "units": { "enum": ["metric", "imperial"] },
            "home": { "type": "object", "properties": { "rooms": { "type": "integer" } } },
        },
    } });
    assert_eq!(world.put("/profile/schema", &schema).await.ok(), schema);
    assert_eq!(world.get("/profile/schema").await.ok(), schema);

    let kept = world.put("/profile", &metric).await.ok();
    assert_eq!(kept["profile"]["units"], "metric");
    let wrong = world.patch("/profile", &of(&json!({ "home": { "rooms": "two" } }))).await;
    assert_eq!(wrong.json()["error"]["param"], "profile.home.rooms", "{wrong:?}");
    assert_eq!(world.patch("/profile", &of(&json!({ "color": "red" }))).await.code(), "invalid_profile");
    let removed = world.patch("/profile", &of(&json!({ "units": null }))).await.ok();
    assert_eq!(removed["profile"].get("units"), None);

    assert_eq!(
        world.put("/profile/schema", &json!({ "schema": null })).await.ok(),
        json!({ "schema": null })
    );
    assert_eq!(world.put("/profile", &metric).await.code(), "invalid_profile");
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_is_refused() {
    let world = World::open().await;
    for schema in [
        json!({ "type": "array" }),
        json!({ "type": "object" }),
        json!({ "type": "object", "properties": { "goals": {} } }),
        json!({ "type": "object", "properties": { "x": { "type": "nonsense" } } }),
        json!({ "type": "object", "properties": { "x": { "$ref": "http://127.0.0.1:1/schema.json" } } }),
        json!({ "type": "object", "properties": { "x": { "$ref": "file:///etc/hostname" } } }),
    ] {
        let refused = world.put("/profile/schema", &json!({ "schema": schema })).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_schema"), "{schema}");
    }
}

#[tokio::test]
async fn a_slot_that_could_not_be_learned_into_is_refused_by_its_field() {
    let world = World::open().await;
    for (slot, field) in [
        (json!({ "type": "string", "x-written-by": "robots" }), ".x-written-by"),
        (json!({ "type": "string", "x-half-life-days": 0 }), ".x-half-life-days"),
        (json!({ "type": "object", "x-written-by": "user" }), ".type"),
        (json!({ "type": "array", "items": { "type": "object" }, "x-written-by": "user" }), ".items.type"),
        (json!({ "type": "string", "format": "date", "x-written-by": "user" }), ".format"),
        (json!({ "type": "string", "x-written-by": "user", "x-phrases": ["value"] }), ".x-phrases"),
    ] {
        let schema = json!({ "schema": { "type": "object", "properties": { "x": slot } } });
        let refused = world.put("/profile/schema", &schema).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_schema"), "{schema}");
        assert_eq!(refused.json()["error"]["param"], format!("schema.properties.x{field}"), "{refused:?}");
    }
    assert_eq!(world.get("/profile/schema").await.ok(), json!({ "schema": null }));
}

#[tokio::test]
async fn an_own_slot_is_learned_listed_explained_and_survives_a_change_of_its_schema() {
    let world = World::open().await;
    let schema = |kind: &str| {
        json!({ "schema": { "type": "object", "properties": { "homeAirport": {
            "type": kind, "x-written-by": "user", "x-phrases": ["I fly from {value}"] } } } })
    };
    let mut with_phrases = schema("string");
    world.put("/profile/schema", &with_phrases).await.ok();
    world.say("monday", "I fly from Graz.").await;
    world.post("/learn", &json!({ "user": "ana", "wait": true })).await.ok();
    assert_eq!(world.get("/profile?user=ana").await.ok()["profile"]["homeAirport"], "Graz");
    let listed = world.get("/memories?user=ana").await.ok()["memories"][0].clone();
    assert_eq!((&listed["slot"], &listed["value"]), (&json!("profile.homeAirport"), &json!("Graz")));
    let why = world.get(&format!("/memories/{}/why", listed["id"].as_str().unwrap())).await.ok();
    assert_eq!(why["entries"][0]["evidence"]["quote"], "I fly from Graz");

    with_phrases["schema"]["properties"]["homeAirport"] = json!({ "type": "number" });
    world.put("/profile/schema", &with_phrases).await.ok();
    let profile = world.get("/profile?user=ana").await.ok();
    assert_eq!(profile["profile"].get("homeAirport"), None, "{profile}");
    let kept = world.get("/memories?user=ana&state=active").await.ok()["memories"][0].clone();
    assert_eq!(kept["id"], listed["id"]);
    // It is not in the way of others.
    world.patch("/profile", &of(&json!({ "homeAirport": 7 }))).await.ok();

    let wrong = json!({ "user": "ana", "text": "x", "slot": "profile.homeAirport", "value": "Wien" });
    let refused = world.post("/memories", &wrong).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_request"), "{refused:?}");
}

#[tokio::test]
async fn slots_of_the_wrong_type_are_named() {
    let world = World::open().await;
    for (profile, param) in [
        (json!({ "goals": "one" }), "profile.goals"),
        (json!({ "goals": ["a", 1] }), "profile.goals[1]"),
        (json!({ "summary": [] }), "profile.summary"),
    ] {
        let refused = world.put("/profile", &of(&profile)).await;
        assert_eq!(refused.json()["error"]["param"], param, "{refused:?}");
    }
    let long = "x".repeat(70_000);
    assert_eq!(world.put("/profile", &of(&json!({ "summary": long }))).await.status, 400);
}
