//! Each conversation beside the mean of all others: whether a figure hangs on one of them.

use std::collections::BTreeMap;

use crate::metrics::HEADLINE_CUTOFF;
use crate::row::Row;

/// One conversation and the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationFigure {
    /// Its id.
    pub conversation: String,
    /// How many of its questions were measured.
    pub questions: usize,
    /// Mean recall@10 of its questions.
    pub recall: f64,
    /// Mean recall@10 of all other conversations' questions; none if there is no other.
    pub others: Option<f64>,
}

/// In the order in which the conversations were asked about.
pub(crate) fn by_conversation(rows: &[&Row]) -> Vec<ConversationFigure> {
    let mut order: Vec<&str> = Vec::new();
    let mut sums: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for row in rows {
        let (questions, sum) = sums.entry(&row.conversation).or_insert_with(|| {
            order.push(&row.conversation);
            (0, 0.0)
        });
        *questions += 1;
        *sum += row.recall_at(HEADLINE_CUTOFF);
    }
    let mean = |(questions, sum): (usize, f64)| (questions > 0).then(|| sum / questions as f64);
    let figure = |conversation: &str| {
        let own = sums[conversation];
        let rest = sums.iter().filter(|(other, _)| **other != conversation);
        let rest = rest.fold((0, 0.0), |total, (_, (questions, sum))| (total.0 + questions, total.1 + sum));
        ConversationFigure {
            conversation: conversation.to_owned(),
            questions: own.0,
            recall: mean(own).unwrap_or_default(),
            others: mean(rest),
        }
    };
    order.into_iter().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::row;

    #[test]
    fn a_conversation_stands_beside_the_mean_of_the_others_questions() {
        let rows = [
            row("z", "1", "x", &[1]),
            row("a", "2", "x", &[0]),
            row("a", "3", "x", &[0]),
            row("b", "4", "x", &[4, 40]),
        ];
        let figures: Vec<_> = by_conversation(&rows.each_ref())
            .into_iter()
            .map(|figure| (figure.conversation, figure.questions, figure.recall, figure.others))
            .collect();
        let expected = [("z", 1, 1.0, 0.5 / 3.0), ("a", 2, 0.0, 0.75), ("b", 1, 0.5, 1.0 / 3.0)];
        assert_eq!(
            figures,
            expected.map(|(name, n, recall, others)| (name.to_owned(), n, recall, Some(others)))
        );
    }

    #[test]
    fn a_single_conversation_has_no_others() {
        assert_eq!(by_conversation(&[&row("a", "1", "x", &[1])])[0].others, None);
    }
}
