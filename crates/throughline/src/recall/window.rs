//! The window: what of a question a turn's neighbours hold counts for the turn, word by word.
//!
//! "Where did you go?" – "To Lisbon, with Tom." A question about the journey finds its words in the first turn and its answer in
//! the second. So for each word or token of the query a turn has the best of what it holds itself and a share of what
//! the turns up to two before and after it hold. Words that only neighbours have add up with the turn's own, which a
//! share of finished scores cannot do. A long turn takes less: it stands for itself.

use super::shard::Shard;
use super::weights::Weights;

/// What each turn takes from the turns around it.
pub(super) struct Window<'a> {
    shard: &'a Shard,
    weights: &'a Weights,
    /// By place: the part of a share that a turn takes.
    room: Vec<f32>,
}

impl<'a> Window<'a> {
    pub(super) fn new(shard: &'a Shard, weights: &'a Weights) -> Self {
        let room = |tokens: u32| (weights.window_tokens / tokens.max(1) as f32).min(1.0);
        Self { shard, weights, room: shard.turns.iter().map(|turn| room(turn.tokens)).collect() }
    }

    /// The part of a share that the turn at `place` takes.
    pub(super) fn room(&self, place: usize) -> f32 {
        self.room[place]
    }

    /// The turns that take something of what the turn at `place` holds, and the part they take.
    pub(super) fn takers(&self, place: usize) -> impl Iterator<Item = (usize, f32)> {
        let Around { before, after, before_that, after_that } = self.around(place);
        let Weights { window_near: near, window_far: far, .. } = *self.weights;
        [(after, self.answering(place)), (before, near), (after_that, far), (before_that, far)]
            .into_iter()
            .filter_map(|(taker, share)| taker.map(|taker| (taker, share * self.room[taker])))
    }

    /// The turns of which the turn at `place` takes something, and the part it takes.
    pub(super) fn givers(&self, place: usize) -> impl Iterator<Item = (usize, f32)> {
        let Around { before, after, before_that, after_that } = self.around(place);
        let Weights { window_near: near, window_far: far, .. } = *self.weights;
        let answering = before.map_or(near, |before| self.answering(before));
        [(before, answering), (after, near), (before_that, far), (after_that, far)]
            .into_iter()
            .filter_map(move |(giver, share)| giver.map(|giver| (giver, share * self.room[place])))
    }

    /// The best of a turn's own value and its shares of its neighbours' values, which count if they are positive.
    pub(super) fn lifted(&self, values: &[f32], place: usize) -> f32 {
        self.givers(place)
            .fold(values[place], |best, (giver, share)| best.max(share * values[giver].max(0.0)))
    }

    /// The share of the turn after the one at `place`.
    fn answering(&self, place: usize) -> f32 {
        if self.shard.turns[place].asks { self.weights.window_answer } else { self.weights.window_near }
    }

    fn around(&self, place: usize) -> Around {
        let before = |place: usize| self.shard.links[place].before.map(|before| before as usize);
        let after = |place: usize| self.shard.links[place].after.map(|after| after as usize);
        Around {
            before: before(place),
            after: after(place),
            before_that: before(place).and_then(before),
            after_that: after(place).and_then(after),
        }
    }
}

/// The places around a turn in its session.
struct Around {
    before: Option<usize>,
    after: Option<usize>,
    before_that: Option<usize>,
    after_that: Option<usize>,
}
