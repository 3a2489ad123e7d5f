//! Whether two texts say a thing in the same words: their significant words, normalised and stemmed, in order.

use std::ops::Range;

use super::terms::{TermHash, plain_words, significant_words, terms};

/// The normalised wording of a text: case, accents' encoding, endings, punctuation and stop words do not count. Of a text that
/// has nothing but stop words, all words; of one without words, itself.
pub fn wording(text: &str) -> Vec<TermHash> {
    let words: Vec<TermHash> = worded(text).into_iter().map(|(_, word)| word).collect();
    if !words.is_empty() {
        return words;
    }
    let plain = plain_words(text);
    let itself = Some(text.trim()).filter(|text| plain.is_empty() && !text.is_empty()).map(TermHash::of);
    plain.into_iter().chain(itself).collect()
}

/// The significant words of a text, normalised, with their bytes.
pub fn worded(text: &str) -> Vec<(Range<usize>, TermHash)> {
    let normalised = |(bytes, word): (Range<usize>, &str)| {
        terms(word).into_iter().map(move |term| (bytes.clone(), term.hash)).collect::<Vec<_>>()
    };
    significant_words(text).into_iter().flat_map(normalised).collect()
}

/// Whether words stand in others, in order and together.
pub fn holds(said: &[TermHash], words: &[TermHash]) -> bool {
    !words.is_empty() && said.windows(words.len()).any(|at| at == words)
}

#[cfg(test)]
mod tests {
    use super::{holds, worded, wording};

    #[test]
    fn words_are_held_in_their_order_and_together() {
        let said = wording("The old harbour of Paris.");
        assert!(holds(&said, &wording("old harbours")) && holds(&said, &said));
        for other in ["harbour old", "old Paris", "the old harbour of Paris, France", ""] {
            assert!(!holds(&said, &wording(other)), "{other}");
        }
    }

    #[test]
    fn case_endings_articles_and_punctuation_do_not_count() {
        assert_eq!(wording("The white Dogs!"), wording("white dog"));
        assert_eq!(wording("in Lisbon"), wording("LISBON."));
        assert_ne!(wording("white dog"), wording("dog white"));
    }

    #[test]
    fn a_text_of_stop_words_or_signs_alone_keeps_them() {
        assert!(!wording("it is").is_empty());
        assert_ne!(wording("👍"), wording("🎉"));
        assert!(wording(" ").is_empty());
    }

    #[test]
    fn words_are_found_where_they_stand() {
        let text = "in Lisbon, by the sea";
        let words: Vec<&str> = worded(text).into_iter().map(|(bytes, _)| &text[bytes]).collect();
        assert_eq!(words, ["Lisbon", "sea"]);
    }
}
