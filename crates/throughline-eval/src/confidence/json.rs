//! What was measured of the confidence as JSON: shares from 0 to 1. Keys are only ever added.

use serde::Serialize;

use crate::json::JsonFacts;

use super::ConfidenceReport;
use super::figures::{Bin, Left, Reliability, Threshold};
use super::run::{ConfidenceRow, JudgedItem};

/// The figures, in the order of the table.
#[derive(Debug, Serialize)]
pub struct JsonConfidence<'a> {
    run: JsonFacts,
    foreign_file: &'a str,
    conversations: usize,
    turns: usize,
    questions_skipped: usize,
    foreign_skipped: usize,
    own_questions: usize,
    foreign_questions: usize,
    recall_at_10: f64,
    thresholds: Vec<JsonThreshold>,
    reliability_at_even_odds: JsonReliability,
    reliability_among_own: JsonReliability,
    area: JsonAreas,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<JsonRow<'a>>>,
}

impl<'a> JsonConfidence<'a> {
    /// With a row for each question, so that a scale can be fitted.
    pub fn with_rows(report: &'a ConfidenceReport) -> Self {
        Self { rows: Some(report.evaluation.rows.iter().map(JsonRow::from).collect()), ..Self::from(report) }
    }
}

#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    conversation: &'a str,
    question: &'a str,
    foreign: bool,
    items: Vec<JsonItem>,
}

#[derive(Debug, Serialize)]
struct JsonItem {
    confidence: f64,
    tokens: usize,
    piece: Option<usize>,
}

#[derive(Debug, Serialize)]
struct JsonThreshold {
    confidence: f64,
    evidence_lost: f64,
    evidence_lost_interval: Option<(f64, f64)>,
    own: JsonLeft,
    noise_avoided: f64,
    noise_avoided_interval: Option<(f64, f64)>,
    foreign: JsonLeft,
}

#[derive(Debug, Serialize)]
struct JsonLeft {
    answered_with_nothing: f64,
    items: f64,
    tokens: f64,
}

#[derive(Debug, Serialize)]
struct JsonReliability {
    error: f64,
    bins: Vec<JsonBin>,
}

#[derive(Debug, Serialize)]
struct JsonBin {
    from: f64,
    to: f64,
    items: usize,
    confidence: f64,
    evidence: f64,
}

#[derive(Debug, Serialize)]
struct JsonAreas {
    evidence_over_foreign: Option<f64>,
    evidence_over_others: Option<f64>,
    own_over_foreign: Option<f64>,
}

impl<'a> From<&'a ConfidenceReport> for JsonConfidence<'a> {
    fn from(report: &'a ConfidenceReport) -> Self {
        let ConfidenceReport { facts, foreign_file, evaluation, figures } = report;
        Self {
            run: facts.into(),
            foreign_file,
            conversations: evaluation.conversations,
            turns: evaluation.turns,
            questions_skipped: evaluation.questions_skipped,
            foreign_skipped: evaluation.foreign_skipped,
            own_questions: figures.own,
            foreign_questions: figures.foreign,
            recall_at_10: figures.recall,
            thresholds: figures.thresholds.iter().map(JsonThreshold::from).collect(),
            reliability_at_even_odds: (&figures.even_odds).into(),
            reliability_among_own: (&figures.among_own).into(),
            area: JsonAreas {
                evidence_over_foreign: figures.evidence_over_foreign,
                evidence_over_others: figures.evidence_over_others,
                own_over_foreign: figures.own_over_foreign,
            },
            rows: None,
        }
    }
}

impl<'a> From<&'a ConfidenceRow> for JsonRow<'a> {
    fn from(row: &'a ConfidenceRow) -> Self {
        let item = |item: &JudgedItem| JsonItem {
            confidence: item.confidence,
            tokens: item.tokens,
            piece: item.piece,
        };
        Self {
            conversation: &row.conversation,
            question: &row.question,
            foreign: row.foreign,
            items: row.items.iter().map(item).collect(),
        }
    }
}

impl From<&Threshold> for JsonThreshold {
    fn from(threshold: &Threshold) -> Self {
        let Threshold { confidence, lost, lost_interval, own, avoided, avoided_interval, foreign } =
            threshold;
        Self {
            confidence: *confidence,
            evidence_lost: *lost,
            evidence_lost_interval: *lost_interval,
            own: own.into(),
            noise_avoided: *avoided,
            noise_avoided_interval: *avoided_interval,
            foreign: foreign.into(),
        }
    }
}

impl From<&Left> for JsonLeft {
    fn from(Left { silent, items, tokens }: &Left) -> Self {
        Self { answered_with_nothing: *silent, items: *items, tokens: *tokens }
    }
}

impl From<&Reliability> for JsonReliability {
    fn from(Reliability { bins, error }: &Reliability) -> Self {
        Self { error: *error, bins: bins.iter().map(JsonBin::from).collect() }
    }
}

impl From<&Bin> for JsonBin {
    fn from(Bin { from, to, items, confidence, evidence }: &Bin) -> Self {
        Self { from: *from, to: *to, items: *items, confidence: *confidence, evidence: *evidence }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn json_carries_what_the_table_shows() {
        let report = report();
        let json = serde_json::to_value(JsonConfidence::from(&report)).unwrap();
        assert_eq!((&json["own_questions"], &json["foreign_file"]), (&2.into(), &"some.json".into()));
        let at = json["thresholds"].as_array().unwrap().iter().find(|t| t["confidence"] == 0.4).unwrap();
        assert_eq!((&at["evidence_lost"], &at["noise_avoided"]), (&(1.0 / 3.0).into(), &1.0.into()));
        assert_eq!(at["foreign"]["answered_with_nothing"], 1.0);
        assert_eq!(json["reliability_among_own"]["bins"][1]["evidence"], 1.0);
        assert_eq!(json["area"]["own_over_foreign"], 1.0);
        assert!(json.get("rows").is_none());
    }

    #[test]
    fn rows_tell_of_every_item() {
        let json = serde_json::to_value(JsonConfidence::with_rows(&report())).unwrap();
        assert_eq!(
            json["rows"][3],
            serde_json::json!({
                "conversation": "bo", "question": "where?", "foreign": true,
                "items": [
                    {"confidence": 0.35, "tokens": 30, "piece": null},
                    {"confidence": 0.12, "tokens": 30, "piece": null},
                ],
            })
        );
        assert_eq!(json["rows"][0]["items"][2]["piece"], 1);
    }
}
