//! The answer arm: a turn right after a question takes a share of the question's whole score.
//!
//! What somebody asks about later is often worded like the question that was asked then, not like its answer.

use super::selection::Selection;
use super::shard::Shard;
use super::weights::Weights;
use super::window::room;

/// For each turn the score of the turn before it, if that asks something and its score is positive, else 0.
pub(super) fn of_questions(
    shard: &Shard,
    selection: &Selection,
    scores: &[f32],
    weights: &Weights,
) -> Vec<f32> {
    let of_question = |place: &u32| {
        let before = shard.links[*place as usize].before?;
        let question = Some(before).filter(|before| shard.turns[*before as usize].asks)?;
        Some(scores[selection.at(question)?].max(0.0) * room(shard, weights, *place))
    };
    selection.turns.iter().map(|place| of_question(place).unwrap_or_default()).collect()
}
