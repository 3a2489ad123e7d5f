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
