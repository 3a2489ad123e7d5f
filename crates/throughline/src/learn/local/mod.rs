//! The local extractor: explicit statements, read by tables of patterns. No model, no network, no guess.
//!
//! It would rather miss than be wrong. A pattern must stand at the beginning of a clause, so that "he said I live in Rome" and
//! "if I lived in Rome" are not statements of the user; what may follow a pattern, and where a value ends, is bounded; what
//! others think, what may be and what is only planned says nothing. A language is a table in [`tables`].

mod capture;
mod clause;
mod correction;
mod dropped;
mod importance;
mod phrases;
mod proposals;
mod rule;
mod tables;
#[cfg(test)]
mod tests;
mod validity;
mod value;

use jiff::tz::TimeZone;

use super::proposal::{Batch, BatchTurn, ExtractError, Extraction, Extractor, Proposal};
use super::sentences::sentences;
use crate::model::{MemoryKind, Polarity, Role, Timestamp};

/// Most proposals of one turn: who says more in one message pastes a list.
pub const LOCAL_PROPOSALS_MAX: usize = 32;

/// Finds what is said outright, by patterns.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalExtractor;

impl Extractor for LocalExtractor {
    fn name(&self) -> &'static str {
        "local"
    }

    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError> {
        let mut extraction = Extraction::default();
        for turn in batch.turns {
            let before = extraction.proposals.len();
            let mut found = match turn.role {
                Role::User => said_by_user(turn, batch, &extraction.proposals),
                Role::Assistant => said_by_assistant(turn),
                Role::Tool | Role::System => Vec::new(),
            };
            found.truncate(LOCAL_PROPOSALS_MAX);
            for proposal in found {
                if !extraction.proposals[before..].contains(&proposal) {
                    extraction.proposals.push(proposal);
                }
            }
        }
        Ok(extraction)
    }
}

/// Until when a statement is so by its own words, in the first language that reads an end in it.
pub(super) fn end_of(statement: &str, said: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let end = |language| validity::of(statement, rule::When::Bounded, false, language, said, zone).to;
    tables::LANGUAGES.iter().find_map(end)
}

fn said_by_user(turn: &BatchTurn, batch: &Batch<'_>, earlier: &[Proposal]) -> Vec<Proposal> {
    let mut found: Vec<Proposal> = Vec::new();
    for range in &turn.wanted {
        let Some(part) = turn.text.get(range.clone()).map(|_| range.clone()) else { continue };
        for sentence in sentences(&turn.text, part) {
            if sentence.question {
                continue;
            }
            let mut said = proposals::of_sentence(turn, sentence.bytes.clone());
            said.extend(phrases::of_sentence(turn, sentence.bytes.clone(), batch));
            if said.is_empty() {
                let before = earlier.iter().chain(&found);
                let dropped = dropped::of_sentence(turn, sentence.bytes.clone(), before.clone(), batch.known);
                let corrected = correction::of_sentence(turn, sentence.bytes, before, batch.known);
                found.extend(dropped.into_iter().chain(corrected).collect::<Vec<_>>());
            } else {
                found.extend(said);
            }
        }
    }
    found
}

/// What the gate lets through of the model is what it did or promised: it is kept in its words, about no slot.
fn said_by_assistant(turn: &BatchTurn) -> Vec<Proposal> {
    let said = |range: &std::ops::Range<usize>| {
        let quote = turn.text.get(range.clone())?;
        let text = value::sentence(quote);
        Some(Proposal {
            turn: turn.seq,
            quote: quote.to_owned(),
            kind: MemoryKind::Decision,
            slot: None,
            value: text.clone(),
            text,
            polarity: Polarity::Affirms,
            explicit: true,
            importance: importance::OF_ASSISTANT,
            valid_from: None,
            valid_to: None,
        })
    };
    turn.wanted.iter().filter_map(said).collect()
}
