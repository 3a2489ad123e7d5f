//! The evidence lock: a proposal becomes a claim only if a turn's own words carry it.
//!
//! Whoever proposes, a model or a table of patterns, is believed nothing. The quote must stand in its turn, in a part that the
//! gate let through ([`quote`]); who said it decides on whose word it rests; what the value says must stand in those words
//! ([`support`]), whether it is so or not ([`stance`]), and in which manner ([`meant`]); it must be something to know ([`worth`]); a slot of the tenant's own takes what its
//! schema says ([`own`]); what reads like an instruction to the model is kept apart ([`instructions`]); what was forgotten stays so.
//! Pure: the same proposals of the same turns give the same claims, with the same names.

mod instructions;
mod meant;
mod own;
mod quote;
mod stance;
mod support;
mod worth;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

pub(super) use meant::is_outright;
pub(super) use stance::{is_turning, turns};
pub(super) use support::{exact_words_stand, has_a_word_of, tells};

use super::LocalExtractor;
use super::proposal::{Batch, BatchTurn, Extractor, Proposal, Refusal, Refused};
use crate::forget::FORGOTTEN;
use crate::model::{Authority, Claim, Evidence, Generation, MemoryId, Polarity, Role, SlotKey, SlotTerms};
use crate::text::wording::wording;
use crate::truth::PROFILE_SUBJECT;

pub(crate) use instructions::addresses_model;

/// Longest text of a memory.
pub const CLAIM_TEXT_BYTES_MAX: usize = 1024;
/// Longest value.
pub const CLAIM_VALUE_BYTES_MAX: usize = 512;
/// Longest quote: it may have to stand for the text.
pub const CLAIM_QUOTE_BYTES_MAX: usize = CLAIM_TEXT_BYTES_MAX;
/// Longest subject or property of a slot.
pub const CLAIM_SLOT_BYTES_MAX: usize = 64;

/// What became of a batch's proposals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verified {
    /// What is accepted, in the order it was proposed, each once.
    pub claims: Vec<Claim>,
    /// What is not, and why.
    pub refused: Vec<Refused>,
}

/// Proposals → claims or refusals.
///
/// `generation` is the scope's: with a turn's number it names the turn for ever, so that the same statement learned twice
/// is one claim. `forgotten` says whether a value or text comes to words that were forgotten.
pub fn verify(
    batch: &Batch<'_>,
    proposals: Vec<Proposal>,
    generation: Generation,
    forgotten: &dyn Fn(&str) -> bool,
) -> Verified {
    let mut verified = Verified::default();
    let mut seen = HashSet::new();
    let read = LocalExtractor.extract(batch).map(|read| read.proposals).unwrap_or_default();
    for mut proposal in proposals {
        proposal.slot = proposal.slot.as_ref().map(normalised);
        match claim(batch, &proposal, &read, generation, forgotten) {
            Ok(claim) if seen.insert(claim.id) => verified.claims.push(claim),
            Ok(_) => {}
            Err(why) => verified.refused.push(Refused { proposal, why }),
        }
    }
    verified
}

fn claim(
    batch: &Batch<'_>,
    proposal: &Proposal,
    read: &[Proposal],
    generation: Generation,
    forgotten: &dyn Fn(&str) -> bool,
) -> Result<Claim, Refusal> {
    let turn = batch.turns.iter().find(|turn| turn.seq == proposal.turn).ok_or(Refusal::NoSuchTurn)?;
    let authority = authority(turn, proposal)?;
    let own = own::slot(batch, turn, proposal)?;
    sizes(proposal)?;
    let proposal = &*own::valued(own, proposal)?;
    let quote = quote::locate(turn, &proposal.quote)?;
    let quoted = &turn.text[quote.clone()];
    let carried = match own {
        Some(slot) => own::says(slot, turn, quoted, proposal),
        None => support::carries(batch, turn, quoted, proposal) || is_denied_in_part(proposal, read),
    };
    let is_so = carried && stance::agrees(turn, quoted, proposal, read);
    if !is_so || is_somebody_elses(proposal, read) {
        return Err(Refusal::Unsupported);
    }
    let meant = meant::as_meant(batch, turn, &quote, proposal, read)?;
    let proposal = &*meant;
    // A text that says more than was said gives way to the words themselves.
    let text = if support::says_no_more(batch, turn, &proposal.text) { &proposal.text } else { quoted };
    let says = [proposal.value.as_str(), text, quoted];
    if own.is_none() {
        worth::judge(turn, &quote, text, proposal, read)?;
    }
    // What stands in the place of forgotten words is nothing to remember.
    let says_the_mark = |words: &str| words.to_lowercase().contains(FORGOTTEN.trim_matches(['[', ']']));
    let is_mark =
        quoted.contains(FORGOTTEN) && [proposal.value.as_str(), text].into_iter().any(says_the_mark);
    if is_mark || says.into_iter().any(|words| !words.trim().is_empty() && forgotten(words)) {
        return Err(Refusal::Forgotten);
    }
    // Judged by the whole sentence around: a quote may leave out what makes it an instruction.
    let around = quote::sentences_around(turn, &quote);
    let slot_words = proposal.slot.as_ref().map_or("", |slot| slot.subject.as_str());
    let quarantined =
        [around, text, proposal.value.as_str(), slot_words].into_iter().any(instructions::addresses_model);
    let (slot, text) = match authority {
        Authority::User => (proposal.slot.clone(), text.to_owned()),
        Authority::Tool => (proposal.slot.clone(), format!("A tool answered: {text}")),
        // What the model says about the user is no property of the user; an own slot may be open to it.
        _ => (proposal.slot.clone().filter(|_| own.is_some()), format!("The assistant said: {text}")),
    };
    let value = match (&slot, proposal.value.trim()) {
        (None, _) => text.clone(),
        (Some(_), value) => value.to_owned(),
    };
    let valid_from = proposal.valid_from.unwrap_or(turn.time);
    Ok(Claim {
        id: name(generation, turn.seq, slot.as_ref(), &value, proposal.polarity),
        kind: proposal.kind,
        slot,
        value,
        text,
        polarity: proposal.polarity,
        explicit: proposal.explicit,
        authority,
        quarantined,
        importance: if proposal.importance.is_finite() { proposal.importance.clamp(0.0, 1.0) } else { 0.0 },
        said: turn.time,
        valid_from: proposal.valid_to.map_or(valid_from, |end| valid_from.min(end)),
        valid_to: proposal.valid_to,
        evidence: Some(Evidence { turn: turn.seq, quote: quoted.to_owned() }),
        same_as: Vec::new(),
        terms: own.map(|slot| SlotTerms { multiple: slot.multiple, half_life_days: slot.half_life_days }),
        replaces: None,
    })
}

/// "The User" is the user, and "Home town" is `home_town`.
fn normalised(slot: &SlotKey) -> SlotKey {
    let small = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let subject = small(&slot.subject);
    let subject =
        if matches!(subject.as_str(), "the user" | "me" | "i") { "user".to_owned() } else { subject };
    if subject == PROFILE_SUBJECT {
        // The tenant's own names are as the tenant writes them.
        return SlotKey { subject, name: slot.name.clone() };
    }
    SlotKey { subject, name: small(&slot.name).replace([' ', '-'], "_") }
}

/// Whether the rules read of somebody else what is proposed of the user: "my sister lives in Rome" is no home of the user. What
/// an own slot is called says nothing about whose it is.
fn is_somebody_elses(proposal: &Proposal, read: &[Proposal]) -> bool {
    let is_users = |slot: &SlotKey| slot.subject == "user" || slot.subject == PROFILE_SUBJECT;
    let Some(slot) = proposal.slot.as_ref().filter(|slot| is_users(slot)) else { return false };
    let same = |other: &&Proposal| {
        other.turn == proposal.turn
            && other
                .slot
                .as_ref()
                .is_some_and(|other| slot.subject == PROFILE_SUBJECT || other.name == slot.name)
            && wording(&other.value) == wording(&proposal.value)
    };
    let of_user = |other: &Proposal| other.slot.as_ref().is_some_and(is_users);
    let mut alike = read.iter().filter(same).peekable();
    alike.peek().is_some() && !alike.any(of_user)
}

/// Whether the rules read it as a denial of what is known, by a part of its words: "I dropped the Portuguese course".
fn is_denied_in_part(proposal: &Proposal, read: &[Proposal]) -> bool {
    let same = |other: &Proposal| {
        (other.turn, &other.slot, other.polarity) == (proposal.turn, &proposal.slot, Polarity::Denies)
            && wording(&other.value) == wording(&proposal.value)
    };
    proposal.polarity == Polarity::Denies && proposal.slot.is_some() && read.iter().any(same)
}

/// On whose word it rests. Of a tool nothing is learned about the user.
fn authority(turn: &BatchTurn, proposal: &Proposal) -> Result<Authority, Refusal> {
    let about_user = proposal.slot.as_ref().is_some_and(|slot| slot.subject == "user");
    match turn.role {
        Role::User => Ok(Authority::User),
        Role::Assistant => Ok(Authority::Assistant),
        Role::Tool if !about_user => Ok(Authority::Tool),
        Role::Tool | Role::System => Err(Refusal::WrongSpeaker),
    }
}

fn sizes(proposal: &Proposal) -> Result<(), Refusal> {
    let may_be_empty = proposal.polarity == Polarity::Denies && proposal.slot.is_some();
    let text = !proposal.text.trim().is_empty() && proposal.text.len() <= CLAIM_TEXT_BYTES_MAX;
    // Without a slot the text stands for the value.
    let value = proposal.slot.is_none()
        || (may_be_empty || !proposal.value.trim().is_empty())
            && proposal.value.len() <= CLAIM_VALUE_BYTES_MAX;
    let quote = !proposal.quote.trim().is_empty() && proposal.quote.len() <= CLAIM_QUOTE_BYTES_MAX;
    let slot = proposal.slot.as_ref().is_none_or(|slot| {
        [&slot.subject, &slot.name]
            .iter()
            .all(|part| !part.trim().is_empty() && part.len() <= CLAIM_SLOT_BYTES_MAX)
    });
    if text && value && quote && slot { Ok(()) } else { Err(Refusal::Size) }
}

/// A UUID from what is said and where, so that the same statement learned twice is one claim.
pub(super) fn name(
    generation: Generation,
    turn: u64,
    slot: Option<&SlotKey>,
    value: &str,
    polarity: Polarity,
) -> MemoryId {
    let mut hasher = blake3::Hasher::new_derive_key("throughline 2026-11 claim");
    hasher.update(&generation.0.to_le_bytes());
    hasher.update(&turn.to_le_bytes());
    hasher.update(&[match polarity {
        Polarity::Affirms => 0,
        Polarity::Denies => 1,
    }]);
    for part in slot.map_or(["", ""], |slot| [&slot.subject, &slot.name]) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let words = wording(value);
    if words.is_empty() {
        // Signs alone, such as an emoji: as they are.
        hasher.update(value.as_bytes());
    }
    for word in words {
        hasher.update(&word.0.to_le_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    MemoryId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
