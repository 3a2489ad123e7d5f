//! The little language in which the rules of learning are written, one line of words each.
//!
//! | written | matches |
//! |---|---|
//! | `live` | this word |
//! | `live|stay` | one of these |
//! | `[now|still]` | one of these, or nothing |
//! | `..` | up to [`GAP_WORDS_MAX`] words within a clause |
//! | `<place>` | what the reader of this class takes: see [`Capture`] |
//! | `,` | one punctuation mark, or nothing |
//! | `$` | the end of the clause |
//!
//! A pattern is looked for at one place and never searches; each part is tried a bounded number of times.

use std::ops::Range;

use super::words::{Token, Word};

/// Most words that `..` stands for.
const GAP_WORDS_MAX: usize = 4;

/// Most steps that one attempt takes: enough for any of our rules, and a bound for any text.
const STEPS_MAX: usize = 400;

/// Reads the captures of a pattern: the places where one of a class that begins at a word may end, the best first.
pub(super) trait Capture {
    /// `last` says that nothing stands behind it in the pattern.
    fn ends(&self, class: &str, words: &[Word], at: usize, last: bool) -> Vec<usize>;
}

/// For patterns without captures.
pub(super) struct NoCapture;

impl Capture for NoCapture {
    fn ends(&self, _: &str, _: &[Word], _: usize, _: bool) -> Vec<usize> {
        Vec::new()
    }
}

#[derive(Debug)]
enum Part {
    Words(Vec<&'static str>),
    Maybe(Vec<&'static str>),
    Gap,
    Mark,
    Capture(&'static str),
    End,
}

/// A rule's pattern, ready to be matched.
#[derive(Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// Which first bytes a word may have where it begins, one bit each modulo 64: nearly every place is told apart by it.
    first_bytes: u64,
}

/// What a pattern matched: words `..end`, and the words of each capture in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) end: usize,
    pub(super) captures: Vec<Range<usize>>,
}

impl Pattern {
    pub(super) fn new(written: &'static str) -> Self {
        let parts = written.split_whitespace().map(|part| match part {
            ".." => Part::Gap,
            "," => Part::Mark,
            "$" => Part::End,
            _ => match (part.strip_prefix('<'), part.strip_prefix('[')) {
                (Some(class), _) => Part::Capture(class.trim_end_matches('>')),
                (_, Some(words)) => Part::Maybe(words.trim_end_matches(']').split('|').collect()),
                _ => Part::Words(part.split('|').collect()),
            },
        });
        let parts: Vec<Part> = parts.collect();
        let first_bytes = match parts.first() {
            Some(Part::Words(any)) => any.iter().fold(0, |bytes, word| bytes | first_byte(word)),
            _ => u64::MAX,
        };
        Self { parts, first_bytes }
    }

    /// Patterns of a table.
    pub(super) fn table(written: &[&'static str]) -> Vec<Self> {
        written.iter().map(|written| Self::new(written)).collect()
    }

    /// Whether its last part takes several things.
    pub(super) fn ends_with_list(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Capture(class)) if class.ends_with('s') && !class.contains(':'))
    }

    /// At a word.
    pub(super) fn matches(&self, words: &[Word], at: usize, capture: &dyn Capture) -> Option<Matched> {
        if words.get(at).is_some_and(|word| self.first_bytes & first_byte(&word.text) == 0) {
            return None;
        }
        let mut captures = Vec::new();
        let mut steps = STEPS_MAX;
        let end = step(&self.parts, words, at, capture, &mut captures, &mut steps)?;
        Some(Matched { end, captures })
    }

    /// At any word.
    pub(super) fn stands_in(&self, words: &[Word]) -> bool {
        (0..words.len()).any(|at| self.matches(words, at, &NoCapture).is_some())
    }
}

fn first_byte(word: &str) -> u64 {
    word.bytes().next().map_or(u64::MAX, |byte| 1 << (byte % 64))
}

/// Whether one of the patterns matches at a word.
pub(super) fn any_at(patterns: &[Pattern], words: &[Word], at: usize) -> bool {
    patterns.iter().any(|pattern| pattern.matches(words, at, &NoCapture).is_some())
}

fn step(
    parts: &[Part],
    words: &[Word],
    at: usize,
    capture: &dyn Capture,
    captures: &mut Vec<Range<usize>>,
    steps: &mut usize,
) -> Option<usize> {
    *steps = steps.checked_sub(1)?;
    let Some((part, rest)) = parts.split_first() else { return Some(at) };
    let word = words.get(at);
    match part {
        Part::Words(any) => {
            word.filter(|word| word.is_one_of(any))?;
            step(rest, words, at + 1, capture, captures, steps)
        }
        Part::Maybe(any) => {
            let taken = word.is_some_and(|word| word.is_one_of(any));
            taken
                .then(|| step(rest, words, at + 1, capture, captures, steps))
                .flatten()
                .or_else(|| step(rest, words, at, capture, captures, steps))
        }
        Part::Gap => {
            let most = words[at.min(words.len())..]
                .iter()
                .take(GAP_WORDS_MAX)
                .take_while(|word| word.token == Token::Word)
                .count();
            (0..=most).find_map(|skipped| step(rest, words, at + skipped, capture, captures, steps))
        }
        Part::Mark => {
            let mark = usize::from(word.is_some_and(Word::is_mark));
            step(rest, words, at + mark, capture, captures, steps)
        }
        Part::End => {
            if word.is_some_and(|word| !word.is_mark()) {
                return None;
            }
            step(rest, words, at, capture, captures, steps)
        }
        Part::Capture(class) => {
            for end in capture.ends(class, words, at, rest.is_empty()) {
                captures.push(at..end);
                if let Some(end) = step(rest, words, end, capture, captures, steps) {
                    return Some(end);
                }
                captures.pop();
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::words::words;

    /// Any run of words.
    struct Run;

    impl Capture for Run {
        fn ends(&self, _: &str, words: &[Word], at: usize, last: bool) -> Vec<usize> {
            if last { vec![words.len()] } else { (at + 1..=words.len()).collect() }
        }
    }

    #[track_caller]
    fn check(pattern: &'static str, text: &str, expected: Option<&[&str]>) {
        let words = words(text, 0..text.len());
        let found = Pattern::new(pattern).matches(&words, 0, &Run).map(|matched| {
            let shown = |range: &Range<usize>| {
                let words: Vec<&str> = words[range.clone()].iter().map(|word| word.text.as_str()).collect();
                words.join(" ")
            };
            matched.captures.iter().map(shown).collect::<Vec<_>>()
        });
        let expected = expected.map(|words| words.iter().map(ToString::to_string).collect());
        assert_eq!(found, expected, "{pattern} in {text}");
    }

    #[test]
    fn words_alternatives_and_what_may_be_missing() {
        check("i live|stay [now] in", "I live in", Some(&[]));
        check("i live|stay [now] in", "I stay now in", Some(&[]));
        check("i live|stay [now] in", "I eat in", None);
    }

    #[test]
    fn captures_reach_to_what_stands_behind_them() {
        check("from <thing> to <thing>", "from old vim to new emacs", Some(&["old vim", "new emacs"]));
    }

    #[test]
    fn a_gap_is_bounded_and_stays_in_its_clause() {
        check("ignore .. rules", "ignore all of the old rules", Some(&[]));
        check("ignore .. rules", "ignore it, rules", None);
        check("ignore .. rules", "ignore a b c d e rules", None);
    }

    #[test]
    fn the_end_of_a_clause_is_a_mark_or_the_end() {
        check("i smoke $", "I smoke.", Some(&[]));
        check("i smoke $", "I smoke fish", None);
    }
}
