//! Text → sentences, with what is asked told from what is said.
//!
//! A line break ends a sentence. "I live in Lyon, what's on tonight?" is two: what stands before the question is said.

use std::ops::Range;

use super::words::{Token, Word, words};
use crate::text::dates::mentions_time;

/// A sentence without the white space around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) bytes: Range<usize>,
    pub(super) question: bool,
}

/// Words whose full stop ends no sentence.
const ABBREVIATIONS: &[&str] = &[
    "dr", "mr", "mrs", "ms", "prof", "st", "e.g", "i.e", "vs", "approx", "no", "bzw", "z.b", "d.h", "usw",
    "ca", "mme", "sr", "sra", "jr", "inc", "co",
];

/// What a question begins with.
const ASKING: &[&str] = &[
    "what",
    "how",
    "why",
    "where",
    "who",
    "whom",
    "whose",
    "which",
    "when",
    "can",
    "could",
    "would",
    "should",
    "do",
    "does",
    "did",
    "is",
    "are",
    "was",
    "were",
    "will",
    "shall",
    "may",
    "have",
    "has",
    "any",
    "was",
    "wie",
    "warum",
    "wo",
    "wer",
    "welche",
    "welcher",
    "welches",
    "wann",
    "kannst",
    "können",
    "könntest",
    "soll",
    "gibt",
    "hast",
    "que",
    "quoi",
    "comment",
    "pourquoi",
    "où",
    "qui",
    "quel",
    "quelle",
    "quand",
    "est-ce",
    "peux-tu",
    "pouvez-vous",
    "qué",
    "cómo",
    "dónde",
    "quién",
    "cuál",
    "cuándo",
    "puedes",
    "podrías",
];

/// What a question begins with that people leave without its mark.
const ALWAYS_ASKING: &[&str] = &[
    "what",
    "what's",
    "why",
    "how",
    "who",
    "whose",
    "which",
    "can",
    "could",
    "should",
    "does",
    "wie",
    "warum",
    "wer",
    "kannst",
    "könntest",
    "comment",
    "pourquoi",
    "qué",
    "cómo",
];

/// The sentences of a part of a text, in order.
pub(super) fn sentences(text: &str, part: Range<usize>) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut start = part.start;
    let mut add = |range: Range<usize>| {
        let kept = &text[range.clone()];
        let from = range.start + (kept.len() - kept.trim_start().len());
        if !kept.trim().is_empty() {
            push(&mut sentences, text, from..from + kept.trim().len());
        }
    };
    let tokens = words(text, part.clone());
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1).map_or(part.end, |next| next.bytes.start);
        let ends = match token.token {
            Token::Mark('.') => ends_sentence(text, &tokens, at),
            Token::Mark('!' | '?' | '…' | '。' | '！' | '？') => true,
            _ => false,
        };
        let closes =
            tokens.get(at + 1).is_some_and(|next| matches!(next.token, Token::Mark('!' | '?' | '.' | ')')));
        let broken = text[token.bytes.end..next].contains('\n');
        if broken || ends && !closes {
            add(start..token.bytes.end);
            start = next;
        }
    }
    add(start..part.end);
    sentences
}

fn ends_sentence(text: &str, tokens: &[Word], at: usize) -> bool {
    let mark = &tokens[at];
    if text[mark.bytes.end..]
        .starts_with(|c: char| !c.is_whitespace() && !matches!(c, '"' | ')' | '”' | '\''))
    {
        return false;
    }
    let Some(before) =
        at.checked_sub(1).map(|at| &tokens[at]).filter(|word| word.bytes.end == mark.bytes.start)
    else {
        return true;
    };
    let next = tokens.get(at + 1).filter(|next| next.token == Token::Word);
    let initial = before.capital && before.bytes.len() == 1 && !before.is("i");
    let ordinal = before.is_number()
        && before.bytes.len() <= 2
        && next.is_some_and(|next| mentions_time(&format!("{}. {}", before.text, &text[next.bytes.clone()])));
    !(next.is_some() && (initial || before.is_one_of(ABBREVIATIONS)) || ordinal)
}

/// A question gives what is said before it apart.
fn push(sentences: &mut Vec<Sentence>, text: &str, bytes: Range<usize>) {
    let tokens = words(text, bytes.clone());
    let first = tokens.iter().position(|word| !word.is_mark());
    let asks = |word: &Word| matches!(word.token, Token::Mark('?' | '？'));
    let marked = tokens.iter().rev().take_while(|word| word.is_mark()).any(asks)
        || tokens.iter().any(|token| token.token == Token::Mark('¿'));
    let begins = |words: &[&str]| first.is_some_and(|first| tokens[first].is_one_of(words));
    if !marked {
        return sentences.push(Sentence { bytes, question: begins(ALWAYS_ASKING) });
    }
    let turn = (1..tokens.len()).rev().find(|&at| {
        let asks = tokens[at].is_one_of(ASKING)
            || tokens[at].is("and") && tokens.get(at + 1).is_some_and(|next| next.is_one_of(ASKING));
        asks && matches!(tokens[at - 1].token, Token::Mark(',' | ';' | ':' | '-' | '—' | '–'))
    });
    match turn {
        Some(at) if at > 3 && !begins(ASKING) => {
            sentences.push(Sentence { bytes: bytes.start..tokens[at - 2].bytes.end, question: false });
            sentences.push(Sentence { bytes: tokens[at].bytes.start..bytes.end, question: true });
        }
        _ => sentences.push(Sentence { bytes, question: true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = sentences(text, 0..text.len())
            .into_iter()
            .map(|sentence| format!("{}{}", if sentence.question { "? " } else { "" }, &text[sentence.bytes]))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn marks_and_line_breaks_end_sentences() {
        check("I'm 34. I live here!  Really?!\nYes", &["I'm 34.", "I live here!", "? Really?!", "Yes"]);
    }

    #[test]
    fn abbreviations_initials_and_dates_do_not() {
        check("I met Dr. Ruiz and J. Smith.", &["I met Dr. Ruiz and J. Smith."]);
        check("Am 3. Oktober ist Feiertag. Gut.", &["Am 3. Oktober ist Feiertag.", "Gut."]);
    }

    #[test]
    fn what_is_said_before_a_question_is_said() {
        check("I live in Lyon, what is on tonight?", &["I live in Lyon", "? what is on tonight?"]);
        check("What if I live in Lyon, is that far?", &["? What if I live in Lyon, is that far?"]);
    }

    #[test]
    fn a_question_may_lack_its_mark() {
        check("what is my name", &["? what is my name"]);
        check("¿Dónde vivo yo", &["? ¿Dónde vivo yo"]);
    }
}
