//! "No, I meant Lyon, not Paris": what was said before is corrected in its slot.
//!
//! The wrong value must be named, or the statement before must say one thing alone; else nobody can tell what is meant.

use std::ops::Range;

use crate::learn::pattern::{NoCapture, Pattern};
use crate::learn::proposal::{BatchTurn, Proposal};
use crate::learn::words::{Token, Word, words};
use crate::model::{MemoryRecord, Polarity, SlotKey};
use crate::text::wording::wording;

use super::{importance, value};

/// What stands before the right value; what stands before the wrong one.
const MEANT: &[&str] = &[
    "[no|sorry|actually] , [sorry|actually] , i meant [to] [say]",
    "[no|sorry|actually] , it is|'s [actually]",
    "[no|sorry] , correction ,",
    "[nein|sorry] , ich meinte",
    "[non|pardon] , je voulais dire",
    "[no|perdón] , quise decir",
];
const NOT: &[&str] = &["not", "nicht", "pas", "no"];

/// Most words of a corrected value.
const WORDS_MAX: usize = 4;

/// The correction that a sentence makes to what was proposed before it in the batch, the latest last, or is known.
pub(super) fn of_sentence<'a>(
    turn: &BatchTurn,
    bytes: Range<usize>,
    before: impl DoubleEndedIterator<Item = &'a Proposal> + Clone,
    known: &[MemoryRecord],
) -> Vec<Proposal> {
    let words = words(&turn.text, bytes.clone());
    let found = MEANT.iter().find_map(|written| Pattern::new(written).matches(&words, 0, &NoCapture));
    let Some(start) = found.map(|matched| matched.end) else { return Vec::new() };
    let stops = |word: &Word| word.is_mark() || word.is_one_of(NOT);
    let run = |from: usize| from..(from..words.len()).find(|&at| stops(&words[at])).unwrap_or(words.len());
    let right = run(start);
    let not = (right.end..words.len())
        .find(|&at| words[at].token == Token::Word)
        .filter(|&at| words[at].is_one_of(NOT));
    let wrong = not.map(|at| run(at + 1)).filter(|wrong| !wrong.is_empty() && wrong.len() <= WORDS_MAX);
    if right.is_empty() || right.len() > WORDS_MAX {
        return Vec::new();
    }
    let said = |range: Range<usize>| {
        value::tidy(&turn.text[words[range.start].bytes.start..words[range.end - 1].bytes.end])
    };
    let (right, wrong) = (said(right), wrong.map(said));
    let Some((slot, old, kind)) = meant(wrong.as_deref(), before, known) else { return Vec::new() };
    let quote = turn.text[bytes].to_owned();
    let proposal = |value: String, polarity| Proposal {
        turn: turn.seq,
        text: value::sentence(&quote),
        quote: quote.clone(),
        kind,
        importance: importance::of(kind, Some(slot.name.as_str())),
        slot: Some(slot.clone()),
        value,
        polarity,
        explicit: true,
        valid_from: None,
        valid_to: None,
    };
    let mut proposals = vec![proposal(right, Polarity::Affirms)];
    // What was wrong stands in the quote only if it was named: else the newer value takes its place by itself.
    if wrong.is_some() {
        proposals.push(proposal(old, Polarity::Denies));
    }
    proposals
}

/// The slot that is corrected, with the value it had.
fn meant<'a>(
    wrong: Option<&str>,
    before: impl DoubleEndedIterator<Item = &'a Proposal> + Clone,
    known: &[MemoryRecord],
) -> Option<(SlotKey, String, crate::model::MemoryKind)> {
    let affirmed =
        before.filter(|proposal| proposal.polarity == Polarity::Affirms && proposal.slot.is_some());
    let Some(wrong) = wrong else {
        let last = affirmed.clone().next_back()?;
        let alone = affirmed.filter(|other| other.turn == last.turn).count() == 1;
        let single = |slot: &SlotKey| crate::truth::cardinality(slot) == crate::truth::Cardinality::Single;
        return last
            .slot
            .clone()
            .filter(|slot| alone && single(slot))
            .map(|slot| (slot, last.value.clone(), last.kind));
    };
    let same = |value: &str| wording(value) == wording(wrong);
    let said = affirmed.rev().find(|proposal| same(&proposal.value));
    let said = said.and_then(|proposal| Some((proposal.slot.clone()?, proposal.kind)));
    let known = || {
        known
            .iter()
            .find(|memory| same(&memory.value))
            .and_then(|memory| Some((memory.slot.clone()?, memory.kind)))
    };
    said.or_else(known).map(|(slot, kind)| (slot, wrong.to_owned(), kind))
}
