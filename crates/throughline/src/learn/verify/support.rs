//! Whether words carry what is claimed of them.
//!
//! Numbers and names must stand in the turn as they are: they are what a model gets wrong. Of the other words of a value at
//! least half must stand there, by their stems, and at least one of all in the quote itself.

use std::collections::HashSet;

use crate::learn::proposal::{Batch, BatchTurn, Proposal};
use crate::model::Role;
use crate::text::terms::{TermHash, significant_words, terms};

/// The part of a value's other words that must stand in the turn: one in so many.
const OTHER_WORDS_SHARE: usize = 2;

/// Whether the quote, with its turn, carries the value, and the batch knows whom it is about.
pub(super) fn carries(batch: &Batch<'_>, turn: &BatchTurn, quoted: &str, proposal: &Proposal) -> bool {
    let about =
        proposal.slot.as_ref().is_none_or(|slot| slot.subject == "user" || knows(batch, &slot.subject));
    // Without a slot the text is the value.
    let value = if proposal.slot.is_some() { &proposal.value } else { &proposal.text };
    about && (value.trim().is_empty() || value_stands(&turn.text, quoted, value))
}

/// Whether every number and name of a text was said: in its turn, or by the user in another one, or is known.
pub(super) fn says_no_more(batch: &Batch<'_>, turn: &BatchTurn, text: &str) -> bool {
    let own = Words::of(&turn.text);
    let mut exact = significant_words(text)
        .into_iter()
        .filter(|(at, word)| is_exact(word) && (at.start > 0 || has_digit(word)));
    exact.all(|(_, word)| own.hold(word) || !has_digit(word) && (is_reporting(word) || knows(batch, word)))
}

/// Whether every number and name of a text stands in what it rests on.
pub(in crate::learn) fn exact_words_stand(text: &str, rests_on: &str) -> bool {
    let there = Words::of(rests_on);
    let begins = |at: usize| at == 0 || text[..at].trim_end().ends_with(['.', '!', '?', ':', '“']);
    let mut exact = significant_words(text)
        .into_iter()
        .filter(|(at, word)| has_digit(word) || is_exact(word) && !begins(at.start));
    exact.all(|(_, word)| there.hold(word) || !has_digit(word) && is_reporting(word))
}

/// Whether a text says no more than what it rests on, and about the same: its numbers and names stand there, and half of its
/// other words.
pub(in crate::learn) fn tells(text: &str, rests_on: &str) -> bool {
    let there = Words::of(rests_on);
    let words = significant_words(text).into_iter().map(|(_, word)| word);
    let other: Vec<&str> = words.filter(|word| !is_exact(word) && !is_reporting(word)).collect();
    let standing = other.iter().filter(|word| there.hold(word)).count();
    standing * OTHER_WORDS_SHARE >= other.len() && exact_words_stand(text, rests_on)
}

/// Whether a quote has a significant word of a text.
pub(in crate::learn) fn has_a_word_of(quoted: &str, text: &str) -> bool {
    let quoted = Words::of(quoted);
    significant_words(text).iter().any(|(_, word)| quoted.hold(&word.to_lowercase()))
}

/// Whether a value stands in its turn, and a word of it in the quote.
pub(super) fn value_stands(turn: &str, quoted: &str, value: &str) -> bool {
    let (turn, quoted) = (Words::of(turn), Words::of(quoted));
    let words = significant_words(value);
    if words.is_empty() {
        // Stop words or signs alone: they must stand in the quote themselves.
        return quoted.text.contains(&value.trim().to_lowercase());
    }
    let (exact, other): (Vec<_>, Vec<_>) =
        words.iter().map(|(_, word)| *word).partition(|word| is_exact(word));
    let standing = other.iter().filter(|word| turn.hold(word)).count();
    exact.iter().all(|word| turn.hold(word))
        && standing * OTHER_WORDS_SHARE >= other.len()
        && words.iter().any(|(_, word)| quoted.hold(word))
}

/// Whether what the user said in the batch, or what is known, names it.
fn knows(batch: &Batch<'_>, name: &str) -> bool {
    let all = |text: &str| {
        let words = Words::of(text);
        let mut named = significant_words(name).into_iter().peekable();
        named.peek().is_some() && named.all(|(_, word)| words.hold(word))
    };
    let said = batch.turns.iter().filter(|turn| turn.role == Role::User).any(|turn| all(&turn.text));
    said || batch.known.iter().any(|memory| {
        all(&memory.text) || memory.slot.as_ref().is_some_and(|slot| slot.subject.eq_ignore_ascii_case(name))
    })
}

/// Numbers, and words with a capital.
fn is_exact(word: &str) -> bool {
    has_digit(word) || word.chars().any(char::is_uppercase)
}

fn has_digit(word: &str) -> bool {
    word.chars().any(char::is_numeric)
}

/// How a model speaks of the user.
fn is_reporting(word: &str) -> bool {
    matches!(word.to_lowercase().as_str(), "user" | "user's" | "assistant" | "assistant's" | "i")
}

/// The words of a text: as they are but for case, and by their stems.
struct Words {
    text: String,
    exact: HashSet<String>,
    stems: HashSet<TermHash>,
}

impl Words {
    fn of(text: &str) -> Self {
        let exact = significant_words(text).into_iter().map(|(_, word)| bare(word)).collect();
        Self {
            text: text.to_lowercase(),
            exact,
            stems: terms(text).into_iter().map(|term| term.hash).collect(),
        }
    }

    /// A number or name stands as it is, another word by its stem.
    fn hold(&self, word: &str) -> bool {
        let same = self.exact.contains(&bare(word));
        same || !has_digit(word) && !is_exact(word) && {
            let stems = terms(word);
            !stems.is_empty() && stems.iter().all(|term| self.stems.contains(&term.hash))
        }
    }
}

/// Small letters, no possessive.
fn bare(word: &str) -> String {
    let small = word.to_lowercase().replace('\u{2019}', "'");
    small.strip_suffix("'s").unwrap_or(&small).to_owned()
}
