//! Means over questions, with their intervals, and all the figures of an evaluation.
//!
//! Adversarial questions stand in a figure of their own and in no other.

use std::collections::BTreeMap;

use crate::age::{AgeFigure, by_age};
use crate::bootstrap::{DRAWN_FEW, Intervals, LEVEL, Resampled, Sample, intervals, means};
use crate::leave_one_out::{ConversationFigure, by_conversation};
use crate::metrics::{LatencySummary, Scores};
use crate::row::Row;
use crate::run::Evaluation;

/// Means over questions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// How many questions were measured.
    pub questions: usize,
    /// The mean of each measure; all 0 without a question.
    pub mean: Scores,
    /// Where the means would lie for other conversations, in 95 of 100 cases; none for fewer than two questions.
    pub interval: Option<ScoresInterval>,
}

/// The bounds of each measure's mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoresInterval {
    /// Lower bounds.
    pub low: Scores,
    /// Upper bounds.
    pub high: Scores,
    /// What was drawn to get them.
    pub over: Resampled,
    /// How many of them there were to draw from.
    pub drawn: usize,
}

impl ScoresInterval {
    /// How the interval was made and how far to trust it.
    pub fn note(&self) -> String {
        let level = 100.0 * LEVEL;
        let rough = if self.is_rough() { ", so few that they are rough" } else { "" };
        match self.over {
            Resampled::Conversations => {
                format!("{level:.0} % intervals, bootstrap over {} conversations{rough}", self.drawn)
            }
            Resampled::Questions => format!(
                "{level:.0} % intervals, bootstrap over {} questions{rough}, as there is one conversation: they say nothing of others",
                self.drawn
            ),
        }
    }

    /// There was too little to draw from to tell a difference from chance.
    pub fn is_rough(&self) -> bool {
        self.drawn < DRAWN_FEW
    }
}

impl Summary {
    /// Over some questions.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let figures = rows.into_iter().map(|row| (row.conversation.as_str(), row.scores().to_array()));
        Self::of_figures(figures)
    }

    /// Over figures of questions, each with its conversation.
    pub(crate) fn of_figures<'a>(figures: impl IntoIterator<Item = (&'a str, [f64; Scores::WIDTH])>) -> Self {
        let samples =
            figures.into_iter().map(|(conversation, sums)| (conversation, Sample { sums, weight: 1.0 }));
        let grouped = grouped(samples);
        let interval = intervals(&grouped).map(|Intervals { low, high, over, drawn }| ScoresInterval {
            low: Scores::from_array(low),
            high: Scores::from_array(high),
            over,
            drawn,
        });
        Self {
            questions: grouped.iter().map(Vec::len).sum(),
            mean: Scores::from_array(means(grouped.iter().flatten())),
            interval,
        }
    }
}

/// Samples by conversation, in the order of the conversations' names.
pub(crate) fn grouped<'a, const W: usize>(
    samples: impl IntoIterator<Item = (&'a str, Sample<W>)>,
) -> Vec<Vec<Sample<W>>> {
    let mut groups: BTreeMap<&str, Vec<Sample<W>>> = BTreeMap::new();
    for (conversation, sample) in samples {
        groups.entry(conversation).or_default().push(sample);
    }
    groups.into_values().collect()
}

/// Everything that is reported of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Over all questions but the adversarial ones.
    pub overall: Summary,
    /// The same questions by category.
    pub categories: BTreeMap<String, Summary>,
    /// The adversarial questions, which are part of no other figure.
    pub adversarial: Summary,
    /// The same questions as overall by conversation, each beside the mean of all others.
    pub conversations: Vec<ConversationFigure>,
    /// Their pieces of evidence by age.
    pub ages: Vec<AgeFigure>,
    /// Time per ranking, adversarial questions included.
    pub latency: LatencySummary,
}

impl Figures {
    /// Computes them.
    pub fn of(evaluation: &Evaluation) -> Self {
        let (adversarial, counted): (Vec<&Row>, Vec<&Row>) =
            evaluation.rows.iter().partition(|row| row.adversarial);
        Self {
            overall: Summary::of(counted.iter().copied()),
            categories: by_category(&counted)
                .into_iter()
                .map(|(category, rows)| (category.to_owned(), Summary::of(rows)))
                .collect(),
            adversarial: Summary::of(adversarial),
            conversations: by_conversation(&counted),
            ages: by_age(&counted),
            latency: LatencySummary::of(evaluation.rows.iter().map(|row| row.latency).collect()),
        }
    }
}

impl Figures {
    /// How the intervals were made and how far to trust them; none if there are no intervals.
    pub fn interval_note(&self) -> Option<String> {
        let over_questions = |summary: &Summary| {
            summary.interval.is_some_and(|interval| interval.over == Resampled::Questions)
        };
        let mut note = self.overall.interval?.note();
        if !over_questions(&self.overall) && self.categories.values().any(over_questions) {
            note.push_str("; over questions where a category is in one conversation only");
        }
        Some(note)
    }
}

fn by_category<'a>(rows: &[&'a Row]) -> BTreeMap<&'a str, Vec<&'a Row>> {
    let mut categories: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        categories.entry(&row.category).or_default().push(row);
    }
    categories
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::row::tests::row;

    #[test]
    fn means_weigh_every_question_the_same() {
        let rows = [
            row("a", "1", "x", &[1]),
            row("a", "2", "x", &[0]),
            row("b", "3", "x", &[0]),
            row("b", "4", "x", &[1]),
        ];
        let summary = Summary::of(&rows);
        assert_eq!(summary.questions, 4);
        assert_eq!(summary.mean.recall.map(|recall| recall.to_string()), ["0.5"; 4]);
        assert_eq!(Summary::of([]), Summary::default());
    }

    #[test]
    fn adversarial_questions_are_in_no_figure_but_their_own() {
        let rows = vec![row("a", "1", "x", &[1]), row("a", "2", "trick", &[0]), row("b", "3", "y", &[0, 1])];
        let evaluation =
            Evaluation { conversations: 2, turns: 9, questions_skipped: 0, rows, ingest: Duration::ZERO };
        let figures = Figures::of(&evaluation);
        assert_eq!((figures.overall.questions, figures.adversarial.questions), (2, 1));
        assert_eq!(figures.categories.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(figures.conversations.iter().map(|c| c.questions).sum::<usize>(), 2);
        assert_eq!(figures.ages.iter().map(|age| age.pieces).sum::<usize>(), 3);
    }

    #[test]
    fn the_note_says_how_intervals_were_made() {
        let note =
            |rows: Vec<Row>| Figures::of(&Evaluation { rows, ..Evaluation::default() }).interval_note();
        assert_eq!(note(vec![row("a", "1", "x", &[1])]), None);
        let one = note(vec![row("a", "1", "x", &[1]), row("a", "2", "x", &[1])]).unwrap();
        assert!(
            one.contains("over 2 questions, so few that they are rough, as there is one conversation"),
            "{one}"
        );
        let two =
            note(vec![row("a", "1", "x", &[1]), row("b", "2", "y", &[1]), row("b", "3", "y", &[1])]).unwrap();
        assert_eq!(
            two,
            "95 % intervals, bootstrap over 2 conversations, so few that they are rough; \
             over questions where a category is in one conversation only"
        );
    }

    #[test]
    fn ten_conversations_are_enough_for_an_interval_that_is_not_rough() {
        let rows: Vec<Row> = (0..10).map(|c| row(&format!("c{c}"), "1", "x", &[1])).collect();
        assert!(!Summary::of(&rows).interval.unwrap().is_rough());
        assert!(Summary::of(&rows[1..]).interval.unwrap().is_rough());
    }

    #[test]
    fn an_interval_says_what_was_drawn() {
        let rows = [row("a", "1", "x", &[1]), row("a", "2", "x", &[0]), row("b", "3", "x", &[0])];
        assert_eq!(Summary::of(&rows).interval.unwrap().over, Resampled::Conversations);
        assert_eq!(Summary::of(&rows[..2]).interval.unwrap().over, Resampled::Questions);
        assert!(Summary::of(&rows[..1]).interval.is_none());
    }
}
