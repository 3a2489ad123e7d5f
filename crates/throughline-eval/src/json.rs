//! A report as JSON: shares from 0 to 1, times in milliseconds, ages in seconds. Keys are only ever added.
//!
//! Nothing but this module knows the names of the keys; [`crate::saved`] reads back what stands here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bootstrap::LEVEL;
use crate::error::Problem;
use crate::metrics::{CUTOFFS, NDCG_CUTOFF, Scores, TOKEN_BUDGETS};
use crate::numbers::milliseconds;
use crate::report::{Report, RunFacts};
use crate::row::{Piece, Row};
use crate::summary::{ScoresInterval, Summary};

/// What a document says it is.
pub(crate) const FORMAT: &str = "throughline-eval";

/// Raised when a reader of the version before would misread a document.
pub(crate) const VERSION: u32 = 1;

/// The figures of a run.
#[derive(Debug, Serialize)]
pub struct JsonReport<'a> {
    format: &'static str,
    version: u32,
    run: JsonFacts,
    conversations: usize,
    turns: usize,
    questions_skipped: usize,
    overall: JsonSummary,
    categories: BTreeMap<&'a str, JsonSummary>,
    adversarial: JsonSummary,
    by_conversation: Vec<JsonConversation<'a>>,
    by_age: Vec<JsonAge>,
    ingest_ms: f64,
    latency_ms: JsonLatency,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<JsonRow>>,
}

impl<'a> JsonReport<'a> {
    /// With a row for each question, so that the run can be compared with others later.
    pub fn with_rows(report: &'a Report) -> Self {
        Self { rows: Some(report.evaluation.rows.iter().map(JsonRow::from).collect()), ..Self::from(report) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JsonFacts {
    data_set: String,
    file: String,
    ranking: String,
    model: Option<String>,
    program: String,
    started: String,
}

impl From<&RunFacts> for JsonFacts {
    fn from(facts: &RunFacts) -> Self {
        let RunFacts { data_set, file, ranking, model, program, started } = facts.clone();
        Self { data_set, file, ranking, model, program, started: started.to_string() }
    }
}

impl JsonFacts {
    /// The circumstances that were written down.
    pub(crate) fn facts(self) -> Result<RunFacts, Problem> {
        let Self { data_set, file, ranking, model, program, started } = self;
        let started: Timestamp = started.parse().map_err(|error| Problem::new("run.started", error))?;
        Ok(RunFacts { data_set, file, ranking, model, program, started })
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct JsonScores {
    recall: BTreeMap<usize, f64>,
    any: BTreeMap<usize, f64>,
    all: BTreeMap<usize, f64>,
    ndcg: BTreeMap<usize, f64>,
    mrr: f64,
    recall_in_tokens: BTreeMap<usize, f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct JsonSummary {
    questions: usize,
    #[serde(flatten)]
    mean: JsonScores,
    interval: Option<JsonInterval>,
}

#[derive(Debug, Serialize)]
struct JsonInterval {
    level: f64,
    /// What was drawn: `conversations` or `questions`.
    over: &'static str,
    /// How many there were to draw from.
    drawn: usize,
    low: JsonScores,
    high: JsonScores,
}

#[derive(Debug, Serialize)]
struct JsonConversation<'a> {
    conversation: &'a str,
    questions: usize,
    recall_at_10: f64,
    others_recall_at_10: Option<f64>,
}

#[derive(Debug, Serialize)]
struct JsonAge {
    age: &'static str,
    pieces: usize,
    recall_at_10: f64,
    low: Option<f64>,
    high: Option<f64>,
}

#[derive(Debug, Serialize)]
struct JsonLatency {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

/// One question. A piece that was not found has null for `rank` and `tokens`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JsonRow {
    pub(crate) conversation: String,
    pub(crate) question: String,
    pub(crate) category: String,
    pub(crate) adversarial: bool,
    pub(crate) evidence: Vec<JsonPiece>,
    pub(crate) latency_ms: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JsonPiece {
    pub(crate) name: String,
    pub(crate) rank: Option<usize>,
    pub(crate) tokens: Option<usize>,
    pub(crate) age_s: Option<u64>,
}

impl From<&Row> for JsonRow {
    fn from(row: &Row) -> Self {
        Self {
            conversation: row.conversation.clone(),
            question: row.question.clone(),
            category: row.category.clone(),
            adversarial: row.adversarial,
            evidence: row.evidence.iter().map(JsonPiece::from).collect(),
            latency_ms: milliseconds(row.latency),
        }
    }
}

impl From<&Piece> for JsonPiece {
    fn from(piece: &Piece) -> Self {
        Self {
            name: piece.name.clone(),
            rank: piece.found.map(|found| found.rank),
            tokens: piece.found.map(|found| found.tokens),
            age_s: piece.age.map(|age| age.as_secs()),
        }
    }
}

impl<'a> From<&'a Report> for JsonReport<'a> {
    fn from(report: &'a Report) -> Self {
        let Report { facts, evaluation, figures } = report;
        let latency = &figures.latency;
        let categories = figures.categories.iter().map(|(name, summary)| (name.as_str(), summary.into()));
        let by_conversation = figures.conversations.iter().map(|figure| JsonConversation {
            conversation: &figure.conversation,
            questions: figure.questions,
            recall_at_10: figure.recall,
            others_recall_at_10: figure.others,
        });
        let by_age = figures.ages.iter().map(|figure| JsonAge {
            age: figure.label,
            pieces: figure.pieces,
            recall_at_10: figure.recall,
            low: figure.interval.map(|(low, ..)| low),
            high: figure.interval.map(|(_, high, _)| high),
        });
        Self {
            format: FORMAT,
            version: VERSION,
            run: facts.into(),
            conversations: evaluation.conversations,
            turns: evaluation.turns,
            questions_skipped: evaluation.questions_skipped,
            overall: (&figures.overall).into(),
            categories: categories.collect(),
            adversarial: (&figures.adversarial).into(),
            by_conversation: by_conversation.collect(),
            by_age: by_age.collect(),
            ingest_ms: milliseconds(evaluation.ingest),
            latency_ms: JsonLatency {
                p50: milliseconds(latency.p50),
                p95: milliseconds(latency.p95),
                p99: milliseconds(latency.p99),
                max: milliseconds(latency.max),
            },
            rows: None,
        }
    }
}

impl From<&Scores> for JsonScores {
    fn from(scores: &Scores) -> Self {
        let by_cutoff = |values: [f64; CUTOFFS.len()]| CUTOFFS.into_iter().zip(values).collect();
        Self {
            recall: by_cutoff(scores.recall),
            any: by_cutoff(scores.any),
            all: by_cutoff(scores.all),
            ndcg: BTreeMap::from([(NDCG_CUTOFF, scores.ndcg)]),
            mrr: scores.reciprocal_rank,
            recall_in_tokens: TOKEN_BUDGETS.into_iter().zip(scores.recall_in_tokens).collect(),
        }
    }
}

impl From<&Summary> for JsonSummary {
    fn from(Summary { questions, mean, interval }: &Summary) -> Self {
        let interval = interval.as_ref().map(|ScoresInterval { low, high, over, drawn }| JsonInterval {
            level: LEVEL,
            over: over.as_str(),
            drawn: *drawn,
            low: low.into(),
            high: high.into(),
        });
        Self { questions: *questions, mean: mean.into(), interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn json_carries_the_figures_as_shares() {
        let json = serde_json::to_value(JsonReport::from(&report())).unwrap();
        assert_eq!(json["overall"]["recall"]["10"], 2.0 / 3.0);
        assert_eq!(json["overall"]["interval"]["over"], "conversations");
        assert_eq!(json["overall"]["interval"]["high"]["recall"]["10"], 1.0);
        assert_eq!(json["categories"]["single-hop"]["recall_in_tokens"]["500"], 1.0);
        assert_eq!(json["adversarial"]["questions"], 1);
        assert_eq!(json["latency_ms"]["p99"], 2.0);
        assert_eq!(json["by_conversation"][1]["others_recall_at_10"], 1.0);
        assert_eq!(json["run"]["ranking"], "lexical");
        assert!(json.get("rows").is_none());
    }

    #[test]
    fn rows_tell_of_every_piece_of_evidence() {
        let json = serde_json::to_value(JsonReport::with_rows(&report())).unwrap();
        assert_eq!(json["rows"].as_array().unwrap().len(), 4);
        assert_eq!(
            json["rows"][3],
            serde_json::json!({
                "conversation": "bo", "question": "where?", "category": "temporal", "adversarial": false,
                "evidence": [
                    {"name": "t0", "rank": null, "tokens": null, "age_s": 864_000},
                    {"name": "t1", "rank": 30, "tokens": 1_500, "age_s": 1_728_000},
                ],
                "latency_ms": 2.0,
            })
        );
    }
}
