//! Shows what was measured of the confidence as tables of text.

use crate::numbers::{bounds, per_cent};
use crate::table::{Paint, Style, push_line};

use super::ConfidenceReport;
use super::figures::{Bin, ConfidenceFigures, Reliability, Threshold};

/// The figures as tables, shares in per cent; ends with a line break.
pub fn confidence_table(report: &ConfidenceReport, style: &Style) -> String {
    let ConfidenceReport { facts, figures, .. } = report;
    let mut out = String::new();
    push_line(&mut out, style.note, &facts.line());
    push_line(&mut out, style.note, &report.counts());
    push_thresholds(&mut out, figures, style);
    push_reliability(&mut out, "at even odds", &figures.even_odds, style);
    push_reliability(&mut out, "among own", &figures.among_own, style);
    out.push('\n');
    for (name, area) in areas(figures) {
        let area = area.map_or("–".into(), |area| format!("{area:.3}"));
        push_line(&mut out, style.note, &format!("area under the curve, {name}: {area}"));
    }
    out
}

/// What the areas compare.
pub(super) fn areas(figures: &ConfidenceFigures) -> [(&'static str, Option<f64>); 3] {
    [
        ("evidence over items of foreign questions", figures.evidence_over_foreign),
        ("evidence over other items of own questions", figures.evidence_over_others),
        ("best item of own over best item of foreign questions", figures.own_over_foreign),
    ]
}

fn push_thresholds(out: &mut String, figures: &ConfidenceFigures, style: &Style) {
    let groups = format!("\n{:9}  {:<42}  own questions", "", "foreign questions");
    push_line(out, style.heading, &groups);
    let head = format!(
        "{:9}  {:>5} {:14} {:>7} {:>6} {:>6}  {:>5} {:14} {:>7} {:>6} {:>6}",
        "threshold", "avoid", "", "silent", "items", "tokens", "lost", "", "silent", "items", "tokens"
    );
    push_line(out, style.heading, &head);
    for threshold in &figures.thresholds {
        let Threshold { confidence, lost, lost_interval, own, avoided, avoided_interval, foreign } =
            threshold;
        let line = format!(
            "{confidence:9.2}  {:>5} {} {:>7} {:>6.1} {:>6.0}  {:>5} {} {:>7} {:>6.1} {:>6.0}",
            per_cent(*avoided),
            bounds(*avoided_interval),
            per_cent(foreign.silent),
            foreign.items,
            foreign.tokens,
            per_cent(*lost),
            bounds(*lost_interval),
            per_cent(own.silent),
            own.items,
            own.tokens,
        );
        push_line(out, Paint::PLAIN, &line);
    }
    let note = format!(
        "of the first ten items, which have {} % of the evidence; avoid, lost: share of foreign items, of found evidence below the \
         threshold; silent: share answered with nothing",
        per_cent(figures.recall)
    );
    push_line(out, style.note, &note);
}

fn push_reliability(out: &mut String, title: &str, reliability: &Reliability, style: &Style) {
    out.push('\n');
    let head = format!("{title:12} {:>7} {:>10} {:>9}", "items", "confidence", "evidence");
    push_line(out, style.heading, &head);
    for Bin { from, to, items, confidence, evidence } in &reliability.bins {
        let range = format!("{from:.1} – {to:.1}");
        let line = format!("{range:12} {items:>7} {:>10} {:>9}", per_cent(*confidence), per_cent(*evidence));
        push_line(out, Paint::PLAIN, &line);
    }
    push_line(
        out,
        style.note,
        &format!("confidence and share of evidence differ by {} points", per_cent(reliability.error)),
    );
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn the_tables_show_what_is_lost_and_avoided_and_how_often_a_confidence_is_right() {
        let table = confidence_table(&report(), &Style::PLAIN);
        let expected = "\
locomo (some.json), ranking full, throughline 1.2.3, 2026-03-01 10:00
conversations: 2, turns: 20, own questions: 2, foreign questions: 2 (some.json), left out: 1 without evidence, 0 whose evidence is in the other conversation too

           foreign questions                           own questions
threshold  avoid                 silent  items tokens   lost                 silent  items tokens
     0.05   50.0 [  0.0, 100.0]    50.0    1.0     30    0.0 [  0.0,   0.0]     0.0    2.5     75
     0.10   50.0 [  0.0, 100.0]    50.0    1.0     30    0.0 [  0.0,   0.0]     0.0    2.0     60
     0.15   75.0 [ 50.0, 100.0]    50.0    0.5     15   33.3 [  0.0,  50.0]     0.0    1.5     45
     0.20   75.0 [ 50.0, 100.0]    50.0    0.5     15   33.3 [  0.0,  50.0]     0.0    1.5     45
     0.25   75.0 [ 50.0, 100.0]    50.0    0.5     15   33.3 [  0.0,  50.0]     0.0    1.5     45
     0.30   75.0 [ 50.0, 100.0]    50.0    0.5     15   33.3 [  0.0,  50.0]     0.0    1.5     45
     0.40  100.0 [100.0, 100.0]   100.0    0.0      0   33.3 [  0.0,  50.0]     0.0    1.0     30
     0.50  100.0 [100.0, 100.0]   100.0    0.0      0   33.3 [  0.0,  50.0]     0.0    1.0     30
     0.70  100.0 [100.0, 100.0]   100.0    0.0      0   66.7 [ 50.0, 100.0]    50.0    0.5     15
     0.90  100.0 [100.0, 100.0]   100.0    0.0      0   66.7 [ 50.0, 100.0]    50.0    0.5     15
of the first ten items, which have 100.0 % of the evidence; avoid, lost: share of foreign items, of found evidence below the threshold; silent: share answered with nothing

at even odds   items confidence  evidence
0.0 – 0.1          2        2.5       0.0
0.1 – 0.2          2       12.0      57.1
0.3 – 0.4          1       35.0       0.0
0.6 – 0.7          1       60.0     100.0
0.9 – 1.0          1       90.0     100.0
confidence and share of evidence differ by 26.5 points

among own      items confidence  evidence
0.0 – 0.1          1        5.0       0.0
0.1 – 0.2          1       12.0     100.0
0.3 – 0.4          1       35.0       0.0
0.6 – 0.7          1       60.0     100.0
0.9 – 1.0          1       90.0     100.0
confidence and share of evidence differ by 35.6 points

area under the curve, evidence over items of foreign questions: 0.875
area under the curve, evidence over other items of own questions: 0.833
area under the curve, best item of own over best item of foreign questions: 1.000
";
        assert_eq!(table, expected);
    }
}
