//! The turns a ranking looks at: all that pass the filters, or in a very large scope those that a first look chose.
//!
//! The arms and priors compute over a selection, by the place of a turn in it. Means and deviations are those of all turns
//! that pass the filters, or what the selection says of them: each of its turns stands for itself or, if it is one of a
//! sample taken evenly, for many. So a score means the same however few are looked at.

use std::cell::OnceCell;

use crate::text::terms::TermHash;

use super::fusion::Share;
use super::shard::Shard;

/// Turns by their place in the shard, and their passages.
pub(super) struct Selection {
    /// Places in the shard, the sample first.
    pub(super) turns: Vec<u32>,
    /// How many of them are the sample.
    sampled: usize,
    /// By turn: for how many turns of the shard it stands; none if for itself alone.
    shares: Option<Vec<f32>>,
    /// Document numbers of their passages, turn by turn.
    pub(super) passages: Vec<u32>,
    /// By turn of the selection: where its passages begin in `passages`; one more at the end.
    starts: Vec<u32>,
    /// By place in the shard: the place in the selection, from 1; 0 for none, so that of a large table only the pages that are
    /// used take memory.
    at: Vec<u32>,
    rising: OnceCell<Vec<u32>>,
}

/// From so many postings a passage on it costs less to look for the passages among them than to look at all.
const POSTINGS_A_PASSAGE: usize = 4;

impl Selection {
    /// All turns at these places.
    pub(super) fn all(shard: &Shard, turns: Vec<u32>) -> Self {
        Self::new(shard, turns, 0)
    }

    /// The turns at the places of a sample of `count` turns, then those that were chosen; a place may be in both, and come
    /// several times.
    ///
    /// Mean and deviation of a rare word depend on the few turns that have it. These are among the chosen, so the chosen
    /// count as what they are, one turn each, and only the rest of the sample stands for all others.
    pub(super) fn sampled(shard: &Shard, sample: Vec<u32>, chosen: &[u32], count: usize) -> Self {
        let (sampled, mut turns) = (sample.len(), sample);
        turns.extend(chosen);
        let mut selection = Self::new(shard, turns, sampled);
        let mut shares = vec![f32::NAN; selection.turns.len()];
        let chosen = chosen.iter().filter_map(|place| selection.at(*place));
        chosen.for_each(|turn| shares[turn] = 1.0);
        let others = shares.iter().filter(|share| share.is_nan()).count();
        let of_others = (count - (shares.len() - others)) as f32 / others.max(1) as f32;
        shares.iter_mut().filter(|share| share.is_nan()).for_each(|share| *share = of_others);
        selection.shares = Some(shares);
        selection
    }

    fn new(shard: &Shard, mut turns: Vec<u32>, sampled: usize) -> Self {
        let mut at = vec![0; shard.turns.len()];
        let mut passages = Vec::with_capacity(turns.len());
        let mut starts = Vec::with_capacity(turns.len() + 1);
        turns.retain(|place| {
            let at = &mut at[*place as usize];
            let new = *at == 0;
            if new {
                starts.push(number(passages.len()));
                *at = number(starts.len());
                shard.passages_of(*place, |document| passages.push(document));
            }
            new
        });
        starts.push(number(passages.len()));
        Self { turns, sampled, shares: None, passages, starts, at, rising: OnceCell::new() }
    }

    /// For how many turns of the shard each stands.
    pub(super) fn shares(&self) -> Share<'_> {
        self.shares.as_deref()
    }

    /// How many of the passages are the sample's: the first ones.
    pub(super) fn sampled_passages(&self) -> usize {
        self.starts[self.sampled] as usize
    }

    /// The place in the selection of the turn at this place of the shard.
    pub(super) fn at(&self, place: u32) -> Option<usize> {
        self.at[place as usize].checked_sub(1).map(|at| at as usize)
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

    /// Calls `sink` with turn, place in `passages` and BM25 score of each passage that has the word.
    pub(super) fn scores(&self, shard: &Shard, word: TermHash, mut sink: impl FnMut(usize, usize, f32)) {
        let mut take = |(document, score)| {
            if let Some((turn, passage)) = self.passage(shard, document) {
                sink(turn, passage, score);
            }
        };
        if self.passages.len() < shard.lexical.count(word) / POSTINGS_A_PASSAGE {
            shard.lexical.scores_among(word, self.rising()).for_each(&mut take);
        } else {
            shard.lexical.scores(word).for_each(&mut take);
        }
    }

    /// The passages in rising order.
    fn rising(&self) -> &[u32] {
        self.rising.get_or_init(|| {
            let mut rising = self.passages.clone();
            rising.sort_unstable();
            rising
        })
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
