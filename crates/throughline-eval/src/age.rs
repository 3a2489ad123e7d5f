//! Recall by the age of the evidence: how long before the question it was said.
//!
//! Counted in pieces, not questions: pieces of one question can be of different ages.

use std::time::Duration;

use crate::bootstrap::{Intervals, Resampled, Sample, intervals, means};
use crate::metrics::HEADLINE_CUTOFF;
use crate::row::Row;
use crate::summary::grouped;

const DAY: Duration = Duration::from_hours(24);

/// Upper ends of the ages, which are not part of them, and what they are called. What is older is "over a year".
const AGES: [(u32, &str); 6] = [
    (1, "under a day"),
    (7, "1–7 days"),
    (30, "7–30 days"),
    (90, "30–90 days"),
    (180, "90–180 days"),
    (365, "180–365 days"),
];
const OLDEST: &str = "over a year";

/// Evidence of one age.
#[derive(Debug, Clone, PartialEq)]
pub struct AgeFigure {
    /// What the age is called.
    pub label: &'static str,
    /// How many pieces are of this age.
    pub pieces: usize,
    /// Share of them among the first ten items of their questions.
    pub recall: f64,
    /// Its bounds, and what was drawn to get them.
    pub interval: Option<(f64, f64, Resampled)>,
}

/// The ages that occur, youngest first. Pieces of unknown age are in none.
pub(crate) fn by_age(rows: &[&Row]) -> Vec<AgeFigure> {
    let labels = AGES.map(|(_, label)| label).into_iter().chain([OLDEST]);
    labels.filter_map(|label| figure(rows, label)).collect()
}

fn figure(rows: &[&Row], label: &'static str) -> Option<AgeFigure> {
    let samples = rows.iter().filter_map(|row| {
        let of_age = row.evidence.iter().filter(|piece| piece.age.map(label_of) == Some(label));
        let found = of_age.clone().filter(|piece| piece.found.is_some_and(|f| f.rank <= HEADLINE_CUTOFF));
        let sample = Sample { sums: [found.count() as f64], weight: of_age.count() as f64 };
        (sample.weight > 0.0).then_some((row.conversation.as_str(), sample))
    });
    let samples = grouped(samples);
    let pieces: f64 = samples.iter().flatten().map(|sample| sample.weight).sum();
    if pieces == 0.0 {
        return None;
    }
    let [recall] = means(samples.iter().flatten());
    let interval = intervals(&samples).map(|Intervals { low, high, over, .. }| (low[0], high[0], over));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
    Some(AgeFigure { label, pieces: pieces as usize, recall, interval })
}

fn label_of(age: Duration) -> &'static str {
    AGES.iter().find(|(days, _)| age < DAY * *days).map_or(OLDEST, |(_, label)| *label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::row;

    #[test]
    fn ages_begin_where_the_one_before_ends() {
        let days = |days: u32| label_of(DAY * days);
        assert_eq!(label_of(Duration::from_secs(24 * 60 * 60 - 1)), "under a day");
        assert_eq!(
            [days(1), days(6), days(7), days(365)],
            ["1–7 days", "1–7 days", "7–30 days", "over a year"]
        );
    }

    #[test]
    fn pieces_of_one_question_count_at_their_own_ages() {
        // The first piece of a row is 10 days old, the second 20, the third 30.
        let rows = [row("a", "1", "x", &[1, 0, 11]), row("b", "2", "x", &[0, 3, 2])];
        let figures: Vec<_> = by_age(&rows.each_ref())
            .into_iter()
            .map(|figure| (figure.label, figure.pieces, figure.recall))
            .collect();
        assert_eq!(figures, [("7–30 days", 4, 0.5), ("30–90 days", 2, 0.5)]);
    }

    #[test]
    fn evidence_of_unknown_age_is_in_no_figure() {
        let mut unknown = row("a", "1", "x", &[1]);
        unknown.evidence[0].age = None;
        assert_eq!(by_age(&[&unknown]), []);
    }
}
