//! The profile as a view of memories: goals, preferences, past mistakes, the summary and the tenant's own slots.

use serde_json::Value;

use crate::model::{MemoryKind, MemoryRecord, Profile, SlotKey, Timestamp};
use crate::text::terms::TermHash;
use crate::text::wording::wording;

use super::decay::weight;

/// The subject of slots that stand for slots of the profile itself.
pub const PROFILE_SUBJECT: &str = "profile";

/// The slot of the summary.
pub const SUMMARY_SLOT: &str = "summary";

/// Entries a list of the profile holds; those with the most weight stay.
pub const PROFILE_ENTRIES_MAX: usize = 50;

/// Facts the summary is made of.
const SUMMARY_FACTS_MAX: usize = 12;

/// The memory slot behind a slot of the profile that holds one value: `summary`, or one of the tenant's own.
pub fn profile_slot(name: &str) -> SlotKey {
    SlotKey { subject: PROFILE_SUBJECT.to_owned(), name: name.to_owned() }
}

/// The kind of memories behind a list of the profile.
pub fn list_kinds() -> [MemoryKind; 3] {
    [MemoryKind::Goal, MemoryKind::Preference, MemoryKind::Lesson]
}

/// The profile that the memories come to, as a successor of the one before: what stays keeps its place, what is new comes
/// after it, so that a prompt changes as little as it can. An entry of the profile before that no memory speaks about stays
/// too: somebody wrote it before there were memories.
pub fn profile(before: &Profile, memories: &[MemoryRecord], now: Timestamp) -> Profile {
    let [goals, preferences, past_mistakes] = list_kinds().map(|kind| {
        let before = match kind {
            MemoryKind::Goal => &before.goals,
            MemoryKind::Preference => &before.preferences,
            _ => &before.past_mistakes,
        };
        list(before, &of_kind(memories, kind), now)
    });
    let mut own = before.own.clone();
    for memory in memories {
        let Some(slot) = own_slot(memory) else { continue };
        if memory.holds_at(now) {
            let value =
                serde_json::from_str(&memory.value).unwrap_or_else(|_| Value::from(memory.value.as_str()));
            own.insert(slot.to_owned(), value);
        } else if !memories.iter().any(|other| own_slot(other) == Some(slot) && other.holds_at(now)) {
            own.remove(slot);
        }
    }
    let summaries = || memories.iter().filter(|memory| memory.slot == Some(profile_slot(SUMMARY_SLOT)));
    let set = summaries().find(|memory| memory.holds_at(now)).map(|memory| memory.text.clone());
    // A summary that is there without a memory behind it was written before there were memories.
    let kept = || before.summary.clone().filter(|_| summaries().next().is_none() && !made(before, memories));
    Profile {
        epoch: before.epoch,
        changed: before.changed,
        settled: before.settled,
        goals,
        preferences,
        past_mistakes,
        summary: set.or_else(kept).or_else(|| summary(memories, now)),
        own,
    }
}

fn own_slot(memory: &MemoryRecord) -> Option<&str> {
    let slot = memory.slot.as_ref().filter(|slot| slot.subject == PROFILE_SUBJECT)?;
    Some(slot.name.as_str()).filter(|name| *name != SUMMARY_SLOT)
}

fn of_kind(memories: &[MemoryRecord], kind: MemoryKind) -> Vec<&MemoryRecord> {
    let own =
        |memory: &&MemoryRecord| memory.slot.as_ref().is_none_or(|slot| slot.subject != PROFILE_SUBJECT);
    memories.iter().filter(|memory| memory.kind == kind).filter(own).collect()
}

fn list(before: &[String], memories: &[&MemoryRecord], now: Timestamp) -> Vec<String> {
    let mut holding: Vec<&MemoryRecord> =
        memories.iter().copied().filter(|memory| memory.holds_at(now)).collect();
    holding.sort_by(|a, b| weight(b, now).total_cmp(&weight(a, now)));
    holding.truncate(PROFILE_ENTRIES_MAX);
    let says = |memory: &MemoryRecord, words: &[TermHash]| {
        wording(&memory.text) == words || wording(&memory.value) == words
    };
    let mut list = Vec::with_capacity(holding.len());
    for entry in before {
        let words = wording(entry);
        if let Some(at) = holding.iter().position(|memory| says(memory, &words)) {
            list.push(holding.remove(at).text.clone());
        } else if !memories.iter().any(|memory| says(memory, &words)) {
            list.push(entry.clone());
        }
    }
    holding.sort_by_key(|memory| (memory.entries.first().copied(), memory.id));
    list.extend(holding.into_iter().map(|memory| memory.text.clone()));
    list
}

/// What is known of the user in a few words: each part is a fact that holds.
fn summary(memories: &[MemoryRecord], now: Timestamp) -> Option<String> {
    let said: Vec<String> = summary_facts(memories, now).into_iter().map(sentence).collect();
    (!said.is_empty()).then(|| said.join(" "))
}

/// The weightiest facts that hold, in the order in which they were recorded.
fn summary_facts(memories: &[MemoryRecord], now: Timestamp) -> Vec<&MemoryRecord> {
    let mut facts: Vec<&MemoryRecord> =
        of_kind(memories, MemoryKind::Fact).into_iter().filter(|memory| memory.holds_at(now)).collect();
    facts.sort_by(|a, b| weight(b, now).total_cmp(&weight(a, now)));
    facts.truncate(SUMMARY_FACTS_MAX);
    facts.sort_by_key(|memory| (memory.entries.first().copied(), memory.id));
    facts
}

/// The memories that the summary of the user rests on: an operator's own if there is one, else the weightiest facts.
pub fn summarised(memories: &[MemoryRecord], now: Timestamp) -> Vec<&MemoryRecord> {
    let set = memories
        .iter()
        .find(|memory| memory.slot.as_ref() == Some(&profile_slot(SUMMARY_SLOT)) && memory.holds_at(now));
    set.map_or_else(|| summary_facts(memories, now), |set| vec![set])
}

/// Whether the summary of a profile is one that [`summary`] made: then it changes with the facts.
fn made(before: &Profile, memories: &[MemoryRecord]) -> bool {
    let facts = of_kind(memories, MemoryKind::Fact);
    before
        .summary
        .as_deref()
        .is_some_and(|summary| facts.iter().any(|fact| summary.contains(&sentence(fact))))
}

/// A memory in a sentence of a summary: `Home: Lyon.`
pub fn sentence(memory: &MemoryRecord) -> String {
    let said = match memory.slot.as_ref().filter(|slot| slot.subject != PROFILE_SUBJECT) {
        Some(slot) => {
            let name = slot.name.replace('_', " ");
            let of = if slot.subject == "user" { name } else { format!("{} of {}", name, slot.subject) };
            format!("{}: {}", capital(&of), memory.value.trim_end_matches('.'))
        }
        None => memory.text.trim_end_matches('.').to_owned(),
    };
    let ended = said.ends_with(['!', '?', '…', '。']);
    if ended { said } else { said + "." }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
