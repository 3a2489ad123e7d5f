//! Values and texts as they are kept: cut cleanly, in the user's words.

/// The words of a value: one space between them, without punctuation around.
pub(super) fn tidy(text: &str) -> String {
    let edge = |c: char| !c.is_alphanumeric() && !matches!(c, '+' | '#' | '%' | '€' | '$' | '£');
    let value = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let start = value.trim_start_matches(|c: char| edge(c) || c == '#' || c == '%');
    start.trim_end_matches(edge).to_owned()
}

/// A statement as a sentence: one space between words, a capital at the start.
pub(super) fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.trim_end_matches([',', ';', ':', '-', '–', '—', ' ']);
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_no_punctuation_around_them() {
        assert_eq!(tidy(" \"Dune\", "), "Dune");
        assert_eq!(tidy("C++"), "C++");
        assert_eq!(tidy("…"), "");
    }

    #[test]
    fn a_statement_becomes_a_sentence() {
        assert_eq!(sentence("i live\n in Rome,"), "I live in Rome");
        assert_eq!(sentence("I live in Rome."), "I live in Rome.");
    }
}
