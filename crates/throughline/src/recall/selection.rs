//! The turns a ranking looks at: all that pass the filters, or in a very large scope those that a first look chose.
//!
//! The arms and priors compute over a selection, by the place of a turn in it. Means and deviations are those of its first
//! turns, the sample: of all turns where all are looked at, else of turns taken evenly from all, so that a score means
//! the same however few are looked at.

use super::filter::Filters;
use super::shard::{Shard, Turn};
use crate::model::Timestamp;

/// "Not in the selection".
const NONE: u32 = u32::MAX;

/// Turns by their place in the shard, and their passages.
pub(super) struct Selection {
    /// Places in the shard, the sample first.
    pub(super) turns: Vec<u32>,
    /// How many of them are the sample.
    pub(super) sampled: usize,
    /// Document numbers of their passages, turn by turn.
    pub(super) passages: Vec<u32>,
    /// By turn of the selection: where its passages begin in `passages`; one more at the end.
    starts: Vec<u32>,
    /// By place in the shard: the place in the selection.
    at: Vec<u32>,
}

impl Selection {
    /// Of these places, the first `sampled` the sample.
    pub(super) fn new(shard: &Shard, turns: Vec<u32>, sampled: usize) -> Self {
        let mut at = vec![NONE; shard.turns.len()];
        let mut passages = Vec::with_capacity(turns.len());
        let mut starts = Vec::with_capacity(turns.len() + 1);
        for (place, own) in turns.iter().zip(0..) {
            at[*place as usize] = own;
            starts.push(number(passages.len()));
            shard.passages_of(*place, |document| passages.push(document));
        }
        starts.push(number(passages.len()));
        Self { turns, sampled, passages, starts, at }
    }

    /// The place in the selection of the turn at this place of the shard.
    pub(super) fn at(&self, place: u32) -> Option<usize> {
        Some(self.at[place as usize]).filter(|at| *at != NONE).map(|at| at as usize)
    }

    /// Where the passages of the turn stand in `passages`.
    pub(super) fn passages_of(&self, turn: usize) -> std::ops::Range<usize> {
        self.starts[turn] as usize..self.starts[turn + 1] as usize
    }

    /// The turn of the selection, and the place in `passages`, of a document; none if its turn is not selected.
    pub(super) fn passage(&self, shard: &Shard, document: u32) -> Option<(usize, usize)> {
        let turn = self.at(shard.passages[document as usize].turn)?;
        let own = self.passages_of(turn);
        let guess = own.start + (document - self.passages[own.start]) as usize;
        if own.contains(&guess) && self.passages[guess] == document {
            return Some((turn, guess));
        }
        let found = self.passages[own.clone()].iter().position(|other| *other == document)?;
        Some((turn, own.start + found))
    }

    /// For each turn the best of its passages' scores; NaN where there is none.
    pub(super) fn best_of_passages(&self, scores: &[f32]) -> Vec<f32> {
        if self.passages.len() == self.turns.len() {
            return scores.to_vec();
        }
        let best = |turn| scores[self.passages_of(turn)].iter().copied().fold(f32::NAN, f32::max);
        (0..self.turns.len()).map(best).collect()
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Places of the turns that pass the filters.
pub(super) fn wanted(shard: &Shard, filters: &Filters) -> Vec<u32> {
    let all = 0..number(shard.turns.len());
    if filters.is_empty() {
        return all.collect();
    }
    let tags = filters.tags();
    let sessions = filters.session_tags();
    let roles: Vec<u8> = filters.roles.iter().map(|role| role.code()).collect();
    let from = filters.from.map(Timestamp::as_millisecond);
    let until = filters.until.map(Timestamp::as_millisecond);
    let passes = |turn: &Turn| {
        (roles.is_empty() || roles.contains(&turn.role))
            && from.is_none_or(|from| turn.time_ms >= from)
            && until.is_none_or(|until| turn.time_ms < until)
            && (sessions.is_empty() || sessions.iter().any(|tag| turn.tags.contains(tag)))
            && tags.iter().all(|tag| turn.tags.contains(tag))
    };
    all.filter(|place| passes(&shard.turns[*place as usize])).collect()
}
