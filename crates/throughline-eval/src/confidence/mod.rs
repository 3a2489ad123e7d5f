//! Whether a ranking knows when it has nothing: the confidence of its items on questions about a conversation, and on
//! questions about another one.
//!
//! A context that shows what does not help costs tokens and misleads. So each item has a confidence, and a threshold keeps
//! out what is below. What a threshold costs is evidence lost on a conversation's own questions; what it buys is noise
//! avoided on [`Foreign`] questions, whose answers are not there to be found.

mod figures;
mod foreign;
mod html;
mod json;
mod run;
mod table;

pub use figures::{Bin, ConfidenceFigures, Left, Reliability, Threshold};
pub use foreign::{Foreign, QuestionSet, question_sets};
pub use html::confidence_html;
pub use json::JsonConfidence;
pub use run::{ConfidenceEvaluation, ConfidenceRow, JudgedItem, evaluate_confidence};
pub use table::confidence_table;

use crate::report::RunFacts;

/// A run with its circumstances and its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfidenceReport {
    /// The circumstances.
    pub facts: RunFacts,
    /// The file whose questions were asked of conversations that they are not about.
    pub foreign_file: String,
    /// What was asked and found.
    pub evaluation: ConfidenceEvaluation,
    /// What that comes to.
    pub figures: ConfidenceFigures,
}

impl ConfidenceReport {
    /// Computes the figures.
    pub fn new(facts: RunFacts, foreign_file: String, evaluation: ConfidenceEvaluation) -> Self {
        Self { figures: ConfidenceFigures::of(&evaluation), facts, foreign_file, evaluation }
    }

    /// What was asked, on one line.
    fn counts(&self) -> String {
        let Self { foreign_file, evaluation, figures, .. } = self;
        format!(
            "conversations: {}, turns: {}, own questions: {}, foreign questions: {} ({foreign_file}), left out: {} without evidence, \
             {} whose evidence is in the other conversation too",
            evaluation.conversations,
            evaluation.turns,
            figures.own,
            figures.foreign,
            evaluation.questions_skipped,
            evaluation.foreign_skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::facts;

    /// A row with these items: confidence, and which piece it is of as many as `pieces`. An item has 30 tokens.
    pub(super) fn row(
        conversation: &str,
        foreign: bool,
        pieces: usize,
        items: &[(f64, Option<usize>)],
    ) -> ConfidenceRow {
        let item = |&(confidence, piece): &(f64, Option<usize>)| JudgedItem { confidence, tokens: 30, piece };
        ConfidenceRow {
            conversation: conversation.into(),
            question: "where?".into(),
            foreign,
            pieces,
            items: items.iter().map(item).collect(),
        }
    }

    /// Two conversations with a question of their own and one of the other's each.
    pub(super) fn report() -> ConfidenceReport {
        let rows = vec![
            row("ada", false, 2, &[(0.9, Some(0)), (0.35, None), (0.12, Some(1))]),
            row("ada", true, 0, &[(0.04, None), (0.01, None)]),
            row("bo", false, 1, &[(0.6, Some(0)), (0.05, None)]),
            row("bo", true, 0, &[(0.35, None), (0.12, None)]),
        ];
        let evaluation = ConfidenceEvaluation {
            conversations: 2,
            turns: 20,
            questions_skipped: 1,
            foreign_skipped: 0,
            rows,
        };
        ConfidenceReport::new(facts("full"), "some.json".into(), evaluation)
    }
}
