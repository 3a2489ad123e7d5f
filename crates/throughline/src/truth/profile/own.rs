//! The tenant's own slots of the profile, from the memories behind them, as far as the schema has room for what these say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::{MemoryRecord, OwnSlots, Profile, Slot, Timestamp, value_of};

use super::room::Shown;
use super::{PROFILE_ENTRIES_MAX, PROFILE_SUBJECT, SUMMARY_SLOT};

/// The own slot that a memory is of.
pub fn own_slot(memory: &MemoryRecord) -> Option<&str> {
    let slot = memory.slot.as_ref().filter(|slot| slot.subject == PROFILE_SUBJECT)?;
    Some(slot.name.as_str()).filter(|name| *name != SUMMARY_SLOT)
}

/// All own slots. One that no memory is of stays as it was before.
pub(super) fn slots(
    before: &BTreeMap<Slot, Value>,
    memories: &[MemoryRecord],
    shown: &Shown,
    slots: &OwnSlots,
) -> BTreeMap<Slot, Value> {
    let mut own = before.clone();
    let names: BTreeSet<&str> = memories.iter().filter_map(own_slot).collect();
    for name in names {
        let of_slot = memories.iter().filter(|memory| own_slot(memory) == Some(name));
        let said: Vec<&MemoryRecord> = of_slot.filter(|memory| shown.contains(&memory.id)).collect();
        let value = value(before.get(name), &said, slots.get(name).is_some_and(|slot| slot.multiple));
        match value.and_then(|value| slots.fitting(name, &value)) {
            Some(value) => own.insert(name.to_owned(), value),
            None => own.remove(name),
        };
    }
    own
}

/// Whether a schema has room for what a memory says of this slot.
pub(super) fn fits(memory: &MemoryRecord, name: &str, slots: &OwnSlots) -> bool {
    let value = value_of(&memory.value);
    match slots.get(name) {
        Some(slot) if slot.multiple => one_by_one(value).iter().any(|value| slot.takes(value)),
        _ => slots.fitting(name, &value).is_some(),
    }
}

/// Whether the profile was made by another schema: it says what has no room by now, or lacks what has.
pub fn is_of_another_schema(
    profile: &Profile,
    memories: &[MemoryRecord],
    slots: &OwnSlots,
    now: Timestamp,
) -> bool {
    let own = &profile.own;
    let has_room = |(name, value): (&Slot, &Value)| slots.fitting(name, value).as_ref() == Some(value);
    let lacks = |memory: &MemoryRecord| {
        let Some(name) = own_slot(memory).filter(|name| memory.holds_at(now) && fits(memory, name, slots))
        else {
            return false;
        };
        let most = slots.get(name).and_then(|slot| slot.values_max).unwrap_or(usize::MAX);
        match own.get(name) {
            Some(Value::Array(there)) if there.len() < most.min(PROFILE_ENTRIES_MAX) => {
                let is_there = |value: &Value| there.contains(value);
                slots.get(name).is_some_and(|slot| slot.multiple)
                    && !one_by_one(value_of(&memory.value)).iter().all(is_there)
            }
            there => there.is_none(),
        }
    };
    !own.iter().all(has_room) || memories.iter().any(lacks)
}

/// What the memories of a slot come to. Of several values those that were there before keep their places.
fn value(before: Option<&Value>, memories: &[&MemoryRecord], multiple: bool) -> Option<Value> {
    let mut values: Vec<Value> = memories.iter().map(|memory| value_of(&memory.value)).collect();
    if !multiple && values.len() < 2 {
        return values.pop();
    }
    let mut said: Vec<Value> = Vec::new();
    for value in values.into_iter().flat_map(one_by_one) {
        if !said.contains(&value) {
            said.push(value);
        }
    }
    let places = before.cloned().map(one_by_one).unwrap_or_default();
    said.sort_by_key(|value| places.iter().position(|place| place == value).unwrap_or(usize::MAX));
    Some(Value::Array(said)).filter(|_| !memories.is_empty())
}

/// An operator may have written several values at once.
fn one_by_one(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}
