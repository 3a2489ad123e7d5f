//! Which turns of a shard pass the filters.

use crate::model::Timestamp;

use super::filter::Filters;
use super::shard::{Shard, Turn};

/// The turns that are wanted, by place in the shard.
pub(super) enum Wanted {
    /// All of so many.
    All(u32),
    /// By place, one bit each; and how many are set.
    Some(Vec<u64>, u32),
}

impl Wanted {
    /// The shard's turns that pass.
    pub(super) fn new(shard: &Shard, filters: &Filters) -> Self {
        if filters.is_empty() {
            return Self::All(u32::try_from(shard.turns.len()).unwrap_or(u32::MAX));
        }
        let passes = passes(filters);
        let word =
            |turns: &[Turn]| turns.iter().rev().fold(0_u64, |bits, turn| bits << 1 | u64::from(passes(turn)));
        let bits: Vec<u64> = shard.turns.chunks(64).map(word).collect();
        let count = bits.iter().map(|bits| bits.count_ones()).sum();
        Self::Some(bits, count)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::All(count) | Self::Some(_, count) => *count as usize,
        }
    }

    /// Whether the turn at this place is one.
    pub(super) fn has(&self, place: u32) -> bool {
        match self {
            Self::All(count) => place < *count,
            Self::Some(bits, _) => bits[place as usize / 64] >> (place % 64) & 1 == 1,
        }
    }

    /// Their places, rising: of every `spread` runs of `run` turns the first.
    pub(super) fn runs(&self, run: usize, spread: usize) -> Vec<u32> {
        match self {
            Self::All(count) => {
                (0..*count).step_by(run * spread).flat_map(|first| (first..*count).take(run)).collect()
            }
            Self::Some(bits, _) => {
                let places = (0..).zip(bits).flat_map(|(word, bits)| {
                    (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
                });
                let chosen = places.enumerate().filter(|(at, _)| (at / run).is_multiple_of(spread));
                chosen.map(|(_, place)| place).collect()
            }
        }
    }

    /// All their places, rising.
    pub(super) fn places(&self) -> Vec<u32> {
        self.runs(1, 1)
    }
}

fn passes(filters: &Filters) -> impl Fn(&Turn) -> bool {
    let (tags, sessions) = (filters.tags(), filters.session_tags());
    let roles: Vec<u8> = filters.roles.iter().map(|role| role.code()).collect();
    let from = filters.from.map(Timestamp::as_millisecond);
    let until = filters.until.map(Timestamp::as_millisecond);
    move |turn| {
        (roles.is_empty() || roles.contains(&turn.role))
            && from.is_none_or(|from| turn.time_ms >= from)
            && until.is_none_or(|until| turn.time_ms < until)
            && (sessions.is_empty() || sessions.iter().any(|tag| turn.tags.contains(tag)))
            && tags.iter().all(|tag| turn.tags.contains(tag))
    }
}
