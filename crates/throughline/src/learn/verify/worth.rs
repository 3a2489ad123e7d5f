//! Whether what a model proposes is anything to know next month.
//!
//! A small model keeps whatever a turn has: "The user felt happy.", "plans to do some research", "agrees". Such a text is refused if
//! **every** word of it is one of a closed list: words that say nothing by themselves, moods and sensations that pass, signs that
//! one has heard. A single other word, a name, a number, a "not" or an "always" keeps it, so "is afraid of dogs", "feels anxious
//! before every flight" and "has chronic headaches" stay. What is not listed is never refused: a new word costs a little junk,
//! no memory.
//!
//! What the rules of the local extractor read needs none of this, nor does a value of an own slot: the tenant wants to know it.

mod tables;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::quote;
use crate::learn::proposal::{BatchTurn, Proposal, Refusal};
use crate::learn::words::{Token, Word, words};
use crate::model::{MemoryKind, Polarity, Role};
use crate::text::wording::wording;
use crate::truth::{Cardinality, cardinality};

use tables::{TABLES, Table};

/// These may have a capital and are no names.
const SPOKEN_OF: &[&str] = &["i user assistant utilisateur utilisatrice usuario usuaria"];

/// Why the text is not worth keeping as a memory of this turn, if it is not.
pub(super) fn judge(
    turn: &BatchTurn,
    quoted: &Range<usize>,
    text: &str,
    proposal: &Proposal,
    read: &[Proposal],
) -> Result<(), Refusal> {
    // A denial corrects something, whatever its words; that a property with one value is told is something to know.
    let single = proposal.slot.as_ref().is_some_and(|slot| cardinality(slot) == Cardinality::Single);
    if single || proposal.polarity == Polarity::Denies || is_read_by_rules(proposal, read) {
        return Ok(());
    }
    if turn.role == Role::User && is_of_the_listener(proposal) && speaks_of_the_listener(turn, quoted) {
        return Err(Refusal::OtherSpeaker);
    }
    let speaker = turn.name.as_deref().unwrap_or_default().to_lowercase();
    // A slot's value may say what the text does not.
    let value = proposal.slot.as_ref().map_or("", |_| proposal.value.as_str());
    let mut said = [text, value].map(without_first_capital).concat();
    let is_speaker = |word: &Word| speaker.split_whitespace().any(|name| word.is(name));
    said.retain(|word| !word.is_mark() && !is_speaker(word));
    TABLES.iter().find_map(|table| table.refuses(&said)).map_or(Ok(()), Err)
}

/// Words of a text, of which the first has its capital because it is the first.
fn without_first_capital(text: &str) -> Vec<Word> {
    let mut words = words(text, 0..text.len());
    if let Some(first) = words.first_mut() {
        first.capital = false;
    }
    words
}

/// Whether the rules read the same of the same turn.
fn is_read_by_rules(proposal: &Proposal, read: &[Proposal]) -> bool {
    let says = |one: &Proposal| wording(if one.slot.is_some() { &one.value } else { &one.text });
    let same = |other: &&Proposal| (other.turn, &other.slot) == (proposal.turn, &proposal.slot);
    read.iter().filter(same).any(|other| says(other) == says(proposal))
}

/// Whether it is proposed as something that is so of the user; how the model is to answer is said to it as "you".
fn is_of_the_listener(proposal: &Proposal) -> bool {
    let of_user = proposal.slot.as_ref().is_none_or(|slot| slot.subject == "user");
    of_user
        && matches!(proposal.kind, MemoryKind::Fact | MemoryKind::Event | MemoryKind::Goal | MemoryKind::Note)
}

/// "You're such a good listener": with no word of the speaker in the whole sentence.
fn speaks_of_the_listener(turn: &BatchTurn, quoted: &Range<usize>) -> bool {
    let sentence = quote::sentences_around(turn, quoted);
    let (said, around) = (words(&turn.text, quoted.clone()), words(sentence, 0..sentence.len()));
    TABLES.iter().any(|table| {
        let first = said.iter().find(|word| !word.is_mark() && !lists(table.leads, word));
        first.is_some_and(|first| lists(table.you, first)) && !around.iter().any(|word| lists(table.me, word))
    })
}

fn lists(list: &[&str], word: &Word) -> bool {
    word.token == Token::Word && list.iter().any(|line| line.split(' ').any(|listed| word.is(listed)))
}

impl Table {
    /// Why words that say nothing but what is listed are refused.
    fn refuses(&self, said: &[Word]) -> Option<Refusal> {
        let (mut passes, mut felt) = (false, false);
        for word in said {
            let listed = |list: &[&str]| lists(list, word);
            let named = self.names_by_capital && word.capital && !listed(SPOKEN_OF);
            if word.token != Token::Word || named {
                return None;
            }
            felt |= listed(self.felt);
            let passing = listed(self.passing) || listed(self.passing_if_felt);
            passes |= passing;
            if !(passing || listed(self.felt) || listed(self.empty)) {
                return None;
            }
        }
        let may_last = said.iter().any(|word| lists(self.passing_if_felt, word));
        match (passes, may_last && !felt) {
            (_, true) => None,
            (true, _) => Some(Refusal::Passing),
            (false, _) => Some(Refusal::SaysNothing),
        }
    }
}
