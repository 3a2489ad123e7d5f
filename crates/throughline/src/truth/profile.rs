//! The profile as a view of memories: goals, preferences, past mistakes, the summary and the tenant's own slots.

mod own;
mod room;

use crate::model::{MemoryKind, MemoryRecord, OwnSlots, Profile, SlotKey, Timestamp};
use crate::text::terms::TermHash;
use crate::text::wording::wording;

use super::decay::weight;

pub use own::{is_of_another_schema, own_slot};

/// The subject of slots that stand for slots of the profile itself.
pub const PROFILE_SUBJECT: &str = "profile";

/// The slot of the summary.
pub const SUMMARY_SLOT: &str = "summary";

/// A profile is told to the model in each request: it may not grow without bound, whoever writes it.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// Entries a list of the profile, or an own slot of several values, holds besides an operator's: those with the most weight.
pub const PROFILE_ENTRIES_MAX: usize = 50;

/// Facts the summary is made of.
const SUMMARY_FACTS_MAX: usize = 12;

/// Bytes they have together.
const SUMMARY_BYTES_MAX: usize = 8 * 1024;

/// The memory slot behind a slot of the profile: `summary`, or one of the tenant's own.
pub fn profile_slot(name: &str) -> SlotKey {
    SlotKey { subject: PROFILE_SUBJECT.to_owned(), name: name.to_owned() }
}

/// The kind of memories behind a list of the profile.
pub fn list_kinds() -> [MemoryKind; 3] {
    [MemoryKind::Goal, MemoryKind::Preference, MemoryKind::Lesson]
}

/// The profile that the memories come to, as a successor of the one before: what stays keeps its place, what is new comes
/// after it, so that a prompt changes as little as it can. An entry of the profile before that no memory speaks about stays
/// too: somebody wrote it before there were memories. It has at most [`PROFILE_BYTES_MAX`] bytes: what has no room is left out,
/// the lightest first, and not lost.
pub fn profile(before: &Profile, memories: &[MemoryRecord], slots: &OwnSlots, now: Timestamp) -> Profile {
    let summaries = || memories.iter().filter(|memory| memory.slot == Some(profile_slot(SUMMARY_SLOT)));
    let set = summaries().find(|memory| memory.holds_at(now)).map(|memory| memory.text.clone());
    // A summary that is there without a memory behind it was written before there were memories.
    let kept = || before.summary.clone().filter(|_| summaries().next().is_none() && !made(before, memories));
    let summary = set.or_else(kept).or_else(|| summary(memories, now));
    let shown = room::shown(memories, slots, summary.as_deref(), now);
    let [goals, preferences, past_mistakes] = list_kinds().map(|kind| {
        let before = match kind {
            MemoryKind::Goal => &before.goals,
            MemoryKind::Preference => &before.preferences,
            _ => &before.past_mistakes,
        };
        list(before, &of_kind(memories, kind), &shown)
    });
    Profile {
        epoch: before.epoch,
        changed: before.changed,
        settled: before.settled,
        goals,
        preferences,
        past_mistakes,
        summary,
        own: own::slots(&before.own, memories, &shown, slots),
    }
}

fn of_kind(memories: &[MemoryRecord], kind: MemoryKind) -> Vec<&MemoryRecord> {
    let own =
        |memory: &&MemoryRecord| memory.slot.as_ref().is_none_or(|slot| slot.subject != PROFILE_SUBJECT);
    memories.iter().filter(|memory| memory.kind == kind).filter(own).collect()
}

fn list(before: &[String], memories: &[&MemoryRecord], shown: &room::Shown) -> Vec<String> {
    let mut holding: Vec<&MemoryRecord> =
        memories.iter().copied().filter(|memory| shown.contains(&memory.id)).collect();
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
    let mut bytes = 0;
    facts.retain(|fact| {
        let more = bytes + sentence(fact).len() + 1;
        let fits = more <= SUMMARY_BYTES_MAX;
        bytes = if fits { more } else { bytes };
        fits
    });
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

#[cfg(test)]
mod tests;
