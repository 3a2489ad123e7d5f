//! The memory prior: turns on which memories rest that hold count more, by what these weigh by now; words that are so no longer
//! count less. What was said stays findable whatever became of it.

use std::collections::HashMap;

use super::selection::Selection;
use super::shard::Shard;

/// What was learned from a turn, as far as ranking goes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Lesson {
    /// The weight of the weightiest memory that holds and rests on it, 0 … 1.
    pub(crate) holds: f32,
    /// Bytes of its words that say what is so no longer.
    pub(crate) over_bytes: u32,
}

/// What was learned from the turns of a scope, by their numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Learned(pub(crate) HashMap<u64, Lesson>);

/// For each turn of the selection, in −1 … 1: the weight of what holds, else the share of its words that is over, below 0. None if
/// nothing was learned.
pub(super) fn of_memories(shard: &Shard, selection: &Selection, learned: &Learned) -> Option<Vec<f32>> {
    let lessons = learned.0.iter().filter_map(|(turn, lesson)| {
        let turn = selection.at(shard.place(*turn)?)?;
        Some((turn, worth(*lesson, bytes_of(shard, selection, turn))))
    });
    let mut prior: Option<Vec<f32>> = None;
    for (turn, worth) in lessons {
        prior.get_or_insert_with(|| vec![0.0; selection.turns.len()])[turn] = worth;
    }
    prior
}

fn worth(lesson: Lesson, turn_bytes: u32) -> f32 {
    if lesson.holds > 0.0 {
        return lesson.holds.min(1.0);
    }
    // A long turn that says something else besides is not over as a whole.
    -(lesson.over_bytes as f32 / turn_bytes.max(1) as f32).min(1.0)
}

/// Where the last passage of a turn ends.
fn bytes_of(shard: &Shard, selection: &Selection, turn: usize) -> u32 {
    let passages = &selection.passages[selection.passages_of(turn)];
    passages.iter().map(|document| shard.passages[*document as usize].bytes.1).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(holds: f32, over_bytes: u32, expected: f32) {
        let worth = worth(Lesson { holds, over_bytes }, 40);
        assert!((worth - expected).abs() < 1e-6, "{worth} {expected}");
    }

    #[test]
    fn what_holds_lifts_by_its_weight_and_what_is_over_lowers_by_its_share_of_the_turn() {
        check(0.3, 0, 0.3);
        check(7.0, 0, 1.0);
        check(0.3, 40, 0.3);
        check(0.0, 10, -0.25);
        check(0.0, 99, -1.0);
        check(0.0, 0, 0.0);
    }
}
