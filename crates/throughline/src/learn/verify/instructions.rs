//! Tells what addresses the model from what is said to be remembered.
//!
//! The line: a standing wish about form ("always answer in metric units") harms nobody and is a preference. What addresses the
//! model's rules or role, hands out secrets, speaks for or about other users, or tells it to open, send or call something, is
//! kept apart, whoever said it. It is a second lock: memory is rendered as fenced data in any case.

mod phrases;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use crate::learn::pattern::{Pattern, any_at};
use crate::learn::words::{Token, Word, words};

/// Fewer letters are an abbreviation.
const CODE_LETTERS_MIN: usize = 3;

/// May stand before an order. Behind "I" or "to" it is none: "I never refuse a dessert".
const ADVERBS: &[&str] = &[
    "always", "never", "not", "do", "please", "also", "then", "now", "just", "only", "ever", "and", "so",
    "again", "immer", "bitte", "toujours", "siempre", "remember", "that",
];

struct Tables {
    phrases: Vec<Pattern>,
    orders: Vec<Pattern>,
    on_asking: Vec<Pattern>,
    in_answers: Vec<Pattern>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    phrases: Pattern::table(phrases::PHRASES),
    orders: Pattern::table(phrases::ORDERS),
    on_asking: Pattern::table(phrases::ON_ASKING),
    in_answers: Pattern::table(phrases::IN_ANSWERS),
});

/// Whether a text reads like an instruction to the model rather than something to remember.
pub(crate) fn addresses_model(text: &str) -> bool {
    let small = text.to_lowercase();
    let words = words(text, 0..text.len());
    let speaks = small
        .lines()
        .any(|line| phrases::SPEAKERS.iter().any(|speaker| line.trim_start().starts_with(speaker)));
    let linked =
        ["http://", "https://", "www."].iter().any(|link| small.contains(link)) || small.contains("](");
    let sent = linked && words.iter().any(|word| word.is_one_of(phrases::LINK_VERBS));
    speaks
        || sent
        || text.chars().any(is_hidden)
        || phrases::MARKS.iter().any(|mark| small.contains(mark))
        || stands(&TABLES.phrases, &words)
        || stands(&TABLES.on_asking, &words)
        || orders(&words)
        || renames(&words)
        || stands(&TABLES.in_answers, &words) && words.iter().any(|word| is_code_word(&text[word.bytes.clone()]))
        // What stands in quotation marks is one token, and may be the instruction itself.
        || quoted_parts(text).any(addresses_model)
}

fn stands(patterns: &[Pattern], words: &[Word]) -> bool {
    patterns.iter().any(|pattern| pattern.stands_in(words))
}

/// Whether an order stands where nobody else is said to follow it.
fn orders(words: &[Word]) -> bool {
    (0..words.len()).any(|at| any_at(&TABLES.orders, words, at) && is_to_the_model(words, at))
}

/// At the beginning of a clause, or behind "you", "you must".
fn is_to_the_model(words: &[Word], at: usize) -> bool {
    let before = words[..at].iter().rposition(|word| !word.is_one_of(ADVERBS));
    let Some(before) = before else { return true };
    let is_you = |at: usize| words[at].is_one_of(&["you", "du", "tu"]);
    let must = words[before].is_one_of(&["must", "should", "shall"]);
    words[before].is_mark() || is_you(before) || must && before > 0 && is_you(before - 1)
}

/// "You are Captain Redbeard": a name, and the model's.
fn renames(words: &[Word]) -> bool {
    words.windows(3).enumerate().any(|(at, run)| {
        let now = usize::from(run[2].is_one_of(&["now", "really", "actually"]));
        let named = words.get(at + 2 + now).is_some_and(|name| name.token == Token::Word && name.capital);
        run[0].is("you") && run[1].is_one_of(&["are", "become"]) && named
    })
}

/// `QUARTZ-7`: what no sentence needs.
fn is_code_word(word: &str) -> bool {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    letters().count() >= CODE_LETTERS_MIN
        && letters().all(char::is_uppercase)
        && word.contains(|c: char| c.is_ascii_digit())
}

fn quoted_parts(text: &str) -> impl Iterator<Item = &str> {
    let marks = |c: char| matches!(c, '"' | '“' | '”' | '„' | '«' | '»' | '‘' | '「' | '」') || c == '\'';
    let parts: Vec<&str> = if text.contains(marks) { text.split(marks).collect() } else { Vec::new() };
    parts.into_iter().filter(|part| !part.trim().is_empty())
}

/// Characters that nobody sees: tags, and changes of direction.
fn is_hidden(character: char) -> bool {
    matches!(character, '\u{E0000}'..='\u{E007F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}' | '\u{2060}')
}
