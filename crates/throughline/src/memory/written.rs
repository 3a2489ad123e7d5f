//! When a model is asked for a summary, and of what: within a learning job, and never while a client waits.
//!
//! What it wrote is committed with what was learned, in one step: whoever dies before has done nothing, and asks again about the same
//! turns. A model that fails at this takes nothing from what was learned; the next summary covers these turns as well.

use std::collections::HashSet;

use crate::learn::{BatchTurn, ExtractError, Extractor, written};
use crate::model::{Claim, Evidence, MemoryKind, Role, Turn};
use crate::ports::Job;

use super::learn::Learned;
use super::{Memory, MemoryError};

/// The model is asked once in so many turns of a scope, about the conversation whose turns are then learned from.
const TURNS_A_SUMMARY: u64 = 12;

/// Turns that one question is about, the newest that no summary rests on.
const TURNS_MAX: usize = 32;

/// Fewer turns are short enough as they are.
const TURNS_MIN: usize = 4;

/// Bytes of text that one question is about.
const BYTES_MAX: usize = 12_000;

impl Memory {
    /// What the model writes of the conversation that a batch of turns belongs to, as claims; none if it is not the time, or if it
    /// failed, or if nothing it wrote is carried by what was said.
    pub(super) fn written(
        &self,
        job: &Job,
        batch: &[Turn],
        model: &dyn Extractor,
        learned: &mut Learned,
    ) -> Result<Vec<Claim>, MemoryError> {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(Vec::new()) };
        if !is_due(first.id.seq, last.id.seq) {
            return Ok(Vec::new());
        }
        let scope = &job.scope;
        let turns = self.untold(job, last.id.seq)?;
        if turns.len() < TURNS_MIN || turns.iter().all(|turn| turn.wanted.is_empty()) {
            return Ok(Vec::new());
        }
        let told = model.summarise(&turns);
        let usage = told.as_ref().map_or_else(ExtractError::usage, |told| told.usage);
        learned.usage += usage;
        learned.spent_today = self.count_usage(&scope.user, &usage)?.or(learned.spent_today);
        let sentences = match told {
            Ok(told) => told.sentences,
            Err(error) => {
                tracing::warn!(job = job.number, %error, "a conversation has no summary by the model yet");
                return Ok(Vec::new());
            }
        };
        let forgotten = self.forgotten(scope)?;
        Ok(written(&sentences, &turns, self.generation(scope)?, &|text| forgotten.says(text)))
    }

    /// The newest turns of a conversation that no summary rests on, up to this one. Only the user's may be cited.
    fn untold(&self, job: &Job, last: u64) -> Result<Vec<BatchTurn>, MemoryError> {
        let scope = &job.scope;
        let beliefs = self.beliefs(scope)?;
        let summaries = beliefs.memories.iter().filter(|memory| memory.kind == MemoryKind::Summary);
        let told: HashSet<u64> =
            summaries.flat_map(|memory| &memory.evidence).map(|Evidence { turn, .. }| *turn).collect();
        let lineage = self.store.lineage(scope, last, TURNS_MAX)?;
        let untold = lineage.iter().map(|turn| turn.seq).take_while(|turn| !told.contains(turn));
        let turns = self.store.turns(scope, &untold.collect::<Vec<_>>())?;
        let mut bytes = 0;
        let fits = turns.iter().take_while(|turn| {
            bytes += turn.content.text.len();
            bytes <= BYTES_MAX
        });
        let mut turns: Vec<BatchTurn> =
            fits.map(|turn| self.batch_turn(scope, turn, turn.role == Role::User)).collect();
        turns.reverse();
        Ok(turns)
    }
}

/// Whether a batch with these first and last turns, by number, holds the next twelfth turn of its scope. A function of the journal
/// alone, so that a job which is tried again asks again, and no more often than once in so many turns.
fn is_due(first: u64, last: u64) -> bool {
    first.saturating_sub(1) / TURNS_A_SUMMARY < last / TURNS_A_SUMMARY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_batches_in_a_row_one_in_so_many_turns_is_the_time() {
        for size in 1..30 {
            let due =
                (0..120_u64).filter(|batch| is_due(batch * size + 1, (batch + 1) * size)).count() as u64;
            let turns = 120 * size;
            assert!(
                due <= turns / TURNS_A_SUMMARY && due >= 120.min(turns / TURNS_A_SUMMARY),
                "{size}: {due}"
            );
        }
    }
}
