//! The answer arm: a turn right after a question takes a share of the question's whole score.
//!
//! What somebody asks about later is often worded like the question that was asked then, not like its answer.

use super::shard::Shard;

/// For each turn the score of the turn before it, if that asks something and its score is positive, else 0.
pub(super) fn of_questions(shard: &Shard, scores: &[f32], room: impl Fn(usize) -> f32) -> Vec<f32> {
    let asked = |before: u32| Some(before as usize).filter(|before| shard.turns[*before].asks);
    shard
        .links
        .iter()
        .enumerate()
        .map(|(place, links)| {
            let question = links.before.and_then(asked);
            question.map_or(0.0, |question| scores[question].max(0.0) * room(place))
        })
        .collect()
}
