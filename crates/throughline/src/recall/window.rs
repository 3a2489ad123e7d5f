//! The window: what of a question a turn's neighbours answer counts for the turn, word by word.
//!
//! "Where did you go?" – "To Lisbon, with Tom." A question about the journey finds its words in the first turn and its answer in
//! the second. So for each word or token of the query a turn has the best of what it holds itself and a share of what
//! the turns up to two before and after it hold. Words that only neighbours have add up with the turn's own, which a
//! share of finished scores cannot do. A long turn takes less: it stands for itself.

use super::selection::Selection;
use super::shard::Shard;
use super::weights::Weights;

/// Neighbours on both sides: before, after, before that, after that.
const AROUND: usize = 4;

/// What a turn of a selection takes from which others, by their places in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbours {
    givers: [u32; AROUND],
    /// 0 where there is no such neighbour.
    shares: [f32; AROUND],
}

/// The neighbours of every turn of a selection.
pub(super) struct Window(Vec<Neighbours>);

/// The part of a share that the turn at `place` of the shard takes.
pub(super) fn room(shard: &Shard, weights: &Weights, place: u32) -> f32 {
    (weights.window_tokens / shard.turns[place as usize].tokens.max(1) as f32).min(1.0)
}

impl Neighbours {
    /// Of this turn of the selection.
    pub(super) fn of(shard: &Shard, selection: &Selection, weights: &Weights, turn: usize) -> Self {
        let Weights { window_answer, window_near, window_far, .. } = *weights;
        let place = selection.turns[turn];
        let [before, after, before_that, after_that] = shard.around(place);
        let answers = before.is_some_and(|before| shard.turns[before as usize].asks);
        let near = if answers { window_answer } else { window_near };
        let around =
            [(before, near), (after, window_near), (before_that, window_far), (after_that, window_far)];
        let room = room(shard, weights, place);
        let own = u32::try_from(turn).unwrap_or(u32::MAX);
        let selected = around.map(|(giver, share)| {
            let giver = giver.and_then(|giver| selection.at(giver)).and_then(|at| u32::try_from(at).ok());
            giver.map_or((own, 0.0), |giver| (giver, share * room))
        });
        Self { givers: selected.map(|(giver, _)| giver), shares: selected.map(|(_, share)| share) }
    }

    /// The sum of its shares of its neighbours' values, as far as these are positive.
    pub(super) fn shared(&self, values: &[f32]) -> f32 {
        let share = |(giver, share): (&u32, &f32)| share * values[*giver as usize].max(0.0);
        self.givers.iter().zip(&self.shares).map(share).sum()
    }

    /// The best of 0, the turn's own value and its shares of its neighbours' values.
    pub(super) fn lifted(&self, values: &[f32], turn: usize) -> f32 {
        let taken = |best: f32, (giver, share): (&u32, &f32)| best.max(share * values[*giver as usize]);
        // The maximum with NaN is the other number.
        self.givers.iter().zip(&self.shares).fold(values[turn].max(0.0), taken)
    }
}

impl Window {
    pub(super) fn new(shard: &Shard, selection: &Selection, weights: &Weights) -> Self {
        let turns = 0..selection.turns.len();
        Self(turns.map(|turn| Neighbours::of(shard, selection, weights, turn)).collect())
    }

    /// The turns that take something of what this turn holds, and the part they take.
    pub(super) fn takers(&self, turn: usize) -> impl Iterator<Item = (usize, f32)> {
        // Whoever stands before this turn has it after itself.
        const MIRRORED: [usize; AROUND] = [1, 0, 3, 2];
        let taker = move |(giver, mirrored): (&u32, usize)| {
            (*giver as usize, self.0[*giver as usize].shares[mirrored])
        };
        let others = self.0[turn].givers.iter().zip(MIRRORED).map(taker);
        others.filter(move |(taker, share)| *taker != turn && *share > 0.0)
    }

    /// The values, each [lifted](Neighbours::lifted).
    pub(super) fn lifted(&self, values: &[f32]) -> Vec<f32> {
        self.0.iter().enumerate().map(|(turn, neighbours)| neighbours.lifted(values, turn)).collect()
    }
}
