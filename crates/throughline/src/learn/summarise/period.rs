//! A month or a year from the summaries of its conversations, and the user from what is known.

use std::collections::HashSet;

use crate::model::{Citation, MemoryRecord, SummarySentence, Timestamp};
use crate::text::dates::depends_on_when_said;
use crate::truth;

use super::sources::{Known, Sources, sentence, supported};

/// Sentences of a month's summary: as many as of one conversation's.
pub const MONTH_SENTENCES_MAX: usize = 6;

/// Sentences of a year's summary.
pub const YEAR_SENTENCES_MAX: usize = 8;

/// At most `most` sentences of these summaries, each once: first what was learned, the weightiest first; then of each
/// conversation in turn the most telling words. One that says "last week" is left to its conversation's summary, which has a
/// date: in a month's nobody could tell which week.
pub fn of_period(summaries: &[&[SummarySentence]], known: &Known<'_>, most: usize) -> Vec<SummarySentence> {
    let weight = |sentence: &SummarySentence| sentence.memories().map(|id| known.weight(id)).sum::<f32>();
    let ranked = summaries.iter().flat_map(|summary| summary.iter().enumerate());
    let ranked = ranked.filter(|(_, sentence)| !depends_on_when_said(&sentence.text));
    let (mut learned, mut told): (Vec<_>, Vec<_>) =
        ranked.partition(|(_, sentence)| sentence.memories().next().is_some());
    learned.sort_by(|(_, a), (_, b)| weight(b).total_cmp(&weight(a)));
    told.sort_by_key(|(place, _)| *place);
    let mut seen: HashSet<&[Citation]> = HashSet::new();
    let all = learned.into_iter().chain(told).map(|(_, sentence)| sentence);
    all.filter(|sentence| seen.insert(&sentence.cites)).take(most).cloned().collect()
}

/// What is known of the user, as the profile's summary says it.
pub fn of_user(memories: &[MemoryRecord], now: Timestamp) -> Vec<SummarySentence> {
    let known = Known::new(memories, now);
    let sources = Sources { known: &known, turns: &[] };
    let facts = truth::summarised(memories, now).into_iter();
    let sentences = facts.filter_map(|fact| sentence(Citation::Memory(fact.id), &sources)).collect();
    supported(sentences, &sources)
}
