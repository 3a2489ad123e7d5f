//! Shows a comparison: as a table of text, or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::compare::{Asked, Comparison, Difference};
use crate::json::{JsonFacts, JsonSummary};
use crate::metrics::Measure;
use crate::numbers::points;
use crate::report::Report;
use crate::summary::Summary;
use crate::table::{APART, OVERALL, Style, measured_bounds, push_headlines, push_line};

/// Questions that are listed of those that are not compared.
const LISTED_MAX: usize = 10;

/// The comparison as a table in percentage points, B - A; ends with a line break.
pub fn comparison_table(a: &Report, b: &Report, comparison: &Comparison, style: &Style) -> String {
    let mut out = String::new();
    push_line(&mut out, style.note, &format!("A: {}", a.facts.line()));
    push_line(&mut out, style.note, &format!("B: {}", b.facts.line()));
    let Comparison { questions, only_a, only_b, evidence_differs, .. } = comparison;
    let mut counts =
        format!("questions in both: {questions}, only in A: {}, only in B: {}", only_a.len(), only_b.len());
    if !evidence_differs.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(counts, ", with other evidence and left out: {}", evidence_differs.len());
    }
    push_line(&mut out, style.note, &counts);

    let rows = rows(comparison);
    let label_width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("B − A".len());
    let summaries: Vec<_> = rows.iter().map(|(name, difference)| (*name, &difference.summary)).collect();
    push_headlines(&mut out, "B − A", &summaries, label_width, style, signed);
    push_line(&mut out, style.note, &note(&comparison.overall));
    out.push('\n');
    let head = format!("{:label_width$} {:>7} {:>7} {:>7}", "recall@10", "better", "worse", "same");
    push_line(&mut out, style.heading, &head);
    for (name, difference) in &rows {
        let Difference { summary, better, worse } = difference;
        let same = summary.questions - better - worse;
        push_line(
            &mut out,
            style.row(name),
            &format!("{name:label_width$} {better:>7} {worse:>7} {same:>7}"),
        );
    }
    let lists =
        [("Only in A", only_a), ("Only in B", only_b), ("With other evidence in B", evidence_differs)];
    for (title, asked) in lists {
        push_asked(&mut out, title, asked, style);
    }
    out
}

fn rows(comparison: &Comparison) -> Vec<(&str, &Difference)> {
    let mut rows = vec![(OVERALL, &comparison.overall)];
    rows.extend(comparison.categories.iter().map(|(name, difference)| (name.as_str(), difference)));
    if comparison.adversarial.summary.questions > 0 {
        rows.push((APART, &comparison.adversarial));
    }
    rows
}

/// A star marks what is hardly chance.
fn signed(measure: Measure, summary: &Summary) -> String {
    let mean = points(measure(&summary.mean));
    let Some((low, high)) = measured_bounds(summary.interval.as_ref(), measure) else {
        return format!("{mean:>5} –");
    };
    let rough = summary.interval.is_some_and(|interval| interval.is_rough());
    let star = if !rough && (low > 0.0 || high < 0.0) { "*" } else { "" };
    format!("{mean:>5} [{:>5}, {:>5}]{star}", points(low), points(high))
}

fn note(overall: &Difference) -> String {
    let interval = overall.summary.interval.map_or("too few for intervals".into(), |interval| {
        let star = if interval.is_rough() {
            "; too few to tell a difference from chance"
        } else {
            "; * leaves out 0"
        };
        format!("[ ] paired {}{star}", interval.note())
    });
    format!("percentage points; {interval}")
}

fn push_asked(out: &mut String, title: &str, asked: &[Asked], style: &Style) {
    if asked.is_empty() {
        return;
    }
    out.push('\n');
    push_line(out, style.heading, title);
    for Asked { conversation, question } in asked.iter().take(LISTED_MAX) {
        let _ = writeln!(out, "  {conversation}: {question}");
    }
    if let Some(more @ 1..) = asked.len().checked_sub(LISTED_MAX) {
        push_line(out, style.note, &format!("  … and {more} more: `--json` has them all"));
    }
}

/// The comparison as JSON: differences of shares, B - A. Keys are only ever added.
#[derive(Debug, Serialize)]
pub struct JsonComparison<'a> {
    a: JsonFacts,
    b: JsonFacts,
    questions: usize,
    overall: JsonDifference,
    categories: BTreeMap<&'a str, JsonDifference>,
    adversarial: JsonDifference,
    only_in_a: Vec<JsonAsked<'a>>,
    only_in_b: Vec<JsonAsked<'a>>,
    evidence_differs: Vec<JsonAsked<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonDifference {
    #[serde(flatten)]
    summary: JsonSummary,
    better: usize,
    worse: usize,
}

#[derive(Debug, Serialize)]
struct JsonAsked<'a> {
    conversation: &'a str,
    question: &'a str,
}

impl<'a> JsonComparison<'a> {
    /// With the circumstances of both runs.
    pub fn new(a: &Report, b: &Report, comparison: &'a Comparison) -> Self {
        Self {
            a: (&a.facts).into(),
            b: (&b.facts).into(),
            questions: comparison.questions,
            overall: (&comparison.overall).into(),
            categories: comparison.categories.iter().map(|(name, d)| (name.as_str(), d.into())).collect(),
            adversarial: (&comparison.adversarial).into(),
            only_in_a: comparison.only_a.iter().map(JsonAsked::from).collect(),
            only_in_b: comparison.only_b.iter().map(JsonAsked::from).collect(),
            evidence_differs: comparison.evidence_differs.iter().map(JsonAsked::from).collect(),
        }
    }
}

impl From<&Difference> for JsonDifference {
    fn from(Difference { summary, better, worse }: &Difference) -> Self {
        Self { summary: summary.into(), better: *better, worse: *worse }
    }
}

impl<'a> From<&'a Asked> for JsonAsked<'a> {
    fn from(Asked { conversation, question }: &'a Asked) -> Self {
        Self { conversation, question }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Resampled;
    use crate::compare::compare;
    use crate::metrics::Scores;
    use crate::report::tests::{facts, report};
    use crate::row::tests::row;
    use crate::summary::ScoresInterval;

    fn other() -> Report {
        let mut evaluation = report().evaluation;
        evaluation.rows[0] = row("ada", "when?", "temporal", &[2]);
        evaluation.rows[3] = row("bo", "where?", "temporal", &[7, 30]);
        Report::new(facts("full"), evaluation)
    }

    #[test]
    fn the_table_shows_differences_with_their_intervals_and_what_is_missing() {
        let (a, b) = (report(), other());
        let expected = "\
A: locomo (some.json), ranking lexical, throughline 1.2.3, 2026-03-01 10:00
B: locomo (some.json), ranking full, throughline 1.2.3, 2026-03-01 10:00
questions in both: 3, only in A: 1, only in B: 1

B − A                     n  recall@10              in 1000 tokens         ndcg@10
overall                   2  +25.0 [ +0.0, +50.0]   +25.0 [ +0.0, +50.0]   +10.2 [ +0.0, +20.4]
single-hop                1   +0.0 –                 +0.0 –                 +0.0 –
temporal                  1  +50.0 –                +50.0 –                +20.4 –
adversarial (apart)       1   +0.0 –                 +0.0 –                 +0.0 –
percentage points; [ ] paired 95 % intervals, bootstrap over 2 conversations, so few that they are rough; too few to tell a difference from chance

recall@10            better   worse    same
overall                   1       0       1
single-hop                0       0       1
temporal                  1       0       0
adversarial (apart)       0       0       1

Only in A
  ada: where?

Only in B
  ada: when?
";
        assert_eq!(comparison_table(&a, &b, &compare(&a, &b), &Style::PLAIN), expected);
    }

    #[test]
    fn a_star_marks_an_interval_without_zero_that_is_not_rough() {
        let summary = |low: f64, drawn| {
            let scores = |share: f64| Scores { ndcg: share, ..Scores::default() };
            let interval = ScoresInterval {
                low: scores(low),
                high: scores(0.052),
                over: Resampled::Conversations,
                drawn,
            };
            Summary { questions: 9, mean: scores(0.03), interval: Some(interval) }
        };
        let shown = |low, drawn| signed(|scores| scores.ndcg, &summary(low, drawn));
        assert_eq!(shown(0.01, 10), " +3.0 [ +1.0,  +5.2]*");
        assert_eq!(shown(0.01, 9), " +3.0 [ +1.0,  +5.2]");
        assert_eq!(shown(-0.1, 10), " +3.0 [-10.0,  +5.2]");
    }

    #[test]
    fn json_names_every_question_that_is_not_compared() {
        let (a, b) = (report(), other());
        let json = serde_json::to_value(JsonComparison::new(&a, &b, &compare(&a, &b))).unwrap();
        assert_eq!(json["only_in_a"][0]["question"], "where?");
        assert_eq!(json["only_in_b"], serde_json::json!([{"conversation": "ada", "question": "when?"}]));
        assert_eq!((&json["overall"]["better"], &json["overall"]["recall"]["10"]), (&1.into(), &0.25.into()));
        assert_eq!((&json["a"]["ranking"], &json["b"]["ranking"]), (&"lexical".into(), &"full".into()));
    }
}
