//! Phrases as the tables write them, and whether words begin with one.
//!
//! A phrase is a row of words. `a|b` is either, `*a` any word that ends so, `?a` may be missing, `!a` must not come next, `_` is
//! any one word, `~` none to three, `$` the end of a clause. A word in capitals stands for a list of the language. A phrase
//! begins with a clause; one with `...` before it may begin anywhere, one with `^` only behind a mark, not behind "and", since
//! what follows may have its subject before it ("they sing and always remind me").

/// A word of a sentence.
#[derive(Debug)]
pub(super) struct Word {
    /// In lower case.
    pub(super) text: String,
    /// A clause begins with it.
    pub(super) begins: bool,
    /// A clause ends behind it.
    pub(super) ends: bool,
}

/// The most words that `~` stands for.
const GAP_WORDS_MAX: usize = 3;

enum Part {
    One(Vec<&'static str>),
    Maybe(Vec<&'static str>),
    Not(Vec<&'static str>),
    Any,
    Gap,
    End,
}

/// Where a phrase may begin, the narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Behind a mark or at the beginning of the sentence.
    Mark,
    /// There or behind a word that joins clauses.
    Clause,
    /// Anywhere.
    Any,
}

/// A phrase taken apart.
pub(super) struct Phrase {
    /// Where it may begin.
    pub(super) place: Place,
    parts: Vec<Part>,
}

impl Phrase {
    /// `lists` are the language's lists by their names.
    pub(super) fn new(phrase: &'static str, lists: &[(&str, &[&'static str])]) -> Self {
        let (place, phrase) = match (phrase.strip_prefix("^ "), phrase.strip_prefix("... ")) {
            (Some(rest), _) => (Place::Mark, rest),
            (_, Some(rest)) => (Place::Any, rest),
            _ => (Place::Clause, phrase),
        };
        let words = |alternatives: &'static str| -> Vec<&'static str> {
            let listed = |word: &'static str| match lists.iter().find(|(name, _)| *name == word) {
                Some((_, list)) => list.to_vec(),
                None => vec![word],
            };
            alternatives.split('|').flat_map(listed).collect()
        };
        let part = |part: &'static str| match part {
            "~" => Part::Gap,
            "_" => Part::Any,
            "$" => Part::End,
            _ => match (part.strip_prefix('?'), part.strip_prefix('!')) {
                (Some(maybe), _) => Part::Maybe(words(maybe)),
                (_, Some(not)) => Part::Not(words(not)),
                _ => Part::One(words(part)),
            },
        };
        Self { place, parts: phrase.split(' ').map(part).collect() }
    }

    /// Whether the words begin with it.
    pub(super) fn matches(&self, words: &[Word]) -> bool {
        matches(&self.parts, words, false)
    }
}

/// `ended`: whether a clause ended behind the word before.
fn matches(parts: &[Part], words: &[Word], ended: bool) -> bool {
    let Some((part, parts)) = parts.split_first() else { return true };
    let next = words.split_first();
    let is_one_of = |alternatives: &[&str]| {
        next.is_some_and(|(word, _)| {
            alternatives.iter().any(|alternative| match alternative.strip_prefix('*') {
                Some(end) => word.text.ends_with(end),
                None => word.text == *alternative,
            })
        })
    };
    let behind = || next.is_some_and(|(word, rest)| matches(parts, rest, word.ends));
    match part {
        Part::One(alternatives) => is_one_of(alternatives) && behind(),
        Part::Maybe(alternatives) => is_one_of(alternatives) && behind() || matches(parts, words, ended),
        Part::Not(alternatives) => !is_one_of(alternatives) && matches(parts, words, ended),
        Part::Any => behind(),
        Part::Gap => (0..=GAP_WORDS_MAX.min(words.len()))
            .any(|gap| matches(parts, &words[gap..], gap.checked_sub(1).map_or(ended, |at| words[at].ends))),
        Part::End => (ended || words.is_empty()) && matches(parts, words, ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(phrase: &'static str, sentence: &str) -> bool {
        let words: Vec<Word> = sentence
            .split(' ')
            .map(|word| Word {
                text: word.trim_end_matches(',').into(),
                begins: false,
                ends: word.ends_with(','),
            })
            .collect();
        Phrase::new(phrase, &[("FOOD", &["meat", "fish"])]).matches(&words)
    }

    #[test]
    fn each_sign_of_a_phrase_means_what_it_says() {
        assert!(check("eat no FOOD", "eat no fish today") && !check("eat no FOOD", "eat no bread"));
        assert!(check("?please stop", "please stop") && check("?please stop", "stop now"));
        assert!(check("a ~ *allergy", "a very bad nutallergy") && !check("a ~ z", "a b c d e z"));
        assert!(check("call !back me", "call me") && !check("call !back|me", "call me"));
        assert!(check("call me _ $", "call me sam, please") && !check("call me _ $", "call me sam please"));
        assert!(check("call me _ $", "call me sam") && !check("call me _ $", "call me"));
    }
}
