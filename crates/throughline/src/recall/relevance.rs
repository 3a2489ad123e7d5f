//! Whether a passage is worth showing to a model at all: "nothing relevant" is an answer.
//!
//! z-scores order passages within one query and say nothing across queries, so this goes by the raw scores: the cosine, and
//! the BM25 score as a part of the highest this query could have had. Their sum tells a question put to its own
//! conversation from the same question put to somebody else's better than either does, or than one threshold for each.
//!
//! Chosen on three LoCoMo conversations, over the ten best passages of 383 questions, with names swapped where a question
//! was put to another conversation: a sum of 0.5 keeps 93 % of the evidence and 8 % of the foreign passages, either
//! score above a threshold of its own keeps 57 % of the foreign ones for the same evidence (0.25 and 0.3). Words alone
//! tell little: 0.05 keeps 96 % and 68 %, 0.1 keeps 84 % and 32 %. The thresholds here lean towards keeping.

use super::request::ArmScores;

/// Of cosine + share of the best BM25.
const BOTH_MIN: f32 = 0.45;
/// Of the share of the best BM25 where there is no vector.
const LEXICAL_MIN: f32 = 0.06;

/// Whether a passage with these scores helps; `lexical_best` is the highest BM25 score the query could have had.
pub(super) fn is_relevant(scores: ArmScores, lexical_best: f32) -> bool {
    let share = if lexical_best > 0.0 { scores.lexical / lexical_best } else { 0.0 };
    match scores.dense {
        Some(cosine) => cosine + share >= BOTH_MIN,
        None => share >= LEXICAL_MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lexical: f32, dense: Option<f32>, expected: bool) {
        assert_eq!(is_relevant(ArmScores { lexical, dense }, 10.0), expected, "{lexical} {dense:?}");
    }

    #[test]
    fn meaning_alone_words_alone_or_some_of_both_are_enough() {
        check(0.0, Some(0.6), true);
        check(4.0, Some(0.1), true);
        check(2.0, Some(0.3), true);
        check(1.0, None, true);
    }

    #[test]
    fn a_stray_word_or_a_faint_likeness_is_not() {
        check(1.0, Some(0.2), false);
        check(0.0, Some(0.3), false);
        check(0.0, None, false);
    }

    #[test]
    fn a_query_without_words_goes_by_meaning() {
        assert!(is_relevant(ArmScores { lexical: 0.0, dense: Some(0.6) }, 0.0));
        assert!(!is_relevant(ArmScores { lexical: 0.0, dense: None }, 0.0));
    }
}
