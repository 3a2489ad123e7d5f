//! Hits: the passages of the best turns that are returned.
//!
//! Of each turn its best passage is, for the turn's score. Of a long turn more may answer: a list has several items, and the
//! passage with the question's words need not be the one with the answer. A further passage is ranked by what it scores
//! alone, without the rest of its turn, and is a hit if that is as good as a whole turn of rank [`RANK_MAX`]: it then
//! tells more than another turn in its place would. Hits of one turn that follow each other both in the ranking
//! and in the text become one.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use super::rank::{Parts, Ranking};
use super::selection::Selection;
use super::shard::Shard;
use super::top;

/// A further passage is a hit if it would be among so many best turns.
const RANK_MAX: usize = 10;

/// A part of a turn: one passage, or several that follow each other in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hit {
    pub(super) score: f32,
    /// The turn's place in the shard.
    pub(super) place: u32,
    /// The turn's place in the selection.
    pub(super) turn: usize,
    /// The best of its passages, by its place in the selection.
    pub(super) passage: usize,
    /// Whether that is the best of the whole turn, and the score that of the turn.
    pub(super) is_best: bool,
    /// The part of the turn's text, in bytes.
    pub(super) bytes: (u32, u32),
    /// Which passages of the turn, counted in the order of the text.
    parts: RangeInclusive<usize>,
}

/// The hits of these turns, which are the best of the selection and stand best first; at most `limit`, best first.
pub(super) fn hits(
    shard: &Shard,
    selection: &Selection,
    parts: &Parts,
    best: &[(f32, u32)],
    ranking: &Ranking<'_>,
) -> Vec<Hit> {
    let least = best.get(RANK_MAX - 1).map_or(f32::NEG_INFINITY, |(score, _)| *score);
    let mut hits = Vec::with_capacity(best.len());
    for &(score, place) in best {
        let Some(turn) = selection.at(place) else { continue };
        let own = selection.passages_of(turn);
        let best = parts.best_passage(selection, turn);
        let bytes = |passage: usize| shard.passages[selection.passages[passage] as usize].bytes;
        let hit = |(part, passage): (usize, usize)| {
            let is_best = passage == best;
            let score = if is_best { score } else { parts.alone(turn, passage) };
            Hit { score, place, turn, passage, is_best, bytes: bytes(passage), parts: part..=part }
        };
        if own.len() == 1 || !ranking.every_passage || parts.is_simple() {
            hits.push(hit((0, best)));
            continue;
        }
        // Passages come in the order of the text, unless some of them got their vectors later than others.
        let mut in_text: Vec<usize> = own.collect();
        in_text.sort_unstable_by_key(|passage| bytes(*passage));
        let found = in_text.into_iter().enumerate().map(hit);
        hits.extend(
            found.filter(|hit| hit.is_best || parts.says_something(hit.passage) && hit.score >= least),
        );
    }
    hits.sort_by(|a, b| top::better_first((a.score, a.place), (b.score, b.place)));
    let mut hits = merged(hits);
    hits.truncate(ranking.limit);
    hits
}

/// Each hit that follows its neighbour in the text at once becomes a part of it.
fn merged(hits: Vec<Hit>) -> Vec<Hit> {
    let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match merged.last_mut() {
            Some(before) if before.touches(&hit) => before.take_in(&hit),
            _ => merged.push(hit),
        }
    }
    merged
}

impl Hit {
    fn touches(&self, other: &Self) -> bool {
        self.place == other.place
            && (self.parts.end() + 1 == *other.parts.start() || other.parts.end() + 1 == *self.parts.start())
    }

    /// Keeps the score of the better, which is this one.
    fn take_in(&mut self, other: &Self) {
        debug_assert!(top::better_first((self.score, 0), (other.score, 0)) != Ordering::Greater);
        self.bytes = (self.bytes.0.min(other.bytes.0), self.bytes.1.max(other.bytes.1));
        self.parts = *self.parts.start().min(other.parts.start())..=*self.parts.end().max(other.parts.end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(place: u32, part: usize, score: f32) -> Hit {
        let from = u32::try_from(part).unwrap() * 10;
        let bytes = (from, from + 9);
        Hit { score, place, turn: 0, passage: part, is_best: false, bytes, parts: part..=part }
    }

    fn bytes(hits: Vec<Hit>) -> Vec<(u32, (u32, u32))> {
        merged(hits).into_iter().map(|hit| (hit.place, hit.bytes)).collect()
    }

    #[test]
    fn hits_that_follow_each_other_in_ranking_and_text_become_one() {
        let hits = vec![hit(7, 2, 5.0), hit(7, 1, 4.0), hit(7, 3, 3.0), hit(8, 4, 2.0)];
        assert_eq!(bytes(hits), [(7, (10, 39)), (8, (40, 49))]);
    }

    #[test]
    fn a_better_hit_of_another_turn_in_between_or_a_gap_in_the_text_keeps_them_apart() {
        let hits = vec![hit(7, 1, 5.0), hit(8, 0, 4.0), hit(7, 2, 3.0), hit(7, 4, 2.0)];
        assert_eq!(bytes(hits), [(7, (10, 19)), (8, (0, 9)), (7, (20, 29)), (7, (40, 49))]);
    }
}
