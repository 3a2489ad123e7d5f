//! An agreement as JSON: shares from 0 to 1. Keys are only ever added.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::json::JsonFacts;

use super::AgreementReport;
use super::figures::AgreementFigure;

/// The figures and a row for each question.
#[derive(Debug, Serialize)]
pub struct JsonAgreement<'a> {
    run: JsonFacts,
    memories: usize,
    turns: usize,
    filled: usize,
    overall: JsonFigure,
    categories: BTreeMap<&'a str, JsonFigure>,
    rows: Vec<JsonRow<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonFigure {
    questions: usize,
    same: f64,
    same_interval: Option<(f64, f64)>,
    first: f64,
    all: f64,
}

#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    conversation: &'a str,
    question: &'a str,
    category: &'a str,
    same: usize,
    of: usize,
    first: bool,
}

impl<'a> From<&'a AgreementReport> for JsonAgreement<'a> {
    fn from(AgreementReport { facts, evaluation, figures }: &'a AgreementReport) -> Self {
        let row = |row: &'a super::AgreementRow| JsonRow {
            conversation: &row.conversation,
            question: &row.question,
            category: &row.category,
            same: row.same,
            of: row.of,
            first: row.first,
        };
        Self {
            run: facts.into(),
            memories: evaluation.memories,
            turns: evaluation.turns,
            filled: evaluation.filled,
            overall: (&figures.overall).into(),
            categories: figures
                .categories
                .iter()
                .map(|(name, figure)| (name.as_str(), figure.into()))
                .collect(),
            rows: evaluation.rows.iter().map(row).collect(),
        }
    }
}

impl From<&AgreementFigure> for JsonFigure {
    fn from(AgreementFigure { questions, same, interval, first, all }: &AgreementFigure) -> Self {
        Self { questions: *questions, same: *same, same_interval: *interval, first: *first, all: *all }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn json_carries_what_the_table_shows_and_a_row_for_each_question() {
        let json = serde_json::to_value(JsonAgreement::from(&report())).unwrap();
        assert_eq!((&json["filled"], &json["overall"]["questions"]), (&4.into(), &3.into()));
        assert_eq!(json["categories"]["single-hop"]["same"], 0.9);
        assert_eq!(json["rows"][3]["same"], 7);
    }
}
