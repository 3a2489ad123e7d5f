//! The speaker arm: turns by somebody the question names.

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::terms::{TermHash, plain_words};

use super::selection::Selection;
use super::shard::Shard;

/// For each turn, 1 if the question has a word of its speaker's name, else 0. None if it names nobody who spoke.
pub(super) fn named(shard: &Shard, selection: &Selection, question: &str) -> Option<Vec<f32>> {
    if shard.speakers.is_empty() {
        return None;
    }
    let words = names(question);
    let is_named: Vec<bool> =
        shard.speakers.iter().map(|name| name.iter().any(|word| words.contains(word))).collect();
    if !is_named.contains(&true) {
        return None;
    }
    let score = |speaker: Option<u32>| f32::from(u8::from(speaker.is_some_and(|at| is_named[at as usize])));
    Some(selection.turns.iter().map(|place| score(shard.turns[*place as usize].speaker)).collect())
}

/// The words of a question that may be names: where it has capitals, those that do not begin with a small letter ("What
/// will Mark do?" asks about Mark, not Will); else all.
fn names(question: &str) -> HashSet<TermHash> {
    if !question.contains(char::is_uppercase) {
        return plain_words(question).into_iter().collect();
    }
    let may_be = |word: &&str| !word.starts_with(char::is_lowercase);
    let candidates: Vec<&str> = question.split_word_bounds().filter(may_be).collect();
    plain_words(&candidates.join(" ")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &str, name: &str, expected: bool) {
        let words = names(question);
        assert_eq!(plain_words(name).iter().any(|word| words.contains(word)), expected, "{question}");
    }

    #[test]
    fn a_part_of_the_name_is_enough_and_a_part_of_a_word_is_not() {
        check("What did Melanie paint?", "Melanie Ortiz", true);
        check("Was hat Jörgs Schwester gesagt?", "Jörg", false);
        check("What is Jon's plan?", "Jon", true);
        check("What is Jonathan's plan?", "Jon", false);
    }

    #[test]
    fn small_letters_name_nobody_unless_all_are_small() {
        check("What will Mark do?", "Will", false);
        check("what will mark do", "Mark", true);
    }

    #[test]
    fn scripts_without_capitals_have_names_too() {
        check("小芳喜欢什么？", "小芳", true);
    }
}
