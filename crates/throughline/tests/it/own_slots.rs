//! A tenant's own slots, learned: from a schema to the profile, the context and the history; and a schema that changes.

use std::time::Duration;

use serde_json::{Value, json};
use throughline::memory::{
    ContextRequest, LearnSettings, Learner, MemoriesRequest, NewMemory, Order, ProfileChange,
};
use throughline::model::{MemoryKind, MemoryRecord, MemoryState, ProfilePatch, Scope, TenantId};

use crate::support::{World, scope};

fn schema(properties: &Value) -> String {
    json!({ "type": "object", "properties": properties }).to_string()
}

/// One value, several values, and one that only an operator writes.
fn properties() -> Value {
    json!({
        "airport": { "type": "string", "x-written-by": "user", "x-phrases": ["I fly from {value}"] },
        "sports": { "type": "array", "items": { "type": "string" }, "x-written-by": "user", "x-half-life-days": 30,
            "x-phrases": ["my sport is {value}"] },
        "tier": { "enum": ["gold", "basic"] },
    })
}

fn put(world: &World, properties: &Value) {
    world.memory.store().put_slot_schema(&TenantId::single(), Some(&schema(properties))).unwrap();
}

fn world() -> (World, Scope) {
    let world = World::new();
    put(&world, &properties());
    (world, scope("ana"))
}

/// Said on a day of its own, and learned from.
fn say(world: &World, scope: &Scope, text: &str) {
    world.wait(Duration::from_hours(24));
    let session = format!("s{}", world.memory.now().as_second());
    world.tell(scope, &session, &[text]);
    let learner = Learner::new(None, LearnSettings::default(), None);
    while learner.step(&world.memory, Some(&scope.user)).unwrap().is_some() {}
}

fn own(world: &World, scope: &Scope) -> Value {
    Value::Object(world.memory.profile(scope).unwrap().own.into_iter().collect())
}

fn memories(world: &World, scope: &Scope) -> Vec<MemoryRecord> {
    world.memory.memories(scope, &MemoriesRequest::default()).unwrap()
}

fn patch(world: &World, scope: &Scope, slot: &str, value: &Value) {
    let own = [(slot.to_owned(), Some(value.clone()).filter(|value| !value.is_null()))].into();
    let change = ProfileChange::Patch(ProfilePatch { own, ..ProfilePatch::default() });
    world.memory.change_profile(scope, &change).unwrap();
}

fn of_profile(slot: &str, value: &str) -> NewMemory {
    NewMemory {
        kind: MemoryKind::Note,
        slot: Some(format!("profile.{slot}").parse().unwrap()),
        value: Some(value.into()),
        text: format!("{slot} is {value}"),
        importance: None,
        valid_from: None,
        valid_to: None,
    }
}

#[test]
fn what_is_said_of_an_own_slot_stands_in_profile_and_context_and_a_newer_word_takes_its_place() {
    let (world, ana) = world();
    say(&world, &ana, "I fly from Vienna.");
    assert_eq!(own(&world, &ana), json!({ "airport": "Vienna" }));
    say(&world, &ana, "I fly from Graz.");
    assert_eq!(own(&world, &ana), json!({ "airport": "Graz" }));
    let learned = memories(&world, &ana);
    let states: Vec<_> = learned.iter().map(|one| (one.value.as_str(), one.state)).collect();
    assert_eq!(states, [("Vienna", MemoryState::Superseded), ("Graz", MemoryState::Active)]);
    assert_eq!(learned[0].slot.as_ref().map(ToString::to_string), Some("profile.airport".into()));
    assert_eq!(learned[0].evidence[0].quote, "I fly from Vienna");
    let context = world.memory.context(&ana, &ContextRequest::asking("Hello")).unwrap();
    assert!(context.prefix.unwrap().contains("Other:\n- airport: \"Graz\""));
}

#[test]
fn a_slot_of_several_values_keeps_them_beside_each_other_with_its_half_life() {
    let (world, ana) = world();
    say(&world, &ana, "My sport is tennis.");
    say(&world, &ana, "My sport is rowing.");
    assert_eq!(own(&world, &ana), json!({ "sports": ["tennis", "rowing"] }));
    let learned = memories(&world, &ana);
    assert_eq!(learned[0].half_life_days, Some(30.0));
    world.memory.order(ana.tenant(), learned[0].id, Order::Retract).unwrap().unwrap();
    assert_eq!(own(&world, &ana), json!({ "sports": ["rowing"] }));
}

#[test]
fn an_operator_and_learning_write_the_same_list_and_the_operators_word_stays() {
    let (world, ana) = world();
    say(&world, &ana, "My sport is tennis.");
    patch(&world, &ana, "sports", &json!(["golf", "tennis"]));
    say(&world, &ana, "My sport is rowing.");
    assert_eq!(own(&world, &ana), json!({ "sports": ["golf", "tennis", "rowing"] }));
    patch(&world, &ana, "sports", &json!(["golf"]));
    say(&world, &ana, "Thanks for that.");
    assert_eq!(own(&world, &ana), json!({ "sports": ["golf"] }));
    patch(&world, &ana, "airport", &json!("Linz"));
    say(&world, &ana, "I fly from Graz.");
    assert_eq!(
        own(&world, &ana),
        json!({ "airport": "Linz", "sports": ["golf"] }),
        "an operator's word wins"
    );
    patch(&world, &ana, "sports", &Value::Null);
    assert_eq!(own(&world, &ana), json!({ "airport": "Linz" }));
}

#[test]
fn a_value_that_a_new_schema_has_no_room_for_is_out_of_the_profile_and_not_lost() {
    let (world, ana) = world();
    say(&world, &ana, "I fly from Graz.");
    say(&world, &ana, "My sport is tennis.");
    let epoch = world.memory.profile(&ana).unwrap().epoch;
    let before = memories(&world, &ana);
    let numbers = json!({ "airport": { "type": "number" }, "sports": { "type": "array", "items": { "type": "string" } } });
    put(&world, &numbers);
    assert_eq!(own(&world, &ana), json!({ "sports": ["tennis"] }));
    assert_eq!(world.memory.profile(&ana).unwrap().epoch, epoch + 1, "its meaning changed once");
    put(&world, &json!({ "airport": { "type": "string" } }));
    assert_eq!(own(&world, &ana), json!({ "airport": "Graz" }));
    put(&world, &json!({ "other": { "type": "string" } }));
    assert_eq!(own(&world, &ana), json!({}));
    put(&world, &properties());
    assert_eq!(own(&world, &ana), json!({ "airport": "Graz", "sports": ["tennis"] }), "all of it is back");
    assert_eq!(memories(&world, &ana), before, "memories do not depend on the schema");
    patch(&world, &ana, "airport", &json!("Linz"));
}

#[test]
fn a_memory_of_an_own_slot_is_checked_as_the_profile_is() {
    let (world, ana) = world();
    let refused = |slot: &str, value: &str| {
        world.memory.add_memory(&ana, of_profile(slot, value)).unwrap_err().to_string()
    };
    assert!(refused("tier", "silver").contains("holds one of gold | basic"));
    assert!(refused("level", "gold").contains("not in the tenant's schema"));
    let added = world.memory.add_memory(&ana, of_profile("tier", "GOLD")).unwrap();
    assert_eq!(added.value, "gold");
    assert_eq!(own(&world, &ana), json!({ "tier": "gold" }));
}

#[test]
fn a_schema_that_nobody_checked_stops_neither_learning_nor_profiles() {
    let (world, ana) = world();
    world.memory.store().put_slot_schema(&TenantId::single(), Some("{\"properties\": 7}")).unwrap();
    say(&world, &ana, "I live in Graz.");
    assert!(world.memory.profile(&ana).unwrap().summary.unwrap().contains("Graz"));
}

#[test]
fn a_forgotten_value_leaves_its_slot_and_is_not_learned_into_it_again() {
    let (world, ana) = world();
    say(&world, &ana, "I fly from Klagenfurt.");
    let id = memories(&world, &ana)[0].id;
    world.memory.forget_memory(ana.tenant(), id).unwrap().unwrap();
    say(&world, &ana, "I fly from Klagenfurt.");
    assert_eq!(own(&world, &ana), json!({}));
}
