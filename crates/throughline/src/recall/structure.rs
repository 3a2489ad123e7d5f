//! What the conversation's structure adds to what a turn says: questions before it, its session, date, speaker, role, and the memories that rest on it.

use super::rank::Ranking;
use super::selection::Selection;
use super::shard::Shard;
use super::weights::Weights;
use super::{answer, date, learned, role, session, speaker};

/// The priors of a selection's turns; one that has no say, or that the caller switched off, is missing.
pub(super) struct Structure([Option<Vec<f32>>; 6]);

impl Structure {
    /// Of turns with these scores: the arms' weighted sum, and the sum in which each arm counts the same.
    pub(super) fn new(
        shard: &Shard,
        selection: &Selection,
        ranking: &Ranking<'_>,
        weights: &Weights,
        fused: &[f32],
        plain: &[f32],
    ) -> Self {
        let Ranking { text, now, zone, priors, .. } = *ranking;
        let weighted = |weight: f32, values: Option<Vec<f32>>| {
            values.map(|values| values.into_iter().map(|value| weight * value).collect())
        };
        let answer = priors.neighbours.then(|| answer::of_questions(shard, selection, fused, weights));
        let session = priors.session.then(|| session::session_prior(shard, selection, plain));
        let date = priors.date.then(|| date::nearness(shard, selection, text, now, zone)).flatten();
        let speaker = priors.speaker.then(|| speaker::named(shard, selection, text)).flatten();
        let role = priors.role.then(|| role::said_by_user(shard, selection)).flatten();
        let memory = priors.memory.then(|| learned::of_memories(shard, selection, ranking.learned)).flatten();
        Self([
            weighted(weights.after_question, answer),
            weighted(weights.session, session),
            weighted(weights.date, date),
            weighted(weights.speaker, speaker),
            weighted(weights.role, role),
            weighted(weights.memory, memory),
        ])
    }

    /// None of them.
    pub(super) const fn none() -> Self {
        Self([const { None }; 6])
    }

    /// What answer, session, date, speaker, role and memory add to a turn.
    pub(super) fn of(&self, turn: usize) -> [f32; 6] {
        self.0.each_ref().map(|part| part.as_ref().map_or(0.0, |part| part[turn]))
    }

    /// All of it.
    pub(super) fn sum(&self, turn: usize) -> f32 {
        self.of(turn).into_iter().sum()
    }
}
