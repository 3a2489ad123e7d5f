//! Whether a sentence means what is read from it: that it is so, outright, of the one it is said of.
//!
//! A model takes a wish for a fact, a week away for a home, and a friend's word for the user's; each would end what is true. So
//! whatever it says of how it was said is weighed against the sentence around its quote. In doubt nothing is lost but a
//! supersession: the words stay, and can be recalled from their turn.
//!
//! What the rules of the local extractor read in the same turn needs no second look, unless it is somebody else's word: they
//! read clause by clause.

mod about;
mod manner;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use super::quote;
use crate::learn::local;
use crate::learn::proposal::{Batch, BatchTurn, Proposal, Refusal};
use crate::learn::words::{Word, words};
use crate::model::{MemoryKind, Polarity, Role, SlotKey};
use crate::text::terms::significant_words;
use crate::text::wording::wording;
use crate::truth::{Cardinality, cardinality, opposite};

use about::About;
use manner::Manner;

/// Where somebody is for a time, which is no home.
const LOCATION: &str = "location";

/// A proposal of a user's turn as its sentence means it: less certain, of another slot, or refused.
pub(super) fn as_meant<'a>(
    batch: &Batch<'_>,
    turn: &BatchTurn,
    quoted: &Range<usize>,
    proposal: &'a Proposal,
    read: &[Proposal],
) -> Result<Cow<'a, Proposal>, Refusal> {
    if turn.role != Role::User {
        return Ok(Cow::Borrowed(proposal));
    }
    let sentence = Sentence::new(turn, quoted, proposal);
    let manner = manner::of(&sentence.words, sentence.value);
    let explicit = read_alike(proposal, read).filter(|_| manner != Manner::Reported);
    if let Some(explicit) = explicit {
        return Ok(explicit_at_most(proposal, explicit));
    }
    let Some(slot) = &proposal.slot else {
        // Whoever reports or supposes it said just these words.
        let in_own_words = matches!(manner, Manner::Reported | Manner::Supposed | Manner::Planned);
        return Ok(if in_own_words {
            told_as_said(proposal, sentence.text)
        } else {
            Cow::Borrowed(proposal)
        });
    };
    let single = cardinality(slot) == Cardinality::Single;
    let ends_others = single || opposite(slot).is_some() || proposal.polarity == Polarity::Denies;
    let starts_later = proposal.valid_from.is_some_and(|from| from > turn.time);
    match manner {
        Manner::Reported if slot.subject == "user" => return Err(Refusal::NotMeant),
        Manner::Reported => return Ok(told_as_said(proposal, sentence.text)),
        Manner::Supposed if proposal.polarity == Polarity::Denies => {
            return Ok(explicit_at_most(proposal, false));
        }
        Manner::Supposed if single || matches!(proposal.kind, MemoryKind::Fact | MemoryKind::Event) => {
            return Err(Refusal::NotMeant);
        }
        Manner::Planned if single && !starts_later => return Err(Refusal::NotMeant),
        Manner::Supposed | Manner::Hedged => return Ok(explicit_at_most(proposal, false)),
        Manner::Planned | Manner::Said => {}
    }
    if proposal.polarity == Polarity::Denies || !ends_others {
        return Ok(Cow::Borrowed(proposal));
    }
    match about::of(batch, turn, &sentence, slot) {
        About::SomebodyElse | About::Other if single => return Err(Refusal::Unsupported),
        About::Past if single && proposal.valid_to.is_none_or(|end| end > turn.time) => {
            return Err(Refusal::Unsupported);
        }
        About::SomebodyElse | About::Other | About::Past | About::Loosely => {
            return Ok(explicit_at_most(proposal, false));
        }
        About::It => {}
    }
    if single && manner::is_for_a_time(&sentence.words, slot) {
        return for_a_time(turn, &sentence, proposal);
    }
    Ok(Cow::Borrowed(proposal))
}

/// Whether words say as so what they say: neither wished, planned nor doubted, nor as somebody else's word.
pub(in crate::learn) fn is_outright(text: &str) -> bool {
    let words = words(text, 0..text.len());
    manner::of(&words, words.len()) == Manner::Said
}

/// Whether the rules read the same, and if they do, whether they read it outright.
fn read_alike(proposal: &Proposal, read: &[Proposal]) -> Option<bool> {
    let alike = read.iter().filter(|other| {
        (other.turn, other.polarity, &other.slot) == (proposal.turn, proposal.polarity, &proposal.slot)
            && proposal.slot.is_some()
            && wording(&other.value) == wording(&proposal.value)
    });
    alike.map(|other| other.explicit).max()
}

fn explicit_at_most(proposal: &Proposal, explicit: bool) -> Cow<'_, Proposal> {
    if proposal.explicit && !explicit {
        Cow::Owned(Proposal { explicit: false, ..proposal.clone() })
    } else {
        Cow::Borrowed(proposal)
    }
}

/// With the whole sentence for its text, so that nothing is made of it that it does not say.
fn told_as_said<'a>(proposal: &Proposal, sentence: &str) -> Cow<'a, Proposal> {
    Cow::Owned(Proposal { text: sentence.to_owned(), explicit: false, ..proposal.clone() })
}

/// What is so for a time ends nothing that has no end. A place to be in for a time is no home; without an end it is nothing.
fn for_a_time<'a>(
    turn: &BatchTurn,
    sentence: &Sentence<'_>,
    proposal: &Proposal,
) -> Result<Cow<'a, Proposal>, Refusal> {
    let end = local::end_of(sentence.text, turn.time, &turn.zone).or(proposal.valid_to);
    let mut meant = Proposal { explicit: false, valid_to: end, ..proposal.clone() };
    if proposal.slot.as_ref().is_some_and(|slot| slot.name == "home") {
        end.ok_or(Refusal::NotMeant)?;
        meant.slot = proposal.slot.as_ref().map(|slot| SlotKey { name: LOCATION.to_owned(), ..slot.clone() });
    }
    Ok(Cow::Owned(meant))
}

/// The sentence around a quote.
struct Sentence<'a> {
    text: &'a str,
    words: Vec<Word>,
    /// The word its value begins with; behind the last if it does not stand there.
    value: usize,
}

impl<'a> Sentence<'a> {
    fn new(turn: &'a BatchTurn, quoted: &Range<usize>, proposal: &Proposal) -> Self {
        let text = quote::sentences_around(turn, quoted);
        let words = words(text, 0..text.len());
        let said: Vec<String> =
            significant_words(&proposal.value).into_iter().map(|(_, word)| word.to_lowercase()).collect();
        let holds = |word: &Word| {
            said.iter().any(|said| word.text == *said || word.text.contains(said.as_str()) && said.len() > 3)
        };
        let value = words.iter().position(holds).unwrap_or(words.len());
        Self { text, words, value }
    }
}
