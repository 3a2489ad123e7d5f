//! Which memories have room in the profile: an operator's before others, then by weight, as long as count and bytes last.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::model::{Authority, MemoryId, MemoryKind, MemoryRecord, OwnSlots, Timestamp};
use crate::truth::decay::weight;

use super::own::{fits, own_slot};
use super::{PROFILE_BYTES_MAX, PROFILE_ENTRIES_MAX, PROFILE_SUBJECT, list_kinds};

/// The memories that stand in the profile, its summary apart.
pub(super) type Shown = HashSet<MemoryId>;

/// Names, numbers and brackets of a profile as it is kept.
const FRAME_BYTES: usize = 1_024;

/// Quotation marks and the comma of an entry.
const ENTRY_FRAME_BYTES: usize = 4;

/// Where in the profile a memory stands.
#[derive(PartialEq, Eq, Hash)]
enum Place<'a> {
    List(MemoryKind),
    Own(&'a str),
}

/// Those of the memories that hold which have room, beside this summary.
pub(super) fn shown(
    memories: &[MemoryRecord],
    slots: &OwnSlots,
    summary: Option<&str>,
    now: Timestamp,
) -> Shown {
    let mut holding: Vec<(&MemoryRecord, Place<'_>, f32)> = memories
        .iter()
        .filter(|memory| memory.holds_at(now))
        .filter_map(|memory| Some((memory, place(memory, slots)?, weight(memory, now))))
        .collect();
    leave_one_of_single_slots(&mut holding, slots);
    let is_operators = |memory: &MemoryRecord| memory.authority == Authority::Operator;
    holding.sort_by(|(a, _, a_weight), (b, _, b_weight)| {
        is_operators(b).cmp(&is_operators(a)).then(b_weight.total_cmp(a_weight))
    });
    let mut left =
        PROFILE_BYTES_MAX - FRAME_BYTES - summary.map_or(0, json_bytes).min(PROFILE_BYTES_MAX - FRAME_BYTES);
    let mut counts: HashMap<Place<'_>, usize> = HashMap::new();
    let mut shown = Shown::new();
    for (memory, place, _) in holding {
        let bytes = ENTRY_FRAME_BYTES
            + match &place {
                Place::List(_) => json_bytes(&memory.text),
                Place::Own(name) => json_bytes(name) + json_bytes(&memory.value),
            };
        let count = counts.entry(place).or_default();
        if (*count < PROFILE_ENTRIES_MAX || is_operators(memory)) && bytes <= left {
            *count += 1;
            left -= bytes;
            shown.insert(memory.id);
        }
    }
    shown
}

/// None for what no list and no slot of the schema has room for.
fn place<'a>(memory: &'a MemoryRecord, slots: &OwnSlots) -> Option<Place<'a>> {
    if let Some(name) = own_slot(memory) {
        return fits(memory, name, slots).then_some(Place::Own(name));
    }
    let in_a_list = memory.slot.as_ref().is_none_or(|slot| slot.subject != PROFILE_SUBJECT);
    (in_a_list && list_kinds().contains(&memory.kind)).then_some(Place::List(memory.kind))
}

/// Several values of a slot of one hold where its schema was another one before: the latest said counts.
fn leave_one_of_single_slots(holding: &mut Vec<(&MemoryRecord, Place<'_>, f32)>, slots: &OwnSlots) {
    let mut latest: HashMap<&str, &MemoryRecord> = HashMap::new();
    for (memory, ..) in holding.iter() {
        if let Some(name) = own_slot(memory)
            && slots.get(name).is_some_and(|slot| !slot.multiple)
        {
            let known = latest.entry(name).or_insert(memory);
            if (memory.authority, memory.said_last) >= (known.authority, known.said_last) {
                *known = memory;
            }
        }
    }
    holding.retain(|(memory, ..)| {
        own_slot(memory).and_then(|name| latest.get(name)).is_none_or(|latest| latest.id == memory.id)
    });
}

fn json_bytes(text: &str) -> usize {
    Value::from(text).to_string().len()
}
