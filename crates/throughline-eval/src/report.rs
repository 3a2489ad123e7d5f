//! Shows an evaluation: as a table of text, or as JSON.
//!
//! It decides what stands where, never whether there is colour: the caller hands in a [`Style`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::metrics::{CUTOFFS, NDCG_CUTOFF, Scores, Summary, TOKEN_BUDGETS};
use crate::run::Evaluation;

/// What is written before and after a piece of text to make it stand out, such as escape sequences of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    /// Written before the text.
    pub start: &'static str,
    /// Written after it.
    pub end: &'static str,
}

impl Paint {
    /// Changes nothing.
    pub const PLAIN: Self = Self { start: "", end: "" };

    fn apply(self, text: &str) -> String {
        format!("{}{text}{}", self.start, self.end)
    }
}

/// How the parts of a table look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Heads of columns.
    pub heading: Paint,
    /// The row over all questions.
    pub overall: Paint,
    /// Counts and notes.
    pub note: Paint,
}

impl Style {
    /// Text and nothing else.
    pub const PLAIN: Self = Self { heading: Paint::PLAIN, overall: Paint::PLAIN, note: Paint::PLAIN };
}

const CELL_WIDTH: usize = 7;

/// The evaluation as a table in per cent, with counts and latencies; ends with a line break.
pub fn table(evaluation: &Evaluation, style: &Style) -> String {
    let mut rows = vec![("overall", &evaluation.overall)];
    rows.extend(evaluation.categories.iter().map(|(name, summary)| (name.as_str(), summary)));
    if evaluation.adversarial.questions > 0 {
        rows.push(("adversarial (apart)", &evaluation.adversarial));
    }
    let label_width =
        rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("recall".len());
    let note = |out: &mut String, text: &str| {
        out.push_str(&style.note.apply(text));
        out.push('\n');
    };

    let Evaluation { conversations, turns, overall, adversarial, questions_skipped, .. } = evaluation;
    let mut out = String::new();
    let counts = format!(
        "conversations: {conversations}, turns: {turns}, questions: {}, adversarial: {}, without evidence, left out: {questions_skipped}",
        overall.questions, adversarial.questions
    );
    note(&mut out, &counts);
    for section in sections() {
        out.push('\n');
        let mut head = format!("{:label_width$}", section.title);
        section.columns.iter().for_each(|(name, _)| push_cell(&mut head, name));
        out.push_str(&style.heading.apply(&head));
        out.push('\n');
        for (name, summary) in &rows {
            let mut line = format!("{name:label_width$}");
            section.columns.iter().for_each(|(_, value)| push_cell(&mut line, &value(summary)));
            let paint = if *name == "overall" { style.overall } else { Paint::PLAIN };
            out.push_str(&paint.apply(&line));
            out.push('\n');
        }
    }
    out.push('\n');
    let latency = &evaluation.latency;
    let times = format!(
        "taken in within {:.1} s; a ranking took p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        evaluation.ingest.as_secs_f64(),
        milliseconds(latency.p50),
        milliseconds(latency.p95),
        milliseconds(latency.p99),
        milliseconds(latency.max),
    );
    note(&mut out, &times);
    out
}

type Column = (String, Box<dyn Fn(&Summary) -> String>);

struct Section {
    title: &'static str,
    columns: Vec<Column>,
}

/// The parts of the table, each narrow enough for a terminal of 100 columns.
fn sections() -> [Section; 3] {
    fn share(name: String, value: impl Fn(&Scores) -> f64 + 'static) -> Column {
        (name, Box::new(move |summary| format!("{:.1}", 100.0 * value(&summary.mean))))
    }
    let at = |prefix: &'static str, values: fn(&Scores) -> &[f64; CUTOFFS.len()]| {
        CUTOFFS
            .into_iter()
            .enumerate()
            .map(move |(i, k)| share(format!("{prefix}@{k}"), move |s| values(s)[i]))
    };

    let mut recall: Vec<Column> = vec![("n".into(), Box::new(|summary| summary.questions.to_string()))];
    recall.extend(at("", |s| &s.recall));
    recall.push(share(format!("ndcg@{NDCG_CUTOFF}"), |s| s.ndcg));
    recall.push(share("mrr".into(), |s| s.reciprocal_rank));
    let found = at("any", |s| &s.any).chain(at("all", |s| &s.all)).collect();
    let tokens = TOKEN_BUDGETS.into_iter().enumerate();
    let tokens =
        tokens.map(|(i, budget)| share(budget.to_string(), move |s| s.recall_in_tokens[i])).collect();
    [
        Section { title: "recall", columns: recall },
        Section { title: "found", columns: found },
        Section { title: "in tokens", columns: tokens },
    ]
}

fn push_cell(line: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(line, " {text:>CELL_WIDTH$}");
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The evaluation as JSON: shares from 0 to 1, times in milliseconds. Keys are only ever added.
#[derive(Debug, Serialize)]
pub struct JsonReport<'a> {
    conversations: usize,
    turns: usize,
    questions_skipped: usize,
    overall: JsonSummary,
    categories: BTreeMap<&'a str, JsonSummary>,
    adversarial: JsonSummary,
    ingest_ms: f64,
    latency_ms: JsonLatency,
}

#[derive(Debug, Serialize)]
struct JsonSummary {
    questions: usize,
    recall: BTreeMap<usize, f64>,
    any: BTreeMap<usize, f64>,
    all: BTreeMap<usize, f64>,
    ndcg: BTreeMap<usize, f64>,
    mrr: f64,
    recall_in_tokens: BTreeMap<usize, f64>,
}

#[derive(Debug, Serialize)]
struct JsonLatency {
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

impl<'a> From<&'a Evaluation> for JsonReport<'a> {
    fn from(evaluation: &'a Evaluation) -> Self {
        let latency = &evaluation.latency;
        Self {
            conversations: evaluation.conversations,
            turns: evaluation.turns,
            questions_skipped: evaluation.questions_skipped,
            overall: (&evaluation.overall).into(),
            categories: evaluation
                .categories
                .iter()
                .map(|(name, summary)| (name.as_str(), summary.into()))
                .collect(),
            adversarial: (&evaluation.adversarial).into(),
            ingest_ms: milliseconds(evaluation.ingest),
            latency_ms: JsonLatency {
                p50: milliseconds(latency.p50),
                p95: milliseconds(latency.p95),
                p99: milliseconds(latency.p99),
                max: milliseconds(latency.max),
            },
        }
    }
}

impl From<&Summary> for JsonSummary {
    fn from(Summary { questions, mean }: &Summary) -> Self {
        let by_cutoff = |values: [f64; CUTOFFS.len()]| CUTOFFS.into_iter().zip(values).collect();
        Self {
            questions: *questions,
            recall: by_cutoff(mean.recall),
            any: by_cutoff(mean.any),
            all: by_cutoff(mean.all),
            ndcg: BTreeMap::from([(NDCG_CUTOFF, mean.ndcg)]),
            mrr: mean.reciprocal_rank,
            recall_in_tokens: TOKEN_BUDGETS.into_iter().zip(mean.recall_in_tokens).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::LatencySummary;

    fn evaluation() -> Evaluation {
        let summary = |questions, recall| Summary {
            questions,
            mean: Scores {
                recall,
                any: recall,
                all: recall,
                ndcg: 0.5,
                reciprocal_rank: 0.25,
                recall_in_tokens: [0.125, 0.5, 1.0],
            },
        };
        let ms = Duration::from_millis;
        Evaluation {
            conversations: 1,
            turns: 20,
            questions_skipped: 2,
            overall: summary(3, [0.0, 0.25, 0.5, 1.0]),
            categories: BTreeMap::from([("temporal".to_owned(), summary(3, [0.0, 0.25, 0.5, 1.0]))]),
            adversarial: summary(1, [0.0; 4]),
            ingest: ms(1_500),
            latency: LatencySummary { p50: ms(1), p95: ms(2), p99: ms(3), max: ms(4) },
        }
    }

    #[test]
    fn the_table_shows_every_measure_by_category_in_per_cent() {
        let expected = "\
conversations: 1, turns: 20, questions: 3, adversarial: 1, without evidence, left out: 2

recall                    n      @1      @5     @10     @20 ndcg@10     mrr
overall                   3     0.0    25.0    50.0   100.0    50.0    25.0
temporal                  3     0.0    25.0    50.0   100.0    50.0    25.0
adversarial (apart)       1     0.0     0.0     0.0     0.0    50.0    25.0

found                 any@1   any@5  any@10  any@20   all@1   all@5  all@10  all@20
overall                 0.0    25.0    50.0   100.0     0.0    25.0    50.0   100.0
temporal                0.0    25.0    50.0   100.0     0.0    25.0    50.0   100.0
adversarial (apart)     0.0     0.0     0.0     0.0     0.0     0.0     0.0     0.0

in tokens               500    1000    2000
overall                12.5    50.0   100.0
temporal               12.5    50.0   100.0
adversarial (apart)    12.5    50.0   100.0

taken in within 1.5 s; a ranking took p50 1.0 ms, p95 2.0 ms, p99 3.0 ms, at most 4.0 ms
";
        assert_eq!(table(&evaluation(), &Style::PLAIN), expected);
    }

    #[test]
    fn colour_is_what_the_caller_hands_in() {
        let style = Style { overall: Paint { start: "<b>", end: "</b>" }, ..Style::PLAIN };
        let coloured = table(&evaluation(), &style);
        assert_eq!(coloured.matches("<b>overall ").count(), 3);
        assert_eq!(coloured.replace("<b>", "").replace("</b>", ""), table(&evaluation(), &Style::PLAIN));
    }

    #[test]
    fn json_carries_the_same_figures_as_shares() {
        let json = serde_json::to_value(JsonReport::from(&evaluation())).unwrap();
        assert_eq!(json["overall"]["recall"]["10"], 0.5);
        assert_eq!(json["categories"]["temporal"]["recall_in_tokens"]["500"], 0.125);
        assert_eq!(json["adversarial"]["questions"], 1);
        assert_eq!(json["latency_ms"]["p99"], 3.0);
        assert_eq!(json["overall"]["ndcg"]["10"], 0.5);
    }
}
