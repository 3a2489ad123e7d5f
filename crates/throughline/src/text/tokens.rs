//! Exact token counts as OpenAI's models count them, for budgets and receipts.
//!
//! The vocabulary of an encoding is loaded at its first use and stays. Text is counted piece by piece, so that no
//! input, however long or odd, costs more than linear time or overflows the expression engine underneath; special
//! tokens such as `<|endoftext|>` are counted as the plain text they are.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

/// Longest piece counted at once. The encodings' word patterns need stack in proportion to a run of spaces, and time
/// a little more than in proportion to a word.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// A byte-pair vocabulary of OpenAI's models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TokenEncoding {
    /// `o200k_base`: GPT-4o and later.
    #[default]
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5 and the `text-embedding-3` models.
    Cl100k,
}

/// The name is not one of [`TokenEncoding`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown token encoding `{name}`; use `o200k_base` or `cl100k_base`")]
pub struct UnknownTokenEncoding {
    /// The name as given.
    pub name: String,
}

impl TokenEncoding {
    /// The number of tokens of a text, without any message framing.
    ///
    /// Exact for every text with a space after a word at least once in 16 KiB; a longer stretch is cut, which may add a
    /// token or two for each 16 KiB of it.
    pub fn count(self, text: &str) -> usize {
        let vocabulary = self.vocabulary();
        pieces(text).map(|piece| vocabulary.count_ordinary(piece)).sum()
    }

    /// The name OpenAI gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::O200k => "o200k_base",
            Self::Cl100k => "cl100k_base",
        }
    }

    fn vocabulary(self) -> &'static CoreBPE {
        match self {
            Self::O200k => o200k_base_singleton(),
            Self::Cl100k => cl100k_base_singleton(),
        }
    }
}

impl fmt::Display for TokenEncoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The full names, and the short ones without `_base`.
impl FromStr for TokenEncoding {
    type Err = UnknownTokenEncoding;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "o200k_base" | "o200k" => Ok(Self::O200k),
            "cl100k_base" | "cl100k" => Ok(Self::Cl100k),
            _ => Err(UnknownTokenEncoding { name: name.to_owned() }),
        }
    }
}

/// Cuts a text into pieces of at most [`PIECE_BYTES_MAX`] whose counts add up to that of the whole.
///
/// In both encodings a token that holds a space begins with white space, so between anything else and a space there is
/// always a border: a piece ends there if it can.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(piece_end(rest));
        rest = after;
        Some(piece)
    })
}

fn piece_end(text: &str) -> usize {
    if text.len() <= PIECE_BYTES_MAX {
        return text.len();
    }
    let window = &text[..text.floor_char_boundary(PIECE_BYTES_MAX)];
    window
        .rmatch_indices(' ')
        .map(|(at, _)| at)
        .find(|&at| window[..at].ends_with(|before: char| !before.is_whitespace()))
        .unwrap_or(window.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_those_of_the_published_encodings() {
        let text =
            "Throughline remembers: 1,234 things — día, 猫, 🙂 — isn't that nice?\n\n  def f(x): return x\n";
        assert_eq!(TokenEncoding::O200k.count(text), 29);
        assert_eq!(TokenEncoding::Cl100k.count(text), 31);
        assert_eq!(TokenEncoding::O200k.count(""), 0);
    }

    #[test]
    fn special_tokens_are_plain_text() {
        assert!(TokenEncoding::O200k.count("<|endoftext|>") > 1);
    }

    #[test]
    fn long_prose_counts_as_if_it_were_never_cut() {
        let text = "She said: \"it's 3,000 m high\"  and  left…\r\n\r\n\t- one\n - two /* x */ 山 に 登る "
            .repeat(2_000);
        for encoding in [TokenEncoding::O200k, TokenEncoding::Cl100k] {
            assert!(pieces(&text).count() > 8);
            assert_eq!(encoding.count(&text), encoding.vocabulary().count_ordinary(&text));
        }
    }

    #[test]
    fn a_long_run_of_one_character_is_counted_without_overflow() {
        for (character, bytes) in
            [(" ", 1_000_000), ("\n", 99_000), ("a", 99_000), ("猫", 99_000), ("\u{a0}", 99_000)]
        {
            let count = TokenEncoding::O200k.count(&character.repeat(bytes / character.len()));
            assert!((bytes / 1_000..=bytes / 2).contains(&count), "{character:?}: {count}");
        }
    }

    #[test]
    fn names_are_read_with_and_without_their_suffix() {
        assert_eq!("o200k".parse(), Ok(TokenEncoding::O200k));
        assert_eq!("cl100k_base".parse(), Ok(TokenEncoding::Cl100k));
        let error = "p50k".parse::<TokenEncoding>().unwrap_err();
        assert_eq!(error.to_string(), "unknown token encoding `p50k`; use `o200k_base` or `cl100k_base`");
    }

    proptest! {
        #[test]
        fn a_cut_before_a_space_never_changes_the_count(
            left in r"(?s).{0,40}", word in r"\S", right in r"(?s)[ ][ \t\r\na-zA-Z0-9'.,/!é猫]{0,40}",
        ) {
            for encoding in [TokenEncoding::O200k, TokenEncoding::Cl100k] {
                let apart = encoding.count(&format!("{left}{word}")) + encoding.count(&right);
                prop_assert_eq!(encoding.count(&format!("{left}{word}{right}")), apart);
            }
        }
    }
}
