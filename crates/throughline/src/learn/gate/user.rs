//! Judges a user's sentences: is this something to know next month?
//!
//! What is asked, wished, played or passing is not. A statement is wanted if it speaks of the sender or theirs, says how
//! things are to be done, names a time, or goes on about what a wanted sentence before it began.

use crate::learn::pattern::{NoCapture, Pattern, any_at};
use crate::learn::words::{Token, Word};

use super::tables::TABLES;
use crate::text::dates::mentions_time;

/// Fewer words state nothing.
const STATEMENT_WORDS_MIN: usize = 2;

/// Goes through the sentences of one turn in order.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// Role play, a text to translate: from there on nothing is said by the user as themselves.
    staged: bool,
    /// The sentence before was wanted.
    wanted_before: bool,
    /// The newest sentence begins by calling a joke what was said before it.
    pub(super) takes_back: bool,
}

impl Judge {
    pub(super) fn wants(&mut self, words: &[Word], sentence: &str, question: bool, quotes: bool) -> bool {
        let start = statement_start(words);
        let at_start = |pick: fn(&super::tables::Table) -> &Vec<Pattern>| {
            TABLES.iter().any(|table| any_at(pick(table), words, start))
        };
        self.staged |=
            TABLES.iter().any(|table| table.staging.iter().any(|pattern| pattern.stands_in(words)));
        let jokes = TABLES.iter().any(|table| table.jokes.iter().any(|pattern| pattern.stands_in(words)))
            || words.windows(2).any(|pair| pair[0].token == Token::Mark('/') && pair[1].is("s"));
        self.takes_back = at_start(|table| &table.jokes);
        let said = words.iter().filter(|word| word.token == Token::Word).count();
        let dated = mentions_time(sentence);
        let wanted = !self.staged
            && !question
            && !quotes
            && !jokes
            && (said >= STATEMENT_WORDS_MIN || words.iter().any(|word| is_unspaced_sentence(&word.text)))
            && (at_start(|table| &table.aims)
                || !at_start(|table| &table.void)
                    && (at_start(|table| &table.standing)
                        || !at_start(|table| &table.passing)
                            && (self.goes_on(words, start) || speaks_of_own(words) || dated)));
        self.wanted_before = wanted;
        wanted
    }

    /// "She sleeps all day." after "We have a cat."
    fn goes_on(&self, words: &[Word], start: usize) -> bool {
        let first = words.get(start);
        self.wanted_before
            && first.is_some_and(|first| TABLES.iter().any(|table| first.is_one_of(table.going_on)))
    }
}

/// Where the statement begins, behind words like "well", "by the way" and "thanks,".
fn statement_start(words: &[Word]) -> usize {
    let mut at = 0;
    'lead: while at < words.len() {
        if words[at].is_mark() {
            at += 1;
            continue;
        }
        for table in TABLES.iter() {
            if let Some(lead) = table.leads.iter().find_map(|lead| lead.matches(words, at, &NoCapture)) {
                at = lead.end;
                continue 'lead;
            }
        }
        break;
    }
    at
}

fn speaks_of_own(words: &[Word]) -> bool {
    TABLES.iter().any(|table| {
        words.iter().any(|word| word.is_one_of(table.me) || is_han_me(table.me_within, &word.text))
            || words.iter().any(|word| word.is_one_of(table.kin))
    })
}

/// In scripts without spaces a whole sentence is one word to us.
fn is_han_me(within: &[&str], word: &str) -> bool {
    within.iter().any(|me| word.contains(me))
}

fn is_unspaced_sentence(word: &str) -> bool {
    word.chars().count() > 3
        && word
            .chars()
            .any(|c| matches!(c, '\u{3041}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}'))
}
