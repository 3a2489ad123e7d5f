//! Shows an agreement as a table of text.

use crate::numbers::{bounds, per_cent};
use crate::table::{OVERALL, Style, push_line};

use super::AgreementReport;

/// The figures as a table in per cent; ends with a line break.
pub fn agreement_table(report: &AgreementReport, style: &Style) -> String {
    let AgreementReport { facts, evaluation, figures } = report;
    let rows: Vec<_> = std::iter::once((OVERALL, &figures.overall))
        .chain(figures.categories.iter().map(|(name, figure)| (name.as_str(), figure)))
        .collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    push_line(&mut out, style.note, &facts.line());
    let counts = format!(
        "memories: {}, turns: {}, of them to fill up: {}, questions: {}",
        evaluation.memories, evaluation.turns, evaluation.filled, figures.overall.questions
    );
    push_line(&mut out, style.note, &counts);
    let head =
        format!("\n{:width$} {:>7}  {:20}  {:>7} {:>7}", "", "n", "of ten, the same", "first", "all ten");
    push_line(&mut out, style.heading, &head);
    for (name, figure) in rows {
        let line = format!(
            "{name:width$} {:>7}  {:>5} {}  {:>7} {:>7}",
            figure.questions,
            per_cent(figure.same),
            bounds(figure.interval),
            per_cent(figure.first),
            per_cent(figure.all)
        );
        push_line(&mut out, style.row(name), &line);
    }
    if let Some(drawn) = &figures.drawn {
        let over = format!("[ ] 95 % intervals, bootstrap over {} {}", drawn.drawn, drawn.over.as_str());
        push_line(&mut out, style.note, &over);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn the_table_shows_what_both_rankings_found_by_category() {
        let expected = "\
locomo (some.json), ranking full, throughline 1.2.3, 2026-03-01 10:00
memories: 1, turns: 20, of them to fill up: 4, questions: 3

                 n  of ten, the same        first all ten
overall          3   86.7 [ 70.0,  95.0]     66.7    33.3
single-hop       1   90.0 –                 100.0     0.0
temporal         2   85.0 [ 70.0, 100.0]     50.0    50.0
[ ] 95 % intervals, bootstrap over 2 conversations
";
        assert_eq!(agreement_table(&report(), &Style::PLAIN), expected);
    }
}
