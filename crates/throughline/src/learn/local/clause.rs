//! Where in a sentence a statement may begin: at its start, or where a new clause does, and with nothing before it that takes
//! it back.

use crate::learn::pattern::{NoCapture, Pattern};
use crate::learn::words::{Token, Word};

use super::tables::Language;

/// Most words of a time before its statement.
const TIME_WORDS_MAX: usize = 6;

/// A place where a statement may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) at: usize,
    /// Behind "I think" or "maybe".
    pub(super) vague: bool,
    /// Nothing but leads stands before it: only here a wish or a warning is one.
    pub(super) first: bool,
}

/// The places of a sentence, rising.
pub(super) fn starts(language: &Language, words: &[Word]) -> Vec<Start> {
    let mut starts: Vec<Start> = Vec::new();
    let mut opens = true;
    for at in 0..words.len() {
        let word = &words[at];
        // Whatever stands behind "if", "imagine" or "he said" is not said by the user as so.
        if word.is_one_of(language.takes_back) {
            break;
        }
        if opens {
            let start = Start { first: starts.is_empty(), ..behind_leads(language, words, at) };
            if starts.last().is_none_or(|last| last.at < start.at) {
                starts.push(start);
            }
        }
        opens = is_led_by_time(language, words, at + 1)
            || matches!(word.token, Token::Mark(',' | ';' | ':' | '(' | '-' | '–' | '—' | '.' | '!'))
            || word.is_one_of(language.joins);
    }
    starts.retain(|start| start.at < words.len());
    starts
}

/// Skips "actually," and "by the way,"; notes "I think".
fn behind_leads(language: &Language, words: &[Word], mut at: usize) -> Start {
    let mut vague = false;
    while at < words.len() {
        let skip = |patterns: &[Pattern]| {
            patterns.iter().filter_map(|lead| lead.matches(words, at, &NoCapture)).map(|lead| lead.end).max()
        };
        let hedged = skip(&language.hedges);
        vague |= hedged.is_some();
        match hedged.or_else(|| skip(&language.leads)) {
            Some(end) if end > at => at = end,
            _ if words[at].is_mark() => at += 1,
            _ => break,
        }
    }
    Start { at, vague, first: false }
}

/// Where the clause that goes on at a word ends: at a mark, or where another begins.
pub(super) fn end(language: &Language, words: &[Word], from: usize) -> usize {
    let ends = |at: &usize| {
        let word = &words[*at];
        matches!(word.token, Token::Mark(',' | ';' | ':' | '(' | ')' | '–' | '—' | '.' | '!' | '?' | '…'))
            || word.is_one_of(language.joins)
    };
    (from..words.len()).find(ends).unwrap_or(words.len())
}

/// "Since last May | I live", "For the next two weeks | we are": a time that stands before its statement.
fn is_led_by_time(language: &Language, words: &[Word], at: usize) -> bool {
    let begins = words[0].is_one_of(language.time_leads);
    let speaks =
        words.get(at).is_some_and(|word| word.is_one_of(&["i", "we", "my", "our", "je", "j'", "nous"]));
    begins && speaks && at <= TIME_WORDS_MAX && words[..at].iter().all(|word| word.token == Token::Word)
}
