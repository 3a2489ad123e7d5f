//! A run over stories as text: the stories that went wrong and how, then a row for each theme.

use std::fmt::Write as _;

use crate::table::Style;

use super::figures::{DriftFigures, ThemeFigures};
use super::judge::{FailureKind, Verdict};

const CELL_WIDTH: usize = 9;

/// The run as text; ends with a line break.
pub fn drift_table(extractor: &str, verdicts: &[Verdict], style: &Style) -> String {
    let figures = DriftFigures::new(verdicts);
    let mut out =
        format!("{}\n\n", style.note.apply(&format!("{} stories, extractor {extractor}", verdicts.len())));
    for verdict in verdicts {
        let sign = if verdict.failures.is_empty() { "pass" } else { "FAIL" };
        let _ = writeln!(out, "{sign}  {}: {}", verdict.theme, verdict.name);
        for failure in &verdict.failures {
            let line = format!("      {:<9} {}", failure.kind.as_str(), failure.what);
            let _ = writeln!(out, "{}", style.note.apply(&line));
        }
    }
    let width = figures.themes.iter().map(|theme| theme.theme.chars().count()).max().unwrap_or(0).max(7) + 2;
    let kinds = FailureKind::ALL.iter().map(|kind| kind.as_str().to_owned());
    let head = row("", width, ["stories".to_owned(), "passed".to_owned()].into_iter().chain(kinds));
    let _ = writeln!(out, "\n{}", style.heading.apply(&head));
    for theme in figures.themes.iter().chain([&figures.overall]) {
        let counts = [theme.stories, theme.passed].into_iter().chain(theme.failures);
        let row = row(&theme.theme, width, counts.map(|count| count.to_string()));
        let _ = writeln!(out, "{}", style.row(&theme.theme).apply(&row));
    }
    let ThemeFigures { current, current_in_slot, history, .. } = figures.overall;
    let _ = writeln!(
        out,
        "\ncurrent: {} of {current} found, {current_in_slot} in their slot; false current: {}; history kept: {} of \
         {history}; false supersessions: {}",
        figures.overall.current_found(),
        figures.overall.false_current(),
        figures.overall.history_kept(),
        figures.overall.false_supersessions(),
    );
    out
}

fn row(name: &str, width: usize, cells: impl Iterator<Item = String>) -> String {
    cells.fold(format!("{name:<width$}"), |mut row, cell| {
        let _ = write!(row, "{cell:>CELL_WIDTH$}");
        row
    })
}
