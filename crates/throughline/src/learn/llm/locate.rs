//! Finds a quote in the turns: the exact words of the turn it stands in.
//!
//! A model copies words well and marks badly: white space, case, kinds of quotes and dashes may differ, and the number may
//! be another turn's. What differs in a word is not the same quote and is left for the verification to refuse.

use std::ops::Range;

/// A turn's text with marks and case levelled, and where each of its characters stands in the text.
pub(super) struct Levelled {
    text: String,
    /// For each byte of the levelled text the range of the character it came from.
    origin: Vec<Range<usize>>,
}

impl Levelled {
    pub(super) fn new(text: &str) -> Self {
        let mut levelled =
            Self { text: String::with_capacity(text.len()), origin: Vec::with_capacity(text.len()) };
        for (at, c) in text.char_indices() {
            let range = at..at + c.len_utf8();
            if c.is_whitespace() || c.is_control() {
                if !levelled.text.ends_with(' ') && !levelled.text.is_empty() {
                    levelled.push(' ', range);
                }
                continue;
            }
            for c in level(c).to_lowercase() {
                levelled.push(c, range.clone());
            }
        }
        levelled
    }

    fn push(&mut self, c: char, from: Range<usize>) {
        self.text.push(c);
        self.origin.resize(self.text.len(), from);
    }

    /// Where the quote stands in the text as it was.
    pub(super) fn find(&self, quote: &Self) -> Option<Range<usize>> {
        let quote = quote.text.trim_end();
        if quote.is_empty() {
            return None;
        }
        let first = self.text.find(quote)?;
        Some(self.origin[first].start..self.origin[first + quote.len() - 1].end)
    }
}

/// A quote without what models put around it.
pub(super) fn bare(quote: &str) -> &str {
    quote.trim().trim_matches(['"', '“', '”', '„', '«', '»', '…']).trim_end_matches("...").trim()
}

fn level(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '`' | '´' => '\'',
        '“' | '”' | '„' | '«' | '»' => '"',
        '‐'..='―' | '−' => '-',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, quote: &str, expected: Option<&str>) {
        let found = Levelled::new(text).find(&Levelled::new(bare(quote)));
        assert_eq!(found.map(|range| &text[range]), expected, "{quote}");
    }

    #[test]
    fn a_quote_is_found_whatever_its_white_space_case_and_marks() {
        let text = "So — it’s  “Biscuit”,\nour İstanbul dog. ";
        check(text, "it's \"biscuit\", our", Some("it’s  “Biscuit”,\nour"));
        check(text, "\"our İstanbul dog.\"", Some("our İstanbul dog."));
        check(text, "so - it's...", Some("So — it’s"));
    }

    #[test]
    fn other_words_are_not_found() {
        check("My dog is called Biscuit", "My cat is called Biscuit", None);
        check("My dog", "", None);
        check("", "x", None);
    }
}
