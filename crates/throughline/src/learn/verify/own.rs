//! Own slots of the tenant: who may write one, what it takes, and whether the words say so.

use std::borrow::Cow;

use super::{stance, support};
use crate::learn::proposal::{Batch, BatchTurn, Proposal, Refusal};
use crate::learn::words::snake;
use crate::model::{MemoryKind, OwnSlot, Polarity, Role, SlotType, WrittenBy, words_of};
use crate::truth;

/// The own slot that a proposal is of, if it is of one. Whoever said it must be allowed to write it.
pub(super) fn slot<'a>(
    batch: &Batch<'a>,
    turn: &BatchTurn,
    proposal: &Proposal,
) -> Result<Option<&'a OwnSlot>, Refusal> {
    let Some(slot) = proposal.slot.as_ref().filter(|slot| slot.subject == truth::PROFILE_SUBJECT) else {
        return Ok(None);
    };
    let slots = batch.slots;
    let slot = slots.get(&slot.name).filter(|slot| slot.is_learned()).ok_or(Refusal::NoSuchSlot)?;
    let may_write = match turn.role {
        Role::User => true,
        Role::Assistant => slot.written_by == WrittenBy::Anyone,
        Role::Tool | Role::System => false,
    };
    if may_write { Ok(Some(slot)) } else { Err(Refusal::WrongSpeaker) }
}

/// The proposal with its value as the slot takes it. That something is not true makes it false.
pub(super) fn valued<'a>(
    slot: Option<&OwnSlot>,
    proposal: &'a Proposal,
) -> Result<Cow<'a, Proposal>, Refusal> {
    let Some(slot) = slot else { return Ok(Cow::Borrowed(proposal)) };
    let mut valued = Proposal { kind: MemoryKind::Fact, ..proposal.clone() };
    // A denial of whatever it was.
    if !proposal.value.trim().is_empty() {
        let mut value = slot.value_of(&proposal.value).ok_or(Refusal::WrongType)?;
        if let (Some(truth), Polarity::Denies) = (value.as_bool(), proposal.polarity) {
            value = (!truth).into();
            valued.polarity = Polarity::Affirms;
        }
        valued.value = words_of(&value);
    }
    Ok(Cow::Owned(valued))
}

/// Whether the quote says of the slot that it is so.
///
/// No words stand for true and false: the quote must name what the slot is about, and false needs a word that says no.
pub(super) fn says(slot: &OwnSlot, turn: &BatchTurn, quoted: &str, proposal: &Proposal) -> bool {
    let name = proposal.slot.as_ref().map_or("", |slot| slot.name.as_str());
    match (&slot.value, proposal.polarity) {
        (Some(SlotType::Boolean), Polarity::Affirms) => {
            let about = format!("{} {}", snake(name).replace('_', " "), slot.description);
            support::has_a_word_of(quoted, &about) && (proposal.value == "true") != stance::turns(quoted)
        }
        // A choice may be written in capitals that nobody uses when they speak.
        (Some(SlotType::Choice(_)), _) => {
            support::value_stands(&turn.text, quoted, &proposal.value.to_lowercase())
        }
        _ => proposal.value.is_empty() || support::value_stands(&turn.text, quoted, &proposal.value),
    }
}

#[cfg(test)]
mod tests;
