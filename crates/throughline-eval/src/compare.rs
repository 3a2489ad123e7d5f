//! Two runs side by side: what changed, over the questions that both were asked.
//!
//! Differences are paired: each question is compared with itself, and the intervals are those of the mean difference.
//! That tells much smaller changes from chance than two intervals laid beside each other.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::metrics::{HEADLINE_CUTOFF, Scores};
use crate::report::Report;
use crate::row::Row;
use crate::summary::Summary;

/// What two runs, A and B, have in common and what sets them apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Questions that are compared, adversarial ones included.
    pub questions: usize,
    /// B - A over all questions but the adversarial ones.
    pub overall: Difference,
    /// The same by A's categories.
    pub categories: BTreeMap<String, Difference>,
    /// The adversarial questions.
    pub adversarial: Difference,
    /// Questions that only A was asked.
    pub only_a: Vec<Asked>,
    /// Questions that only B was asked.
    pub only_b: Vec<Asked>,
    /// Questions that both were asked, with different evidence to find: they are left out.
    pub evidence_differs: Vec<Asked>,
}

/// B - A over some questions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Difference {
    /// The mean difference of each measure, with its interval.
    pub summary: Summary,
    /// Questions with a higher recall@10 in B.
    pub better: usize,
    /// Questions with a lower one.
    pub worse: usize,
}

/// A question by what tells it from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// Id of the conversation.
    pub conversation: String,
    /// Its text.
    pub question: String,
}

/// Compares run `b` with run `a`, question by question.
///
/// A question is known by its conversation and its text; one that is asked several times of a conversation is paired in
/// order.
pub fn compare(a: &Report, b: &Report) -> Comparison {
    let mut rest: HashMap<(&str, &str), VecDeque<&Row>> = HashMap::new();
    for row in &b.evaluation.rows {
        rest.entry(key(row)).or_default().push_back(row);
    }
    let mut pairs = Vec::new();
    let mut only_a = Vec::new();
    let mut evidence_differs = Vec::new();
    for row in &a.evaluation.rows {
        match rest.get_mut(&key(row)).and_then(VecDeque::pop_front) {
            None => only_a.push(asked(row)),
            Some(other) if !same_evidence(row, other) => evidence_differs.push(asked(row)),
            Some(other) => pairs.push((row, other)),
        }
    }
    let mut only_b: Vec<Asked> = rest.into_values().flatten().map(asked).collect();
    only_b.sort();

    let mut categories: BTreeMap<String, Vec<Pair<'_>>> = BTreeMap::new();
    let (adversarial, counted): (Vec<Pair<'_>>, Vec<Pair<'_>>) =
        pairs.iter().copied().partition(|(a, _)| a.adversarial);
    for pair in &counted {
        categories.entry(pair.0.category.clone()).or_default().push(*pair);
    }
    Comparison {
        questions: pairs.len(),
        overall: difference(&counted),
        categories: categories.into_iter().map(|(name, pairs)| (name, difference(&pairs))).collect(),
        adversarial: difference(&adversarial),
        only_a,
        only_b,
        evidence_differs,
    }
}

type Pair<'a> = (&'a Row, &'a Row);

fn key(row: &Row) -> (&str, &str) {
    (&row.conversation, &row.question)
}

fn asked(row: &Row) -> Asked {
    Asked { conversation: row.conversation.clone(), question: row.question.clone() }
}

fn same_evidence(a: &Row, b: &Row) -> bool {
    let sorted = |row: &Row| {
        let mut names: Vec<String> = row.evidence.iter().map(|piece| piece.name.clone()).collect();
        names.sort_unstable();
        names
    };
    sorted(a) == sorted(b)
}

fn difference(pairs: &[Pair<'_>]) -> Difference {
    let figures = pairs.iter().map(|(a, b)| {
        let (before, after) = (a.scores().to_array(), b.scores().to_array());
        let mut change = [0.0; Scores::WIDTH];
        change.iter_mut().zip(after.iter().zip(before)).for_each(|(change, (b, a))| *change = b - a);
        (a.conversation.as_str(), change)
    });
    let changes = || pairs.iter().map(|(a, b)| b.recall_at(HEADLINE_CUTOFF) - a.recall_at(HEADLINE_CUTOFF));
    Difference {
        summary: Summary::of_figures(figures),
        better: changes().filter(|change| *change > 0.0).count(),
        worse: changes().filter(|change| *change < 0.0).count(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::tests::facts;
    use crate::row::tests::row;
    use crate::run::Evaluation;

    fn run(rows: Vec<Row>) -> Report {
        Report::new(facts("lexical"), Evaluation { rows, ..Evaluation::default() })
    }

    fn asked(conversation: &str, question: &str) -> Asked {
        Asked { conversation: conversation.into(), question: question.into() }
    }

    #[test]
    fn only_questions_of_both_runs_are_compared_and_the_others_are_named() {
        let a = run(vec![
            row("x", "1", "t", &[20]),
            row("x", "2", "t", &[1]),
            row("x", "gone", "t", &[1]),
            row("y", "1", "trick", &[2]),
            row("y", "other evidence", "t", &[2]),
        ]);
        let b = run(vec![
            row("y", "other evidence", "t", &[2, 3]),
            row("y", "1", "trick", &[0]),
            row("z", "new", "t", &[1]),
            row("x", "2", "t", &[1]),
            row("x", "1", "t", &[10]),
        ]);
        let comparison = compare(&a, &b);
        assert_eq!(comparison.questions, 3);
        assert_eq!(comparison.only_a, [asked("x", "gone")]);
        assert_eq!(comparison.only_b, [asked("z", "new")]);
        assert_eq!(comparison.evidence_differs, [asked("y", "other evidence")]);
        let overall = comparison.overall;
        assert_eq!((overall.summary.questions, overall.better, overall.worse), (2, 1, 0));
        assert_eq!(overall.summary.mean.recall[2].to_string(), "0.5");
        let adversarial = comparison.adversarial;
        assert_eq!((adversarial.summary.mean.recall[2].to_string(), adversarial.worse), ("-1".to_owned(), 1));
    }

    #[test]
    fn a_question_asked_twice_of_one_conversation_is_paired_in_order() {
        let a = run(vec![row("x", "q", "t", &[1]), row("x", "q", "t", &[0])]);
        let comparison = compare(&a, &run(vec![row("x", "q", "t", &[1])]));
        assert_eq!((comparison.questions, comparison.only_a.len()), (1, 1));
        assert_eq!(comparison.overall.better + comparison.overall.worse, 0);
    }

    #[test]
    fn a_paired_interval_tells_a_small_change_that_two_intervals_hide() {
        // Conversations differ much from each other and each gets a little better.
        let rows = |extra: usize| {
            let row = |c: usize, q: usize| {
                let rank = usize::from(q < 2 * c + extra);
                row(&format!("c{c}"), &format!("q{q}"), "t", &[rank])
            };
            (0..10).flat_map(|c| (0..20).map(move |q| row(c, q))).collect()
        };
        let (a, b) = (run(rows(0)), run(rows(1)));
        let high = a.figures.overall.interval.unwrap().high.recall[2];
        assert!(b.figures.overall.mean.recall[2] < high, "the runs' own intervals overlap");
        assert!(compare(&a, &b).overall.summary.interval.unwrap().low.recall[2] > 0.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_run_differs_from_itself_in_nothing_and_the_way_back_is_the_way_with_its_sign_turned(
            ranks in prop::collection::vec((0..25_usize, 0..25_usize), 1..12),
        ) {
            let rows = |of: fn(&(usize, usize)) -> usize| {
                let row = |(i, pair)| row(&format!("c{}", i % 3), &format!("q{i}"), "t", &[of(pair)]);
                run(ranks.iter().enumerate().map(row).collect())
            };
            let (a, b) = (rows(|pair| pair.0), rows(|pair| pair.1));
            let same = compare(&a, &a).overall;
            prop_assert_eq!(same.summary.mean, Scores::default());
            prop_assert_eq!((same.better, same.worse), (0, 0));
            let (there, back) = (compare(&a, &b).overall, compare(&b, &a).overall);
            prop_assert_eq!((there.better, there.worse), (back.worse, back.better));
            prop_assert!((there.summary.mean.ndcg + back.summary.mean.ndcg).abs() < 1e-9);
        }
    }
}
