//! Text → words and marks, as the rules of learning read them: small letters, straight apostrophes, contractions apart.
//!
//! "I'm" is the two words `i` and `am`, "don't" is `do` and `not`, "J'habite" is `j'` and `habite`; so a rule is written
//! once. Every word knows its bytes. What stands in quotation marks is one token that no rule looks into: it is somebody
//! else's, or a title.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A word or number; `node.js`, `c++`, `they/them` and `a@b.c` are one.
    Word,
    /// One punctuation mark.
    Mark(char),
    /// A quotation, marks included.
    Quotation,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) token: Token,
    /// Small letters; empty unless it is a word.
    pub(super) text: String,
    pub(super) bytes: Range<usize>,
    pub(super) capital: bool,
}

impl Word {
    pub(super) fn is(&self, word: &str) -> bool {
        self.text == word
    }

    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        self.token == Token::Word && words.contains(&self.text.as_str())
    }

    pub(super) fn is_mark(&self) -> bool {
        matches!(self.token, Token::Mark(_))
    }

    pub(super) fn is_number(&self) -> bool {
        self.token == Token::Word && self.text.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// Endings that are words of their own.
const ENDINGS: &[(&str, &str)] = &[
    ("n't", "not"),
    ("'m", "am"),
    ("'re", "are"),
    ("'ve", "have"),
    ("'ll", "will"),
    ("'d", "would"),
    ("'s", "'s"),
];

/// What is left of a word before "n't", where it is another.
const BEFORE_NOT: &[(&str, &str)] = &[("ca", "can"), ("wo", "will"), ("sha", "shall")];

/// Beginnings that are words of their own, in French and Italian.
const BEGINNINGS: &[&str] = &["j'", "m'", "t'", "l'", "d'", "n'", "s'", "c'", "qu'"];

/// Contractions as people type them, with the bytes of the first part.
const TYPED: &[(&str, usize, &str, &str)] = &[
    ("dont", 2, "do", "not"),
    ("doesnt", 4, "does", "not"),
    ("didnt", 3, "did", "not"),
    ("cant", 3, "can", "not"),
    ("isnt", 2, "is", "not"),
    ("wont", 2, "will", "not"),
    ("ive", 1, "i", "have"),
];

/// Quotation marks, with what closes them.
const QUOTES: &[(char, &[char])] = &[
    ('"', &['"']),
    ('“', &['”', '"']),
    ('„', &['“', '”', '"']),
    ('«', &['»']),
    ('»', &['«']),
    ('‘', &['’']),
    ('「', &['」']),
];

/// The tokens of a part of a text, with bytes counted in the whole text.
pub(super) fn words(text: &str, part: Range<usize>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = part.start;
    while at < part.end {
        let rest = &text[at..part.end];
        let Some(first) = rest.chars().next() else { break };
        if let Some(bytes) = quotation(rest) {
            words.push(Word {
                token: Token::Quotation,
                text: String::new(),
                bytes: at..at + bytes,
                capital: true,
            });
            at += bytes;
        } else if first.is_whitespace() {
            at += first.len_utf8();
        } else if let Some(bytes) = word(rest) {
            push(&mut words, &rest[..bytes], at);
            at += bytes;
        } else {
            let bytes = at..at + first.len_utf8();
            at = bytes.end;
            words.push(Word { token: Token::Mark(first), text: String::new(), bytes, capital: false });
        }
    }
    words
}

/// In small letters, with one underscore for whatever stands between words: `favouriteFood` is `favourite_food`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    let mut after_small = false;
    for c in name.chars() {
        let parts = !c.is_alphanumeric() || (after_small && c.is_uppercase());
        if parts && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        if c.is_alphanumeric() {
            snake.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase();
    }
    snake.trim_end_matches('_').to_owned()
}

/// The bytes of a quotation that the text begins with. A single straight mark opens one only if it closes before a space.
fn quotation(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let body = first.len_utf8();
    if first == '\'' {
        let close = text[1..].find('\'').map(|close| close + 1)?;
        let ends = text[close + 1..].chars().next().is_none_or(|next| !next.is_alphanumeric());
        return (ends && close > 1 && !text[1..].starts_with(char::is_whitespace)).then_some(close + 1);
    }
    let closing = QUOTES.iter().find(|(open, _)| *open == first)?.1;
    let close = text[body..].find(closing)? + body;
    let mark = text[close..].chars().next()?;
    Some(close + mark.len_utf8())
}

/// The bytes of the word that a text begins with: letters and digits, and what joins them inside.
fn word(text: &str) -> Option<usize> {
    let mut end = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let after = characters.peek().map(|(_, next)| *next);
        let belongs = character.is_alphanumeric()
            || is_combining_mark(character)
            || end > 0 && matches!(character, '+' | '#')
            || end > 0 && joins(&text[..at], character) && after.is_some_and(char::is_alphanumeric)
            || end == 0 && is_sign(character) && after.is_some_and(|next| next.is_ascii_digit());
        if !belongs {
            break;
        }
        end = at + character.len_utf8();
    }
    (end > 0).then_some(end)
}

/// What may stand within a word: "node.js", "they/them"; a colon only in a time of day.
fn joins(before: &str, character: char) -> bool {
    matches!(character, '\'' | '’' | '-' | '.' | '/' | '@' | '_' | '&')
        || character == ':' && before.ends_with(|c: char| c.is_ascii_digit())
}

/// What may stand before a number: "+44", "$5".
fn is_sign(character: char) -> bool {
    matches!(character, '+' | '$' | '€' | '£')
}

fn push(words: &mut Vec<Word>, written: &str, at: usize) {
    let capital = written.starts_with(char::is_uppercase);
    let first = words.last().is_none_or(Word::is_mark);
    let small: String = written.to_lowercase().replace('’', "'");
    let mut add = |text: &str, bytes: Range<usize>, capital: bool| {
        words.push(Word { token: Token::Word, text: text.to_owned(), bytes, capital });
    };
    let end = at + written.len();
    if small == "im" && first && written.len() == 2 {
        add("i", at..at + 1, capital);
        return add("am", at + 1..end, false);
    }
    if let Some((_, cut, before, after)) = TYPED.iter().find(|(typed, ..)| *typed == small) {
        add(before, at..at + cut, capital);
        return add(after, at + cut..end, false);
    }
    // Bytes of small letters may differ from those of the word as written: endings are cut only where they are the same.
    if small.len() == written.replace('’', "'").len() && small.contains('\'') {
        let apostrophe = written.find(['\'', '’']).unwrap_or(0);
        let width = written[apostrophe..].chars().next().map_or(1, char::len_utf8);
        let head = apostrophe + width;
        if let Some(beginning) = BEGINNINGS.iter().find(|beginning| small.starts_with(**beginning))
            && head < written.len()
        {
            add(beginning, at..at + head, capital);
            return push(words, &written[head..], at + head);
        }
        if let Some((ending, word)) =
            ENDINGS.iter().find(|(ending, _)| small.ends_with(ending) && small.len() > ending.len())
        {
            let before = &small[..small.len() - ending.len()];
            let before = BEFORE_NOT.iter().find(|(cut, _)| *cut == before).map_or(before, |(_, whole)| whole);
            let tail = if *ending == "n't" { apostrophe.saturating_sub(1) } else { apostrophe };
            if tail > 0 && written.is_char_boundary(tail) {
                add(before, at..at + tail, capital);
                return add(word, at + tail..end, false);
            }
        }
    }
    add(&small, at..end, capital);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown: Vec<String> = words(text, 0..text.len())
            .into_iter()
            .map(|word| match word.token {
                Token::Word => word.text,
                Token::Mark(mark) => mark.to_string(),
                Token::Quotation => format!("<{}>", &text[word.bytes]),
            })
            .collect();
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn contractions_are_two_words() {
        check("I'm sure we don't, can’t and won't.", "i am sure we do not , can not and will not .");
        check("im here, ive been, I dont", "i am here , i have been , i do not");
        check("J'habite à Lyon, n'est-ce pas", "j' habite à lyon , n' est-ce pas");
        check("my sister's name's Anna", "my sister 's name 's anna");
    }

    #[test]
    fn technical_words_stay_whole() {
        check("C++, node.js; they/them a@b.org 12:30", "c++ , node.js ; they/them a@b.org 12:30");
        check("+44 20, 10 kg", "+44 20 , 10 kg");
    }

    #[test]
    fn a_quotation_is_one_token() {
        check("He said \"I live here\" and 'bye now'.", "he said <\"I live here\"> and <'bye now'> .");
        check("the dogs' owner isn't rock 'n roll", "the dogs ' owner is not rock ' n roll");
    }

    proptest! {
        #[test]
        fn any_text_gives_tokens_in_order_on_character_boundaries(
            text in prop_oneof![any::<String>(), "[a-zA-ZİßÉ'’\"„“ .,:/@+-]{0,60}"],
        ) {
            let mut end = 0;
            for word in words(&text, 0..text.len()) {
                prop_assert!(word.bytes.start >= end && word.bytes.start < word.bytes.end);
                prop_assert!(text.get(word.bytes.clone()).is_some());
                end = word.bytes.end;
            }
        }
    }
}
