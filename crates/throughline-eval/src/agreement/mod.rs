//! How far the ten best of a ranking that looks at a part of a memory are those of ranking every turn.
//!
//! A very large memory is not ranked in full for each question: a first look chooses what is. What that loses depends on the
//! text, so it can be measured on one's own. Whether what is found answers the question has no part in it.

mod figures;
mod json;
mod pool;
mod run;
mod table;

pub use figures::{AgreementFigure, AgreementFigures};
pub use json::JsonAgreement;
pub use run::{AgreementEvaluation, AgreementRow, ExactRanker, evaluate_agreement};
pub use table::agreement_table;

use crate::report::RunFacts;

/// A run with its circumstances and its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementReport {
    /// The circumstances.
    pub facts: RunFacts,
    /// What was asked and found.
    pub evaluation: AgreementEvaluation,
    /// What that comes to.
    pub figures: AgreementFigures,
}

impl AgreementReport {
    /// Computes the figures.
    pub fn new(facts: RunFacts, evaluation: AgreementEvaluation) -> Self {
        Self { figures: AgreementFigures::of(&evaluation), facts, evaluation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::facts;

    pub(super) fn row(conversation: &str, category: &str, same: usize, of: usize) -> AgreementRow {
        let (conversation, question) = (conversation.into(), "where?".into());
        AgreementRow { conversation, question, category: category.into(), same, of, first: same > 8 }
    }

    /// Two conversations in one memory; the third question found nothing either way.
    pub(super) fn report() -> AgreementReport {
        let rows = vec![
            row("ada", "temporal", 10, 10),
            row("ada", "single-hop", 9, 10),
            row("bo", "single-hop", 0, 0),
            row("bo", "temporal", 7, 10),
        ];
        let evaluation = AgreementEvaluation { memories: 1, turns: 20, filled: 4, rows };
        AgreementReport::new(facts("full"), evaluation)
    }
}
