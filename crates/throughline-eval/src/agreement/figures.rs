//! What an agreement comes to: shares over all questions and by category.

use crate::bootstrap::{Intervals, Sample, intervals, means};

use super::run::{AgreementEvaluation, AgreementRow};

/// Figures over a number of questions, shares from 0 to 1; a mean weighs every question the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgreementFigure {
    /// Over how many.
    pub questions: usize,
    /// Share of the ten best of ranking every turn that were found.
    pub same: f64,
    /// Its interval, as in other reports; none for fewer than two questions.
    pub interval: Option<(f64, f64)>,
    /// Share of questions with the same best turn.
    pub first: f64,
    /// Share of questions with the same ten.
    pub all: f64,
}

/// The figures of an evaluation. Questions that found nothing are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementFigures {
    /// Over all questions.
    pub overall: AgreementFigure,
    /// By category, in order of their names.
    pub categories: Vec<(String, AgreementFigure)>,
    pub(super) drawn: Option<Intervals<1>>,
}

impl AgreementFigures {
    /// Of these questions.
    pub fn of(evaluation: &AgreementEvaluation) -> Self {
        let rows: Vec<&AgreementRow> = evaluation.rows.iter().filter(|row| row.of > 0).collect();
        let mut names: Vec<&str> = rows.iter().map(|row| row.category.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let of_category = |name: &str| {
            let rows: Vec<&AgreementRow> = rows.iter().filter(|row| row.category == name).copied().collect();
            (name.to_owned(), figure(&rows).0)
        };
        let (overall, drawn) = figure(&rows);
        Self { overall, categories: names.into_iter().map(of_category).collect(), drawn }
    }
}

fn figure(rows: &[&AgreementRow]) -> (AgreementFigure, Option<Intervals<1>>) {
    let is = |holds: bool| f64::from(u8::from(holds));
    let share = |row: &AgreementRow| row.same as f64 / row.of as f64;
    let sample = |row: &&AgreementRow| Sample { sums: [share(row)], weight: 1.0 };
    let conversations: Vec<Vec<_>> =
        by_conversation(rows).map(|rows| rows.iter().map(sample).collect()).collect();
    let drawn = intervals(&conversations);
    let [same, first, all] = means(
        &rows
            .iter()
            .map(|row| Sample { sums: [share(row), is(row.first), is(row.same == row.of)], weight: 1.0 })
            .collect::<Vec<_>>(),
    );
    let interval = drawn.map(|drawn| (drawn.low[0], drawn.high[0]));
    (AgreementFigure { questions: rows.len(), same, interval, first, all }, drawn)
}

/// Rows of one conversation are neighbours.
fn by_conversation<'a, 'b>(rows: &'a [&'b AgreementRow]) -> impl Iterator<Item = &'a [&'b AgreementRow]> {
    rows.chunk_by(|a, b| a.conversation == b.conversation)
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn shares_are_means_over_questions_that_found_something() {
        let AgreementFigures { overall, categories, .. } = report().figures;
        assert_eq!(overall.questions, 3);
        assert!((overall.same - 2.6 / 3.0).abs() < 1e-12);
        assert_eq!((overall.first, overall.all), (2.0 / 3.0, 1.0 / 3.0));
        assert_eq!(overall.interval, Some((0.7, 0.95)));
        let names: Vec<_> =
            categories.iter().map(|(name, figure)| (name.as_str(), figure.questions)).collect();
        assert_eq!(names, [("single-hop", 1), ("temporal", 2)]);
    }
}
