//! The session prior: turns of a session that holds several good turns are likelier to be meant.

use super::selection::Selection;
use super::shard::Shard;
use super::weights::SESSION_TOP;

/// For each turn the mean of the best [`SESSION_TOP`] scores of its session.
pub(super) fn session_prior(shard: &Shard, selection: &Selection, scores: &[f32]) -> Vec<f32> {
    // By session: its best scores, best first.
    let mut best = vec![[f32::NEG_INFINITY; SESSION_TOP]; shard.sessions.len()];
    let session = |turn: usize| shard.turns[selection.turns[turn] as usize].session as usize;
    for (turn, &score) in scores.iter().enumerate() {
        let best = &mut best[session(turn)];
        let mut score = score;
        for place in best {
            if score > *place {
                std::mem::swap(place, &mut score);
            }
        }
    }
    let mean = |best: &[f32; SESSION_TOP]| {
        let there = || best.iter().filter(|score| score.is_finite());
        there().sum::<f32>() / there().count().max(1) as f32
    };
    let means: Vec<f32> = best.iter().map(mean).collect();
    (0..scores.len()).map(|turn| means[session(turn)]).collect()
}
