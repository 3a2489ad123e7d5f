//! Whether two texts say a thing in the same words: their significant words, normalised and stemmed, in order.

use super::terms::{TermHash, plain_words, significant_words, terms};

/// The normalised wording of a text: case, accents' encoding, endings, punctuation and stop words do not count. Of a text that
/// has nothing but stop words, all words.
pub fn wording(text: &str) -> Vec<TermHash> {
    let words = significant_words(text);
    if words.is_empty() {
        return plain_words(text);
    }
    words.into_iter().flat_map(|(_, word)| terms(word)).map(|term| term.hash).collect()
}

#[cfg(test)]
mod tests {
    use super::wording;

    #[test]
    fn case_endings_articles_and_punctuation_do_not_count() {
        assert_eq!(wording("The white Dogs!"), wording("white dog"));
        assert_eq!(wording("in Lisbon"), wording("LISBON."));
        assert_ne!(wording("white dog"), wording("dog white"));
    }

    #[test]
    fn a_text_of_stop_words_alone_keeps_them() {
        assert!(!wording("it is").is_empty());
        assert!(wording(" … ").is_empty());
    }
}
