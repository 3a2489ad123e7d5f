//! English words that carry no search value. A table, so that it can be read and extended in one place.
//!
//! Words are lower case, with straight apostrophes and without a possessive `'s` (so "it's" is listed as "it").
//! Negations and quantities stay searchable.

/// Sorted, for binary search.
const ENGLISH: &[&str] = &[
    "a", "about", "am", "an", "and", "are", "as", "at", "be", "been", "being", "but", "by", "did", "do",
    "does", "for", "from", "had", "has", "have", "he", "her", "hers", "him", "his", "how", "i", "i'd",
    "i'll", "i'm", "i've", "if", "in", "is", "it", "its", "me", "my", "of", "on", "or", "our", "she", "so",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "they're", "they've", "this",
    "those", "to", "us", "was", "we", "we're", "we've", "were", "what", "when", "where", "which", "who",
    "whom", "why", "with", "you", "you're", "you've", "your",
];

/// Whether a normalised word is left out of the index and of queries.
pub(super) fn is_stop_word(word: &str) -> bool {
    ENGLISH.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::ENGLISH;

    #[test]
    fn the_table_is_sorted_without_repetition() {
        assert!(ENGLISH.is_sorted_by(|a, b| a < b));
    }
}
