//! Text → search terms: what BM25 counts, for stored passages and for queries alike.
//!
//! NFKC and lower case; words by UAX 29; possessive `'s` dropped; scripts without spaces as character pairs; English
//! stop words left out; words stemmed by the Snowball stemmer of their script. Numbers ("3.5", "1,200") and words
//! with digits are kept whole and unstemmed. A term is kept as a 32-bit hash of its text.
//!
//! Hashes are stored: a change of anything here needs a rebuild of the search rows.

use std::borrow::Cow;
use std::ops::Range;

use rust_stemmers::Stemmer;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

use super::script::{is_unspaced, stemmer_of};
use super::stop_words::is_stop_word;

/// Distinct terms kept of one text. A text with more keeps those with the smallest hashes: a fair sample that does
/// not depend on word order.
pub const TERMS_MAX: usize = 1024;

/// Words longer than this are identifiers or noise: they are indexed, but not stemmed.
const STEMMED_BYTES_MAX: usize = 64;

/// A search term as the 32-bit hash of its normalised text.
///
/// Two different terms share a hash with probability 2⁻³². Statistics are per scope, so what matters is a scope's own
/// vocabulary of `v` terms: a query word that the scope never saw matches some other word with probability `v / 2³²`
/// (1 in 43,000 for 100,000 terms), and `v² / 2³³` pairs are expected to collide (0.01 for 10,000 terms, 1.2 for
/// 100,000). A collision adds one wrong addend to a score, never a wrong text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermHash(pub u32);

impl TermHash {
    /// The hash of one normalised term: FNV-1a with 64 bits, folded to 32 by exclusive or.
    ///
    /// Source: Fowler, Noll, Vo; "xor folding" of the IETF draft `draft-eastlake-fnv`.
    pub fn of(term: &str) -> Self {
        let hash = term.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        #[expect(clippy::cast_possible_truncation, reason = "folding keeps the low half on purpose")]
        Self((hash ^ (hash >> 32)) as u32)
    }
}

/// A term and how often the text has it (at least 1; counts stop at 65,535).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Which term.
    pub hash: TermHash,
    /// How often it occurs.
    pub count: u16,
}

/// The terms of a text: distinct, sorted by hash, at most [`TERMS_MAX`].
///
/// The same words in another order give the same terms.
pub fn terms(text: &str) -> Vec<Term> {
    let mut hashes = Vec::new();
    for_each_term(text, |term| hashes.push(TermHash::of(term)));
    hashes.sort_unstable();
    hashes
        .chunk_by(|a, b| a == b)
        .take(TERMS_MAX)
        .map(|same| Term { hash: same[0], count: u16::try_from(same.len()).unwrap_or(u16::MAX) })
        .collect()
}

/// The length BM25 normalises by: all occurrences of all terms.
pub fn length(terms: &[Term]) -> u32 {
    terms.iter().map(|term| u32::from(term.count)).sum()
}

/// The words of a name or of a question as they are, in order, neither stemmed nor left out, so that names meet names.
/// Words of a single letter, such as initials, are none.
pub fn plain_words(text: &str) -> Vec<TermHash> {
    let mut hashes = Vec::new();
    for_each_word(&normalise(text), |word, _| {
        if word.chars().nth(1).is_some() {
            hashes.push(TermHash::of(word));
        }
    });
    hashes
}

/// The words of a text that are no stop words, by their bytes, in order. In scripts without spaces each character is one.
pub fn significant_words(text: &str) -> Vec<(Range<usize>, &str)> {
    let significant = |word: &str| {
        let word = normalise(word);
        !is_stop_word(word.strip_suffix("'s").unwrap_or(&word))
    };
    text.unicode_word_indices()
        .filter(|(_, word)| significant(word))
        .map(|(at, word)| (at..at + word.len(), word))
        .collect()
}

/// Calls `sink` with each normalised term of the text, in order of appearance.
fn for_each_term(text: &str, mut sink: impl FnMut(&str)) {
    for_each_word(&normalise(text), |word, spaced| {
        if !spaced {
            sink(word);
        } else if !is_stop_word(word) {
            sink(&stem(word));
        }
    });
}

/// Calls `sink` with each word of a normalised text, and with each character pair where its script has no spaces; says
/// which it is (true: a word).
fn for_each_word(text: &str, mut sink: impl FnMut(&str, bool)) {
    let mut rest = text;
    while !rest.is_empty() {
        let spaced_end = rest.find(is_unspaced).unwrap_or(rest.len());
        let (spaced, after) = rest.split_at(spaced_end);
        for word in spaced.unicode_words().flat_map(parts) {
            let word = word.strip_suffix("'s").unwrap_or(word);
            if !word.is_empty() {
                sink(word, true);
            }
        }
        let unspaced_end = after.find(|character| !is_unspaced(character)).unwrap_or(after.len());
        let (unspaced, after) = after.split_at(unspaced_end);
        for_each_pair(unspaced, &mut |pair: &str| sink(pair, false));
        rest = after;
    }
}

/// NFKC, lower case, straight apostrophes.
fn normalise(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc().flat_map(char::to_lowercase).map(|c| if c == '\u{2019}' { '\'' } else { c }).collect()
}

/// UAX 29 joins "node.js", "end.Next" and `snake_case` into one word. Such a word is cut at its punctuation, except
/// between digits ("3.5", "1,200") and at apostrophes ("o'brien").
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let mut before_is_digit = false;
    let mut characters = word.char_indices().peekable();
    let mut start = 0;
    let mut done = false;
    std::iter::from_fn(move || {
        while let Some((at, character)) = characters.next() {
            let joins = character.is_alphanumeric() || character == '\'' || is_mark(character);
            let after_is_digit = characters.peek().is_some_and(|(_, next)| next.is_numeric());
            let in_number = before_is_digit && after_is_digit;
            if !joins && !in_number {
                let part = &word[start..at];
                start = at + character.len_utf8();
                before_is_digit = false;
                return Some(part);
            }
            before_is_digit = character.is_numeric();
        }
        (!std::mem::replace(&mut done, true)).then(|| &word[start..])
    })
    .filter(|part| !part.is_empty())
}

/// Combining marks and joiners belong to their word.
fn is_mark(character: char) -> bool {
    is_combining_mark(character) || matches!(character, '\u{200C}' | '\u{200D}')
}

/// All neighbouring pairs of a run of characters; a run of one gives that one.
fn for_each_pair(run: &str, sink: &mut impl FnMut(&str)) {
    let ends = || run.char_indices().map(|(at, character)| at + character.len_utf8());
    let starts = run.char_indices().map(|(at, _)| at);
    let mut pairs = starts.zip(ends().skip(1)).peekable();
    if pairs.peek().is_none() && !run.is_empty() {
        sink(run);
    }
    for (start, end) in pairs {
        sink(&run[start..end]);
    }
}

/// The word without its ending; numbers, words with digits and very long ones as they are.
fn stem(word: &str) -> Cow<'_, str> {
    if word.len() > STEMMED_BYTES_MAX || word.contains(char::is_numeric) {
        return Cow::Borrowed(word);
    }
    match stemmer_of(word) {
        Some(algorithm) => Stemmer::create(algorithm).stem(word),
        None => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_term(text, |term| found.push(term.to_owned()));
        found
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(words(text).join(" "), expected);
    }

    #[test]
    fn words_are_lower_cased_and_stemmed_without_stop_words() {
        check("The dogs were RUNNING to the Parks", "dog run park");
    }

    #[test]
    fn a_possessive_means_its_owner() {
        check("Melanie's sister\u{2019}s kids", "melani sister kid");
    }

    #[test]
    fn an_apostrophe_inside_a_name_stays() {
        check("O'Brien said don't", "o'brien said don't");
    }

    #[test]
    fn numbers_are_kept_whole() {
        check(
            "3.5 km for 1,200 euros at 10:30 on 2023-05-07, v2.0.1",
            "3.5 km 1,200 euro 10 30 2023 05 07 v2.0.1",
        );
    }

    #[test]
    fn words_joined_by_punctuation_are_cut() {
        check("node.js snake_case end.Next bob@mail.org", "node js snake case end next bob mail org");
    }

    #[test]
    fn scripts_without_spaces_become_character_pairs() {
        check("黒猫がiPhone15を見た", "黒猫 猫が iphone15 を見 見た");
        check("서울에서 猫", "서울 울에 에서 猫");
    }

    #[test]
    fn compatibility_forms_are_one_term() {
        assert_eq!(terms("ﬁle Ｃafé ｶﾞ"), terms("file Cafe\u{301} ガ"));
    }

    #[test]
    fn other_scripts_have_their_own_stemmer() {
        check("книгами книга", "книг книг");
    }

    #[test]
    fn plain_words_are_those_of_names() {
        assert_eq!(plain_words("Ana-Luísa J. Moreau's"), ["ana", "luísa", "moreau"].map(TermHash::of));
        assert_eq!(plain_words("王小芳"), ["王小", "小芳"].map(TermHash::of));
        assert!(plain_words("J.").is_empty());
    }

    #[test]
    fn significant_words_stand_where_the_text_has_them() {
        let text = "What’s the dog’s name? 犬の";
        let words: Vec<&str> = significant_words(text).into_iter().map(|(bytes, _)| &text[bytes]).collect();
        assert_eq!(words, ["dog’s", "name", "犬", "の"]);
    }

    #[test]
    fn repetitions_are_counted_and_the_length_is_their_sum() {
        let terms = terms("tea, tea, coffee");
        let tea = TermHash::of("tea");
        assert_eq!(terms.iter().find(|term| term.hash == tea).map(|term| term.count), Some(2));
        assert_eq!(length(&terms), 3);
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(TermHash::of("tea"), TermHash(0x12b7_ab50));
        assert_eq!(TermHash::of("гора"), TermHash(0x80f3_3ea2));
    }

    #[test]
    fn a_text_of_countless_words_gives_a_bounded_list() {
        let text = (0..20_000).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(terms(&text).len(), TERMS_MAX);
    }

    /// Text of every script that has a stemmer or a rule of its own, with the punctuation that matters.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-z'’._0-9 -]{0,60}",
            "[\\u{0370}-\\u{03FF} ]{0,40}",
            "[\\u{0400}-\\u{052F} ]{0,40}",
            "[\\u{0600}-\\u{06FF} ]{0,40}",
            "[\\u{0B80}-\\u{0BFF} ]{0,40}",
            "[\\u{00C0}-\\u{024F}a-z']{0,40}",
            "[\\u{0E00}-\\u{0E7F}\\u{3000}-\\u{30FF}a-z]{0,40}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn any_text_gives_sorted_distinct_terms_no_more_than_it_has_characters(text in any_text()) {
            let terms = terms(&text);
            prop_assert!(terms.is_sorted_by(|a, b| a.hash < b.hash));
            prop_assert!(terms.iter().all(|term| term.count > 0));
            prop_assert!(length(&terms) as usize <= text.nfkc().count());
        }

    }

    proptest! {
        #[test]
        fn the_order_of_words_does_not_matter(mut words in prop::collection::vec("[a-zé]{1,8}|[0-9]{1,4}", 0..30)) {
            let before = terms(&words.join(" "));
            words.reverse();
            prop_assert_eq!(before, terms(&words.join("\n")));
        }
    }
}
