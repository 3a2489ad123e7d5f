//! What is so no longer, as far as other words may rest on it: a summary goes with what it was made of.

use std::collections::{HashMap, HashSet};

use crate::forget::is_distinctive;
use crate::model::{Authority, MemoryKind, MemoryRecord, MemoryState, Timestamp};
use crate::text::terms::TermHash;
use crate::text::wording::{holds, wording};

/// Words that two quotes must have in common where one ends and the other begins: fewer may be chance.
const SHARED_WORDS_MIN: usize = 2;

/// Whether a memory may be told. What happened stays true when its day is over.
pub(crate) fn may_be_told(memory: &MemoryRecord, now: Timestamp) -> bool {
    let happened = memory.kind == MemoryKind::Event && memory.state == MemoryState::Expired;
    memory.holds_at(now) || happened
}

/// The memories that are over, were taken back or must not be used, by the words that say them. Summaries are none of them:
/// one that is gone says nothing against its words.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    /// By turn.
    of_turns: HashMap<u64, Vec<(&'a str, &'a MemoryRecord)>>,
    /// Values that were true of a slot and are not.
    values: Vec<(Vec<TermHash>, &'a MemoryRecord)>,
}

impl<'a> Ended<'a> {
    /// Of a scope's memories as they are at a moment. What begins to be so later is not over.
    pub(crate) fn new(memories: &'a [MemoryRecord], now: Timestamp) -> Self {
        let facts = || memories.iter().filter(|memory| memory.kind != MemoryKind::Summary);
        let over =
            || facts().filter(|memory| memory.state != MemoryState::Active && !may_be_told(memory, now));
        let mut of_turns: HashMap<u64, Vec<(&str, &MemoryRecord)>> = HashMap::new();
        for memory in over() {
            for evidence in &memory.evidence {
                of_turns.entry(evidence.turn).or_default().push((&evidence.quote, memory));
            }
        }
        let live = facts().filter(|memory| may_be_told(memory, now));
        let true_now: HashSet<Vec<TermHash>> = live.map(|memory| wording(&memory.value)).collect();
        let values = over()
            .filter(|memory| memory.state != MemoryState::Contested)
            .filter(|memory| memory.slot.is_some() && is_distinctive(&memory.value))
            .map(|memory| (wording(&memory.value), memory))
            .filter(|(value, _)| !true_now.contains(value))
            .collect();
        Self { of_turns, values }
    }

    /// Quotes of a turn that say what is over.
    pub(crate) fn quotes(&self, turn: u64) -> impl Iterator<Item = &'a str> {
        self.of_turns.get(&turn).into_iter().flatten().map(|(quote, _)| *quote)
    }

    /// The memory whose value, true no longer, stands in a text.
    pub(crate) fn said_in(&self, text: &str) -> Option<&'a MemoryRecord> {
        let said = wording(text);
        self.values.iter().find(|(value, _)| holds(&said, value)).map(|(_, memory)| *memory)
    }

    /// The memory that takes a written summary with it: one of its quotes says the same, or it says a value that is true no longer.
    fn under(&self, summary: &MemoryRecord) -> Option<&'a MemoryRecord> {
        let said = summary.evidence.iter().find_map(|evidence| {
            let own = wording(&evidence.quote);
            let mut over = self.of_turns.get(&evidence.turn).into_iter().flatten();
            over.find(|(quote, _)| share(&own, &wording(quote))).map(|(_, memory)| *memory)
        });
        said.or_else(|| self.said_in(&summary.text))
    }
}

/// Lets each summary that holds go as the first thing goes that it rests on.
pub(super) fn take_summaries(memories: &mut [MemoryRecord], now: Timestamp) {
    // An operator's own rests on nothing but the operator's word.
    let is_summary = |memory: &MemoryRecord| {
        memory.kind == MemoryKind::Summary
            && memory.authority != Authority::Operator
            && memory.state == MemoryState::Active
    };
    if !memories.iter().any(is_summary) {
        return;
    }
    let ended = Ended::new(memories, now);
    let gone: Vec<_> = memories
        .iter()
        .enumerate()
        .filter(|(_, memory)| is_summary(memory))
        .filter_map(|(at, memory)| Some((at, ended.under(memory)?)))
        .map(|(at, with)| (at, with.state, with.valid_to, with.superseded_by))
        .collect();
    for (at, state, valid_to, superseded_by) in gone {
        let from = memories[at].valid_from;
        memories[at] = MemoryRecord {
            state,
            valid_to: valid_to.map(|end| end.max(from)),
            superseded_by,
            ..memories[at].clone()
        };
    }
}

/// Whether two quotes of one turn have words of it in common: one within the other, or where they meet.
fn share(one: &[TermHash], other: &[TermHash]) -> bool {
    let meet = |first: &[TermHash], second: &[TermHash]| {
        (SHARED_WORDS_MIN..first.len().min(second.len())).any(|count| first.ends_with(&second[..count]))
    };
    holds(one, other) || holds(other, one) || meet(one, other) || meet(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_share_words_if_one_holds_the_other_or_where_they_meet() {
        let check = |one: &str, other: &str| share(&wording(one), &wording(other));
        assert!(check("I live in Paris, near the old harbour.", "live in Paris"));
        assert!(check("live in Paris", "I live in Paris, near the old harbour."));
        // A model's quote that goes over the end of a sentence.
        assert!(check("We adopted a greyhound called Biscuit.", "called Biscuit. He sleeps all day"));
        assert!(!check("We adopted a greyhound.", "The greyhound sleeps all day."));
        assert!(!check("We adopted a greyhound.", "I live in Paris."));
    }
}
