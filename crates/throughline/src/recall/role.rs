//! The role arm: in a chat with an assistant, questions are mostly about what the user said.

use crate::model::Role;

use super::shard::Shard;

/// For each turn, 1 if the user said it, else 0. None where two people talk: there the assistant's turns bear a name.
pub(super) fn said_by_user(shard: &Shard) -> Option<Vec<f32>> {
    let (user, assistant) = (Role::User.code(), Role::Assistant.code());
    if shard.turns.iter().any(|turn| turn.role == assistant && turn.speaker.is_some()) {
        return None;
    }
    Some(shard.turns.iter().map(|turn| f32::from(u8::from(turn.role == user))).collect())
}
