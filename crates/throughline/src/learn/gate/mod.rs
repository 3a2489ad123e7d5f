//! The gate: which parts of a turn are worth learning from. It drops what will not matter next month; what it lets through
//! is only looked at, never believed.
//!
//! First what the speaker did not say themselves is left out ([`foreign`]): code, logs, quotations, e-mails, what memory
//! gave. The rest is judged sentence by sentence ([`user`], [`assistant`]), so that one statement among small talk is found.
//! Pure: the same turn always gives the same ranges.

mod assistant;
mod foreign;
mod tables;
#[cfg(test)]
mod tests;
mod user;

use std::ops::Range;

use super::sentences::sentences;
use super::words::{Token, words};
use crate::model::Role;

/// A longer turn is a document that was pasted, not something said.
pub const GATE_TEXT_BYTES_MAX: usize = 16 * 1024;

/// A longer sentence is no sentence.
pub const GATE_SENTENCE_BYTES_MAX: usize = 1024;

/// The parts of a turn worth learning from, as bytes of its text: whole sentences, in order, apart.
///
/// `text` is the turn without the blocks this software put in. Of a tool's answers and system messages nothing is wanted.
pub fn gate(role: Role, text: &str) -> Vec<Range<usize>> {
    if text.len() > GATE_TEXT_BYTES_MAX || matches!(role, Role::Tool | Role::System) {
        return Vec::new();
    }
    let mut judge = user::Judge::default();
    let mut wanted = Vec::new();
    for part in foreign::own_parts(text) {
        let mut before_wanted = false;
        for sentence in sentences(text, part) {
            let words = words(text, sentence.bytes.clone());
            let fits = sentence.bytes.len() <= GATE_SENTENCE_BYTES_MAX;
            let quotes = words.iter().any(|word| {
                word.token == Token::Quotation && foreign::is_somebody_elses(&text[word.bytes.clone()])
            });
            let wants = match role {
                Role::User => judge.wants(&words, &text[sentence.bytes.clone()], sentence.question, quotes),
                _ => !sentence.question && !quotes && assistant::commits(&words),
            };
            // "I live in Versailles. Just kidding!"
            if judge.takes_back && before_wanted {
                wanted.pop();
            }
            before_wanted = wants && fits;
            if before_wanted {
                wanted.push(sentence.bytes);
            }
        }
    }
    wanted
}
