//! Shows an evaluation as a table of text.
//!
//! It decides what stands where, never whether there is colour: the caller hands in a [`Style`].

use std::fmt::Write as _;

use crate::metrics::{CUTOFFS, HEADLINES, Measure, NDCG_CUTOFF, Scores, TOKEN_BUDGETS};
use crate::numbers::{bounds, milliseconds, per_cent};
use crate::report::Report;
use crate::summary::{Figures, ScoresInterval, Summary};

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

    pub(crate) fn apply(self, text: &str) -> String {
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

    /// The look of a row by its name.
    pub(crate) fn row(&self, name: &str) -> Paint {
        if name == OVERALL { self.overall } else { Paint::PLAIN }
    }
}

const CELL_WIDTH: usize = 7;

/// Room for `100.0 [100.0, 100.0]`.
const INTERVAL_WIDTH: usize = 21;

/// Conversations that are listed; more would hide the rest of the table.
const CONVERSATIONS_SHOWN_MAX: usize = 20;

/// The evaluation as a table in per cent, with intervals, counts and latencies; ends with a line break.
pub fn table(report: &Report, style: &Style) -> String {
    let Report { facts, evaluation, figures } = report;
    let rows = summary_rows(figures);
    let label_width = label_width(&rows, figures);
    let mut out = String::new();
    push_line(&mut out, style.note, &facts.line());
    let counts = format!(
        "conversations: {}, turns: {}, questions: {}, adversarial: {}, without evidence, left out: {}",
        evaluation.conversations,
        evaluation.turns,
        figures.overall.questions,
        figures.adversarial.questions,
        evaluation.questions_skipped
    );
    push_line(&mut out, style.note, &counts);
    push_headlines(&mut out, "", &rows, label_width, style, unsigned);
    if let Some(note) = figures.interval_note() {
        push_line(&mut out, style.note, &format!("[ ] {note}"));
    }
    for section in sections() {
        push_head(
            &mut out,
            section.title,
            label_width,
            style,
            section.columns.iter().map(|(name, _)| name.as_str()),
        );
        for (name, summary) in &rows {
            let cells = section.columns.iter().map(|(_, measure)| per_cent(measure(&summary.mean)));
            push_row(&mut out, name, label_width, style, cells);
        }
    }
    push_conversations(&mut out, figures, label_width, style);
    push_ages(&mut out, figures, label_width, style);
    out.push('\n');
    let latency = &figures.latency;
    let times = format!(
        "taken in within {:.1} s; a ranking took p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        evaluation.ingest.as_secs_f64(),
        milliseconds(latency.p50),
        milliseconds(latency.p95),
        milliseconds(latency.p99),
        milliseconds(latency.max),
    );
    push_line(&mut out, style.note, &times);
    out
}

/// The row over all questions but the adversarial ones.
pub(crate) const OVERALL: &str = "overall";

/// The row of the adversarial questions.
pub(crate) const APART: &str = "adversarial (apart)";

/// Overall, the categories, and apart from them the adversarial questions if there are any.
pub(crate) fn summary_rows(figures: &Figures) -> Vec<(&str, &Summary)> {
    let mut rows = vec![(OVERALL, &figures.overall)];
    rows.extend(figures.categories.iter().map(|(name, summary)| (name.as_str(), summary)));
    if figures.adversarial.questions > 0 {
        rows.push((APART, &figures.adversarial));
    }
    rows
}

fn label_width(rows: &[(&str, &Summary)], figures: &Figures) -> usize {
    let conversations = figures.conversations.iter().take(CONVERSATIONS_SHOWN_MAX);
    let names = rows.iter().map(|(name, _)| *name).chain(conversations.map(|c| c.conversation.as_str()));
    names.map(|name| name.chars().count()).max().unwrap_or(0).max("in tokens".len())
}

/// The measures of [`HEADLINES`] with their intervals.
pub(crate) fn push_headlines(
    out: &mut String,
    title: &str,
    rows: &[(&str, &Summary)],
    label_width: usize,
    style: &Style,
    show: fn(Measure, &Summary) -> String,
) {
    let mut head = format!("{title:label_width$} {:>CELL_WIDTH$}", "n");
    // Writing to a string cannot fail.
    for (name, _) in HEADLINES {
        let _ = write!(head, "  {name:INTERVAL_WIDTH$}");
    }
    out.push('\n');
    push_line(out, style.heading, &head);
    for (name, summary) in rows {
        let mut line = format!("{name:label_width$} {:>CELL_WIDTH$}", summary.questions);
        for (_, measure) in HEADLINES {
            let text = show(measure, summary);
            let _ = write!(line, "  {text:INTERVAL_WIDTH$}");
        }
        push_line(out, style.row(name), &line);
    }
}

fn unsigned(measure: Measure, summary: &Summary) -> String {
    let interval = measured_bounds(summary.interval.as_ref(), measure);
    format!("{:>5} {}", per_cent(measure(&summary.mean)), bounds(interval))
}

/// The bounds of one measure.
pub(crate) fn measured_bounds(interval: Option<&ScoresInterval>, measure: Measure) -> Option<(f64, f64)> {
    interval.map(|interval| (measure(&interval.low), measure(&interval.high)))
}

fn push_conversations(out: &mut String, figures: &Figures, label_width: usize, style: &Style) {
    if figures.conversations.len() < 2 {
        return;
    }
    push_head(out, "recall@10", label_width, style, ["n", "own", "others"]);
    for figure in figures.conversations.iter().take(CONVERSATIONS_SHOWN_MAX) {
        let others = figure.others.map(per_cent).unwrap_or_default();
        push_row(
            out,
            &figure.conversation,
            label_width,
            style,
            [figure.questions.to_string(), per_cent(figure.recall), others],
        );
    }
    if let Some(more @ 1..) = figures.conversations.len().checked_sub(CONVERSATIONS_SHOWN_MAX) {
        push_line(out, style.note, &format!("… and {more} more conversations: `--json` has them all"));
    }
}

fn push_ages(out: &mut String, figures: &Figures, label_width: usize, style: &Style) {
    if figures.ages.is_empty() {
        return;
    }
    push_head(out, "age", label_width, style, ["pieces", "@10"]);
    for figure in &figures.ages {
        let interval = figure.interval.map(|(low, high, _)| (low, high));
        let cells = [figure.pieces.to_string(), per_cent(figure.recall), bounds(interval)];
        push_row(out, figure.label, label_width, style, cells);
    }
}

/// An empty line and the heads of columns.
fn push_head<'a>(
    out: &mut String,
    title: &str,
    label_width: usize,
    style: &Style,
    names: impl IntoIterator<Item = &'a str>,
) {
    let mut head = format!("{title:label_width$}");
    names.into_iter().for_each(|name| push_cell(&mut head, name));
    out.push('\n');
    push_line(out, style.heading, &head);
}

fn push_row(
    out: &mut String,
    name: &str,
    label_width: usize,
    style: &Style,
    cells: impl IntoIterator<Item = String>,
) {
    let mut line = format!("{name:label_width$}");
    cells.into_iter().for_each(|cell| push_cell(&mut line, &cell));
    push_line(out, style.row(name), &line);
}

pub(crate) fn push_line(out: &mut String, paint: Paint, text: &str) {
    out.push_str(&paint.apply(text.trim_end()));
    out.push('\n');
}

type Column = (String, Box<dyn Fn(&Scores) -> f64>);

struct Section {
    title: &'static str,
    columns: Vec<Column>,
}

/// The parts of the table, each narrow enough for a terminal of 100 columns.
fn sections() -> [Section; 3] {
    let at = |prefix: &'static str, values: fn(&Scores) -> &[f64; CUTOFFS.len()]| {
        CUTOFFS.into_iter().enumerate().map(move |(i, k)| -> Column {
            (format!("{prefix}@{k}"), Box::new(move |scores| values(scores)[i]))
        })
    };
    let mut recall: Vec<Column> = at("", |scores| &scores.recall).collect();
    recall.push((format!("ndcg@{NDCG_CUTOFF}"), Box::new(|scores| scores.ndcg)));
    recall.push(("mrr".into(), Box::new(|scores| scores.reciprocal_rank)));
    let found = at("any", |scores| &scores.any).chain(at("all", |scores| &scores.all)).collect();
    let tokens = TOKEN_BUDGETS.into_iter().enumerate().map(|(i, budget)| -> Column {
        (budget.to_string(), Box::new(move |scores| scores.recall_in_tokens[i]))
    });
    [
        Section { title: "recall", columns: recall },
        Section { title: "found", columns: found },
        Section { title: "in tokens", columns: tokens.collect() },
    ]
}

fn push_cell(line: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(line, " {text:>CELL_WIDTH$}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_table_shows_every_measure_by_category_in_per_cent() {
        let expected = "\
locomo (some.json), ranking lexical, throughline 1.2.3, 2026-03-01 10:00
conversations: 2, turns: 20, questions: 3, adversarial: 1, without evidence, left out: 2

                          n  recall@10              in 1000 tokens         ndcg@10
overall                   3   66.7 [  0.0, 100.0]    66.7 [  0.0, 100.0]    48.7 [  0.0,  73.1]
single-hop                1  100.0 –                100.0 –                 83.2 –
temporal                  2   50.0 [  0.0, 100.0]    50.0 [  0.0, 100.0]    31.5 [  0.0,  63.1]
adversarial (apart)       1    0.0 –                  0.0 –                  0.0 –
[ ] 95 % intervals, bootstrap over 2 conversations, so few that they are rough

recall                   @1      @5     @10     @20 ndcg@10     mrr
overall                16.7    50.0    66.7    66.7    48.7    51.1
single-hop             50.0    50.0   100.0   100.0    83.2   100.0
temporal                0.0    50.0    50.0    50.0    31.5    26.7
adversarial (apart)     0.0     0.0     0.0     0.0     0.0     0.0

found                 any@1   any@5  any@10  any@20   all@1   all@5  all@10  all@20
overall                33.3    66.7    66.7    66.7     0.0    33.3    66.7    66.7
single-hop            100.0   100.0   100.0   100.0     0.0     0.0   100.0   100.0
temporal                0.0    50.0    50.0    50.0     0.0    50.0    50.0    50.0
adversarial (apart)     0.0     0.0     0.0     0.0     0.0     0.0     0.0     0.0

in tokens               500    1000    2000
overall                66.7    66.7    83.3
single-hop            100.0   100.0   100.0
temporal               50.0    50.0    75.0
adversarial (apart)     0.0     0.0     0.0

recall@10                 n     own  others
ada                       2   100.0     0.0
bo                        1     0.0   100.0

age                  pieces     @10
7–30 days                 5    60.0 [  0.0, 100.0]

taken in within 1.5 s; a ranking took p50 2.0 ms, p95 2.0 ms, p99 2.0 ms, at most 2.0 ms
";
        assert_eq!(table(&report(), &Style::PLAIN), expected);
    }

    #[test]
    fn colour_is_what_the_caller_hands_in() {
        let style = Style { overall: Paint { start: "<em>", end: "</em>" }, ..Style::PLAIN };
        let coloured = table(&report(), &style);
        assert_eq!(coloured.matches("<em>overall ").count(), 4);
        assert_eq!(coloured.replace("<em>", "").replace("</em>", ""), table(&report(), &Style::PLAIN));
    }
}
