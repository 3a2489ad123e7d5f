//! Which memories are junk, by a rule that knows nothing of who made them and needs no opinion.

use std::collections::BTreeSet;

/// With fewer words that mean something, a memory says nothing by itself ("User is excited").
const CONTENT_WORDS_MIN: usize = 3;

/// Words without a meaning of their own, and those by which memories speak of the talk itself.
const EMPTY_WORDS: &str = "a about again all also am an and any are as asked at be because been being but by can could did do \
    does doing expressed feel feeling feels for from get gets glad good great had happy has have having he her here hers him \
    his how i if in into is it its just know like made make makes me mentioned more most much my of on one or other our out \
    over really said say says she should so some something such than thanks that the their them then there these they thing \
    things think this those to too told up user users assistant was we well were what when where which while who why will \
    with would yes you your";

/// Why each of some memories is junk; none for one that is not.
pub(crate) fn judge(memories: &[String], transcript: &str) -> Vec<Option<&'static str>> {
    let known: BTreeSet<String> = words(transcript).map(str::to_lowercase).collect();
    let mut seen = BTreeSet::new();
    memories.iter().map(|memory| why(memory, &known, &mut seen)).collect()
}

fn why(memory: &str, known: &BTreeSet<String>, seen: &mut BTreeSet<Vec<String>>) -> Option<&'static str> {
    let empty: BTreeSet<&str> = EMPTY_WORDS.split_whitespace().collect();
    let content: BTreeSet<String> =
        words(memory).map(str::to_lowercase).filter(|word| !empty.contains(word.as_str())).collect();
    if memory.trim_end().ends_with('?') {
        return Some("a question");
    }
    if content.len() < CONTENT_WORDS_MIN {
        return Some("says nothing by itself");
    }
    // The first word is large because it is the first.
    let names = words(memory).skip(1).filter(|word| word.chars().any(|c| c.is_uppercase() || c.is_numeric()));
    let mut names = names.map(str::to_lowercase).filter(|word| !empty.contains(word.as_str()));
    if names.any(|name| !known.contains(&name)) {
        return Some("a name or number that nobody said");
    }
    if !seen.insert(content.into_iter().collect()) {
        return Some("said before");
    }
    None
}

/// Single letters are what is left of "it's" and "I'm".
fn words(text: &str) -> impl Iterator<Item = &str> {
    let counts = |word: &&str| word.chars().count() > 1 || word.chars().all(char::is_numeric);
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).filter(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSCRIPT: &str = "I live in Graz since May 2021. My sister Ana's dog is called Rex.";

    #[track_caller]
    fn check(memories: &[&str], wanted: &[Option<&str>]) {
        let memories: Vec<String> = memories.iter().map(|memory| (*memory).to_owned()).collect();
        assert_eq!(judge(&memories, TRANSCRIPT), wanted);
    }

    #[test]
    fn a_fact_in_other_words_is_none() {
        check(
            &["The user lives in Graz, Austria's second town", "Ana's dog is named Rex"],
            &[Some("a name or number that nobody said"), None],
        );
        check(&["The user has lived in Graz since May 2021."], &[None]);
    }

    #[test]
    fn what_is_said_twice_counts_once() {
        check(&["Ana's dog is Rex.", "The dog of Ana is Rex"], &[None, Some("said before")]);
    }

    #[test]
    fn what_says_nothing_or_was_never_said_is_junk() {
        check(
            &["User is happy about it", "Does Ana walk her dog Rex?", "They moved to Graz in 2019"],
            &[Some("says nothing by itself"), Some("a question"), Some("a name or number that nobody said")],
        );
    }
}
