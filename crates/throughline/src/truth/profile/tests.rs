//! What the profile shows of memories: own slots as the schema has room for them, and no more than it may hold.

use serde_json::{Value, json};

use super::*;
use crate::codec;
use crate::model::{Authority, MemoryId, MemoryState, words_of};

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn memory(number: u32, kind: MemoryKind, text: &str) -> MemoryRecord {
    let said = Timestamp::from_second(1_700_000_000 + i64::from(number)).unwrap();
    MemoryRecord {
        id: MemoryId(uuid::Uuid::from_u128(number.into())),
        kind,
        slot: None,
        value: text.into(),
        text: text.into(),
        state: MemoryState::Active,
        authority: Authority::User,
        importance: 0.5,
        pinned: false,
        half_life_days: None,
        valid_from: said,
        valid_to: None,
        recorded_at: said,
        said_last: said,
        evidence: Vec::new(),
        superseded_by: None,
        entries: vec![number.into()],
    }
}

fn own(number: u32, name: &str, value: &Value) -> MemoryRecord {
    let slot = Some(profile_slot(name));
    MemoryRecord { slot, value: words_of(value), ..memory(number, MemoryKind::Fact, "x") }
}

fn slots(properties: &Value) -> OwnSlots {
    OwnSlots::of_schema(&json!({ "properties": properties })).unwrap()
}

fn own_of(before: &Value, memories: &[MemoryRecord], slots: &OwnSlots) -> Value {
    let before = before.as_object().unwrap().clone().into_iter().collect();
    let before = Profile { own: before, ..Profile::default() };
    Value::Object(profile(&before, memories, slots, now()).own.into_iter().collect())
}

#[test]
fn a_slot_of_several_has_each_value_once_and_what_was_there_keeps_its_place() {
    let slots = slots(&json!({ "a": { "type": "array", "items": { "type": "string" } } }));
    let memories = [own(1, "a", &json!("x")), own(2, "a", &json!("y")), own(3, "a", &json!(["y", "z"]))];
    assert_eq!(own_of(&json!({}), &memories, &slots), json!({ "a": ["x", "y", "z"] }));
    assert_eq!(own_of(&json!({ "a": ["z", "y"] }), &memories, &slots), json!({ "a": ["z", "y", "x"] }));
}

#[test]
fn a_value_that_no_longer_fits_is_left_out_and_comes_back_with_its_schema() {
    let memories = [own(1, "a", &json!("x")), own(2, "b", &json!("y")), own(3, "c", &json!(["p", "q"]))];
    let strict = slots(&json!({ "a": { "type": "number" }, "c": { "type": "string" } }));
    assert_eq!(own_of(&json!({ "a": "x", "b": "y" }), &memories, &strict), json!({}));
    let all = json!({ "a": "x", "b": "y", "c": ["p", "q"] });
    assert_eq!(own_of(&json!({}), &memories, &OwnSlots::default()), all);
}

#[test]
fn several_values_in_a_slot_that_holds_one_by_now_are_the_latest_of_them() {
    let slots = slots(&json!({ "a": { "type": "string" } }));
    let memories = [own(2, "a", &json!("later")), own(1, "a", &json!("earlier"))];
    assert_eq!(own_of(&json!({}), &memories, &slots), json!({ "a": "later" }));
    let retracted = MemoryRecord { state: MemoryState::Retracted, ..own(1, "a", &json!("x")) };
    assert_eq!(own_of(&json!({ "a": "x" }), &[retracted], &slots), json!({}));
}

#[test]
fn a_learned_profile_is_never_larger_than_an_operator_may_write_one() {
    let long = |number: u32| format!("{number} \"quoted\" {}", "long ".repeat(200));
    let kinds = [MemoryKind::Goal, MemoryKind::Preference, MemoryKind::Lesson, MemoryKind::Fact];
    let mut memories: Vec<MemoryRecord> =
        (0..400).map(|number| memory(number, kinds[number as usize % 4], &long(number))).collect();
    memories.extend((400..500).map(|number| own(number, "a", &json!(long(number)))));
    let slots = slots(&json!({ "a": { "type": "array", "items": { "type": "string" } } }));
    // The lightest of all, but an operator's.
    memories[0].authority = Authority::Operator;
    memories[0].importance = 0.01;
    let profile = profile(&Profile::default(), &memories, &slots, now());
    let bytes = codec::encode_profile(&profile).len();
    assert!(bytes <= PROFILE_BYTES_MAX && bytes > PROFILE_BYTES_MAX / 2, "{bytes}");
    assert!(profile.goals.contains(&long(0)));
    assert!(profile.summary.is_some());
}

#[test]
fn a_list_holds_so_many_learned_entries_beside_all_that_an_operator_wrote() {
    let mut memories: Vec<MemoryRecord> =
        (0..150).map(|number| memory(number, MemoryKind::Goal, &format!("goal {number}"))).collect();
    memories.iter_mut().skip(90).for_each(|memory| memory.authority = Authority::Operator);
    let goals = profile(&Profile::default(), &memories, &OwnSlots::default(), now()).goals;
    assert_eq!(goals.len(), 60, "an operator's count too");
    assert!(goals.contains(&"goal 149".to_owned()) && !goals.contains(&"goal 89".to_owned()));
}
