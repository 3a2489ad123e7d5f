//! What is kept of one question: where each piece of its evidence was found, and how long that took.
//!
//! Every figure of a report is computed from rows, so a run that was saved can be looked at and compared again.

use std::time::Duration;

use crate::metrics::{Found, Scores, share};

/// One question, asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Id of the conversation it is about.
    pub conversation: String,
    /// As it was asked.
    pub question: String,
    /// The data set's own kind of question.
    pub category: String,
    /// Built to mislead; part of no figure but its own.
    pub adversarial: bool,
    /// What there was to find; never empty.
    pub evidence: Vec<Piece>,
    /// How long the ranking took.
    pub latency: Duration,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Id of the turn, or name of the session where only sessions are known.
    pub name: String,
    /// Where the ranking has it first, if it has it.
    pub found: Option<Found>,
    /// From when it was said to the question; none if either is unknown or it was said later.
    pub age: Option<Duration>,
}

impl Row {
    /// All measures.
    pub fn scores(&self) -> Scores {
        Scores::of(&self.found())
    }

    /// Share of the evidence among the first `k` items.
    pub fn recall_at(&self, k: usize) -> f64 {
        share(&self.found(), |found| found.rank <= k)
    }

    /// Share of the evidence among the items that fit a budget of tokens.
    pub fn recall_in(&self, tokens: usize) -> f64 {
        share(&self.found(), |found| found.tokens <= tokens)
    }

    fn found(&self) -> Vec<Option<Found>> {
        self.evidence.iter().map(|piece| piece.found).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A question with one piece of evidence for each rank; rank 0 was not found. An item has 50 tokens.
    pub(crate) fn row(conversation: &str, question: &str, category: &str, ranks: &[usize]) -> Row {
        let piece = |(number, rank): (usize, &usize)| Piece {
            name: format!("t{number}"),
            found: (*rank > 0).then_some(Found { rank: *rank, tokens: 50 * rank }),
            age: Some(Duration::from_hours(24 * 10 * (number as u64 + 1))),
        };
        Row {
            conversation: conversation.into(),
            question: question.into(),
            category: category.into(),
            adversarial: category == "trick",
            evidence: ranks.iter().enumerate().map(piece).collect(),
            latency: Duration::from_millis(2),
        }
    }

    #[test]
    fn recall_counts_what_is_within_ranks_or_tokens() {
        let row = row("c", "q", "x", &[2, 30, 0, 10]);
        assert_eq!((row.recall_at(1), row.recall_at(10), row.recall_at(30)), (0.0, 0.5, 0.75));
        assert_eq!((row.recall_in(99), row.recall_in(100), row.recall_in(500)), (0.0, 0.25, 0.5));
        assert_eq!(row.scores().recall[2].to_bits(), row.recall_at(10).to_bits());
    }
}
