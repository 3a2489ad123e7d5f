//! The role arm: in a chat with an assistant, questions are mostly about what the user said.

use crate::model::Role;

use super::selection::Selection;
use super::shard::Shard;

/// For each turn, 1 if the user said it, else 0. None where two people talk: there the assistant's turns bear a name.
pub(super) fn said_by_user(shard: &Shard, selection: &Selection) -> Option<Vec<f32>> {
    if shard.two_people {
        return None;
    }
    let is_users = |place: &u32| shard.turns[*place as usize].role == Role::User.code();
    Some(selection.turns.iter().map(|place| f32::from(u8::from(is_users(place)))).collect())
}
