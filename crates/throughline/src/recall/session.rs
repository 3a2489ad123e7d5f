//! The session prior: turns of a session that holds several good turns are likelier to be meant.

use std::collections::BinaryHeap;

use super::shard::Shard;
use super::weights::SESSION_TOP;

/// For each turn the mean of the best [`SESSION_TOP`] scores of its session; turns that are not `wanted` do not count and
/// get 0.
pub(super) fn session_prior(shard: &Shard, scores: &[f32], wanted: &[bool]) -> Vec<f32> {
    let mut prior = vec![0.0; scores.len()];
    for session in shard.sessions.values() {
        let places = || session.iter().map(|place| *place as usize).filter(|place| wanted[*place]);
        let mut best: BinaryHeap<std::cmp::Reverse<Total>> = BinaryHeap::with_capacity(SESSION_TOP + 1);
        for place in places() {
            best.push(std::cmp::Reverse(Total(scores[place])));
            if best.len() > SESSION_TOP {
                best.pop();
            }
        }
        let mean = best.iter().map(|score| score.0.0).sum::<f32>() / best.len().max(1) as f32;
        places().for_each(|place| prior[place] = mean);
    }
    prior
}

/// A score with a total order.
#[derive(Clone, Copy)]
struct Total(f32);

impl PartialEq for Total {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Total {}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Total {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
