//! Text → the words, numbers and punctuation that date phrases are made of.
//!
//! Never splits a word: "maybe" holds no "may", and "v2023" and "1990s" no number. Never looks at more than
//! [`TEXT_BYTES_MAX`] bytes, so that a pasted book costs no more than a question.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::calendar::{Part, Season, Unit};
use super::words::{ENTRY_WORDS_MAX, Guard, Meaning, meanings};
use crate::text::script::is_unspaced;

/// Only so much of the end of a text is looked at: that is where a question stands.
pub(super) const TEXT_BYTES_MAX: usize = 4 * 1024;

/// A number as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    /// Saturating.
    pub(super) value: u32,
    pub(super) digits: usize,
    /// "3rd".
    pub(super) ordinal: bool,
}

/// A word, an entry of the lexicon of several words, a number, or one punctuation mark.
#[derive(Debug, Clone, Default)]
pub(super) struct Token {
    /// NFKC and lower case; of a number or mark, empty.
    pub(super) word: String,
    /// Begins with a capital letter.
    pub(super) capital: bool,
    pub(super) number: Option<Number>,
    pub(super) mark: Option<char>,
    /// No white space before it.
    pub(super) glued: bool,
    pub(super) meanings: &'static [Meaning],
}

impl Token {
    pub(super) fn means(&self, meaning: Meaning) -> bool {
        self.meanings.contains(&meaning)
    }

    pub(super) fn is_mark(&self, mark: char) -> bool {
        self.mark == Some(mark)
    }

    pub(super) fn month(&self) -> Option<(i8, Guard)> {
        self.find(|meaning| match meaning {
            Meaning::Month(month, guard) => Some((month, guard)),
            _ => None,
        })
    }

    /// 0 is Monday.
    pub(super) fn weekday(&self) -> Option<(i8, Guard)> {
        self.find(|meaning| match meaning {
            Meaning::Weekday(weekday, guard) => Some((weekday, guard)),
            _ => None,
        })
    }

    pub(super) fn season(&self) -> Option<(Season, Guard)> {
        self.find(|meaning| match meaning {
            Meaning::Season(season, guard) => Some((season, guard)),
            _ => None,
        })
    }

    /// "week"; not "weeks".
    pub(super) fn unit(&self) -> Option<Unit> {
        self.find(|meaning| match meaning {
            Meaning::Unit(unit) => Some(unit),
            _ => None,
        })
    }

    /// "week" or "weeks".
    pub(super) fn units(&self) -> Option<Unit> {
        self.find(|meaning| match meaning {
            Meaning::Unit(unit) | Meaning::Units(unit) => Some(unit),
            _ => None,
        })
    }

    pub(super) fn part(&self) -> Option<Part> {
        self.find(|meaning| match meaning {
            Meaning::Part(part) => Some(part),
            _ => None,
        })
    }

    /// "two", "2", "a few": least and most.
    pub(super) fn count(&self) -> Option<(u32, u32)> {
        match self.number {
            Some(number) => (!number.ordinal).then_some((number.value, number.value)),
            None => self.find(|meaning| match meaning {
                Meaning::Count(least, most) => Some((least, most)),
                _ => None,
            }),
        }
    }

    pub(super) fn find<T>(&self, pick: impl Fn(Meaning) -> Option<T>) -> Option<T> {
        self.meanings.iter().copied().find_map(pick)
    }
}

/// The tokens of the end of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    joined(&raw_tokens(end_of(text)))
}

/// The last [`TEXT_BYTES_MAX`] bytes, from the beginning of a word.
fn end_of(text: &str) -> &str {
    match text.len().checked_sub(TEXT_BYTES_MAX) {
        None | Some(0) => text,
        Some(start) => text[text.ceil_char_boundary(start)..].trim_start_matches(in_word),
    }
}

fn raw_tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.nfkc().collect();
    let mut tokens = Vec::new();
    let (mut at, mut glued) = (0, false);
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            (at, glued) = (at + 1, false);
            continue;
        }
        let rest = &characters[at..];
        let (token, length) = if digit_of(character).is_some() {
            number_token(rest)
        } else if is_unspaced(character) {
            unspaced_token(rest)
        } else if in_word(character) {
            word_token(&rest[..run(rest, in_word)])
        } else {
            (Token { mark: Some(plain(character)), ..Token::default() }, 1)
        };
        // An apostrophe inside a word only parts it: "year's", "l'été".
        let inside = token.is_mark('\'')
            && glued
            && characters[at - 1].is_alphabetic()
            && characters.get(at + 1).is_some_and(|next| next.is_alphabetic());
        if !inside {
            tokens.push(Token { glued, ..token });
        }
        (at, glued) = (at + length, true);
    }
    tokens
}

/// Typographic apostrophes and dashes as typed ones.
fn plain(mark: char) -> char {
    match mark {
        '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{301C}' | '~' => '-',
        other => other,
    }
}

fn in_word(character: char) -> bool {
    (character.is_alphanumeric() || is_combining_mark(character) || character == '_')
        && !is_unspaced(character)
}

fn run(characters: &[char], belongs: impl Fn(char) -> bool) -> usize {
    characters.iter().position(|&character| !belongs(character)).unwrap_or(characters.len())
}

/// European, Arabic, Persian and Devanagari digits.
fn digit_of(character: char) -> Option<u32> {
    let code = u32::from(character);
    [0x30, 0x660, 0x6F0, 0x966].iter().find_map(|zero| code.checked_sub(*zero).filter(|digit| *digit < 10))
}

fn word_token(characters: &[char]) -> (Token, usize) {
    let word: String = characters.iter().flat_map(|character| character.to_lowercase()).collect();
    let capital = characters.first().is_some_and(|first| first.is_uppercase());
    (Token { meanings: meanings(&word), word, capital, ..Token::default() }, characters.len())
}

/// Digits with what they are written with: "3rd", "5pm", the "07T" of a timestamp. Other letters make it a word.
fn number_token(characters: &[char]) -> (Token, usize) {
    let digits = run(characters, |character| digit_of(character).is_some());
    let whole = run(characters, in_word);
    let suffix: String =
        characters[digits..whole.max(digits)].iter().flat_map(|character| character.to_lowercase()).collect();
    let ordinal = matches!(suffix.as_str(), "st" | "nd" | "rd" | "th" | "er" | "e" | "o" | "º");
    let apart = suffix.is_empty()
        || matches!(suffix.as_str(), "am" | "pm" | "h" | "uhr")
        || suffix.strip_prefix('t').is_some_and(|time| time.starts_with(|c: char| c.is_ascii_digit()));
    if !ordinal && !apart {
        let (token, length) = word_token(&characters[..whole]);
        return (Token { meanings: &[], ..token }, length);
    }
    let value = characters[..digits]
        .iter()
        .filter_map(|&character| digit_of(character))
        .fold(0_u32, |value, digit| value.saturating_mul(10).saturating_add(digit));
    let number = Number { value, digits, ordinal };
    let length = if ordinal { whole } else { digits };
    (Token { number: Some(number), ..Token::default() }, length)
}

/// The longest entry of the lexicon that begins here, a number, or one character.
fn unspaced_token(characters: &[char]) -> (Token, usize) {
    for length in (1..=characters.len().min(ENTRY_WORDS_MAX)).rev() {
        let word: String = characters[..length].iter().collect();
        let meanings = meanings(&word);
        if !meanings.is_empty() {
            return (Token { word, meanings, ..Token::default() }, length);
        }
    }
    let length = run(characters, |character| han_digit(character).is_some()).min(ENTRY_WORDS_MAX);
    match han_number(&characters[..length]) {
        Some(value) => {
            let number = Number { value, digits: length, ordinal: false };
            (Token { number: Some(number), ..Token::default() }, length)
        }
        None => (Token { word: characters[..1].iter().collect(), ..Token::default() }, 1),
    }
}

fn han_digit(character: char) -> Option<u32> {
    match character {
        '\u{3007}' => Some(0),
        '两' | '両' => Some(2),
        _ => "一二三四五六七八九十"
            .chars()
            .zip(1..)
            .find_map(|(han, value)| (han == character).then_some(value)),
    }
}

/// "三十一" and "二〇二三"; tens where there is a ten.
fn han_number(characters: &[char]) -> Option<u32> {
    let digits: Vec<u32> = characters.iter().filter_map(|&character| han_digit(character)).collect();
    let positional = |digits: &[u32]| digits.iter().fold(0, |value, digit| value * 10 + digit);
    match digits.iter().position(|&digit| digit == 10) {
        _ if digits.is_empty() => None,
        None => Some(positional(&digits)),
        Some(ten) if ten <= 1 && digits.len() <= ten + 2 => {
            let tens = digits[..ten].first().copied().unwrap_or(1);
            Some(tens * 10 + digits.get(ten + 1).copied().unwrap_or(0))
        }
        Some(_) => None,
    }
}

/// Neighbouring words that are one entry of the lexicon ("a couple of", "avant-hier") become one token.
fn joined(raw: &[Token]) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(token) = raw.get(at) {
        let (token, next) = entry_at(raw, at).unwrap_or_else(|| (token.clone(), at + 1));
        tokens.push(token);
        at = next;
    }
    tokens
}

/// The longest entry of two or more words at a place, and where it ends.
fn entry_at(raw: &[Token], at: usize) -> Option<(Token, usize)> {
    let first = &raw[at];
    if first.word.is_empty() {
        return None;
    }
    let mut words = first.word.clone();
    let (mut longest, mut next) = (None, at + 1);
    for _ in 1..ENTRY_WORDS_MAX {
        let hyphen = raw.get(next).is_some_and(|token| token.is_mark('-') && token.glued);
        let Some(token) = raw.get(next + usize::from(hyphen)) else { break };
        if token.word.is_empty() || hyphen && !token.glued {
            break;
        }
        next += usize::from(hyphen) + 1;
        words = format!("{words} {}", token.word);
        let meanings = meanings(&words);
        if !meanings.is_empty() {
            longest = Some((Token { word: words.clone(), meanings, ..first.clone() }, next));
        }
    }
    longest
}
