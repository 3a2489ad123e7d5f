//! What was measured of the confidence as one HTML page: what a threshold costs and buys, and how often it is right.

use std::fmt::Write as _;

use crate::curve::Curve;
use crate::numbers::per_cent;
use crate::page::{closed, escape, opened, push_cell, push_facts, push_figure, push_tile};
use crate::plot::{LinePlot, Series};

use super::ConfidenceReport;
use super::figures::{Bin, ConfidenceFigures, Left, Reliability, Threshold};
use super::table::areas;

const SHARES: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// The whole page.
pub fn confidence_html(report: &ConfidenceReport) -> String {
    let ConfidenceReport { facts, foreign_file, evaluation, figures } = report;
    let title = format!("Confidence on {}, ranking {}", facts.file, facts.ranking);
    let mut page = opened(&title);
    let shown = [
        ("Data set", facts.data_set.clone()),
        ("File", facts.file.clone()),
        ("Foreign questions of", foreign_file.clone()),
        ("Ranking", facts.ranking.clone()),
        ("Model", facts.model.clone().unwrap_or_else(|| "none".into())),
        ("Conversations", evaluation.conversations.to_string()),
        ("Own questions", figures.own.to_string()),
        ("Foreign questions", figures.foreign.to_string()),
        ("Date", facts.started.strftime("%Y-%m-%d %H:%M UTC").to_string()),
        ("Program", facts.program.clone()),
    ];
    push_facts(&mut page, shown);
    page.push_str("<div class=\"tiles\">");
    for (name, area) in areas(figures) {
        let area = area.map_or("–".into(), |area| format!("{area:.3}"));
        push_tile(&mut page, name, &area, "area under the curve");
    }
    page.push_str("</div>\n");
    push_plots(&mut page, figures);
    push_thresholds(&mut page, figures);
    push_reliability(
        &mut page,
        "How often an item is evidence at even odds, in per cent",
        &figures.even_odds,
    );
    push_reliability(
        &mut page,
        "How often an item of an own question is evidence, in per cent",
        &figures.among_own,
    );
    let _ = writeln!(
        page,
        "<h2>How to read this</h2>\n<p class=\"note\">Each question was asked of the conversation it is about and of another \
         one, with the names of the speakers swapped. Of the first ten items, those below a threshold are left out. Evidence \
         lost is the share of the evidence among the ten that goes with them; noise avoided is the share of the items of \
         foreign questions that goes. Silent is an answer with nothing left.</p>\n<p class=\"note\">{}<br>{}</p>",
        escape(&facts.line()),
        escape(&report.counts())
    );
    closed(page)
}

fn push_plots(page: &mut String, figures: &ConfidenceFigures) {
    page.push_str("<div class=\"plots\">\n");
    let of = |share: fn(&Threshold) -> f64| Curve {
        points: figures.thresholds.iter().map(|threshold| (threshold.confidence, share(threshold))).collect(),
        band: None,
    };
    let mut kept = of(|threshold| 1.0 - threshold.lost);
    let bounds = figures.thresholds.iter().map(|threshold| threshold.lost_interval);
    kept.band = bounds.map(|bounds| bounds.map(|(low, high)| (1.0 - high, 1.0 - low))).collect();
    let (avoided, silent) = (of(|threshold| threshold.avoided), of(|threshold| threshold.foreign.silent));
    let series = [
        Series { name: "evidence kept", curve: &kept, marks: &[] },
        Series { name: "noise avoided", curve: &avoided, marks: &[] },
        Series { name: "silent", curve: &silent, marks: &[] },
    ];
    let plot = LinePlot {
        title: "What a threshold keeps and avoids",
        x_title: "threshold of confidence",
        x_ticks: &SHARES,
        series: &series,
    };
    let below = "evidence of own questions; items of foreign ones; foreign ones answered with nothing";
    push_figure(page, "What a threshold keeps and avoids", below, &plot.svg());

    let points = |bins: &[Bin], y: fn(&Bin) -> f64| Curve {
        points: bins.iter().map(|bin| (bin.confidence, y(bin))).collect(),
        band: None,
    };
    let even = points(&figures.even_odds.bins, |bin| bin.evidence);
    let own = points(&figures.among_own.bins, |bin| bin.evidence);
    let ideal = points(&figures.even_odds.bins, |bin| bin.confidence);
    let series = [
        Series { name: "even odds", curve: &even, marks: &[] },
        Series { name: "among own", curve: &own, marks: &[] },
        Series { name: "ideal", curve: &ideal, marks: &[] },
    ];
    let plot = LinePlot {
        title: "How often an item is evidence",
        x_title: "confidence",
        x_ticks: &SHARES,
        series: &series,
    };
    let below = "evidence against as many items of foreign questions; all items of own questions";
    push_figure(page, "How often an item is evidence", below, &plot.svg());
    page.push_str("</div>\n");
}

fn push_head(page: &mut String, title: &str, columns: &[&str]) {
    let _ = write!(page, "<h2>{title}</h2>\n<div class=\"scroll\"><table><thead><tr>");
    for column in columns {
        let _ = write!(page, "<th>{column}</th>");
    }
    page.push_str("</tr></thead><tbody>\n");
}

fn push_row(page: &mut String, cells: impl IntoIterator<Item = String>) {
    page.push_str("<tr>");
    cells.into_iter().for_each(|cell| push_cell(page, &cell));
    page.push_str("</tr>\n");
}

fn push_thresholds(page: &mut String, figures: &ConfidenceFigures) {
    let columns = [
        "threshold",
        "noise<br>avoided",
        "foreign<br>silent",
        "foreign<br>items",
        "foreign<br>tokens",
        "evidence<br>lost",
        "own<br>silent",
        "own<br>items",
        "own<br>tokens",
    ];
    push_head(page, "Thresholds, shares in per cent", &columns);
    let with_bounds = |share: f64, bounds: Option<(f64, f64)>| {
        let bounds =
            bounds.map(|(low, high)| format!("<br><small>{}–{}</small>", per_cent(low), per_cent(high)));
        format!("{}{}", per_cent(share), bounds.unwrap_or_default())
    };
    for threshold in &figures.thresholds {
        let Threshold { confidence, lost, lost_interval, own, avoided, avoided_interval, foreign } =
            threshold;
        let left = |left: &Left| {
            [per_cent(left.silent), format!("{:.1}", left.items), format!("{:.0}", left.tokens)]
        };
        let first = [format!("{confidence:.2}"), with_bounds(*avoided, *avoided_interval)];
        let lost = [with_bounds(*lost, *lost_interval)];
        push_row(page, first.into_iter().chain(left(foreign)).chain(lost).chain(left(own)));
    }
    page.push_str("</tbody></table></div>\n");
}

fn push_reliability(page: &mut String, title: &str, reliability: &Reliability) {
    push_head(page, title, &["confidence", "items", "mean", "evidence"]);
    for bin in &reliability.bins {
        let range = format!("{:.1} – {:.1}", bin.from, bin.to);
        push_row(page, [range, bin.items.to_string(), per_cent(bin.confidence), per_cent(bin.evidence)]);
    }
    page.push_str("</tbody></table></div>\n");
    let error = per_cent(reliability.error);
    let _ =
        writeln!(page, "<p class=\"note\">Confidence and share of evidence differ by {error} points.</p>");
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::super::{ConfidenceEvaluation, ConfidenceReport};
    use super::*;

    #[test]
    fn the_page_has_its_plots_and_tables_and_loads_nothing() {
        let page = confidence_html(&report());
        assert_eq!((page.matches("<svg ").count(), page.matches("<table>").count()), (2, 3));
        for forbidden in ["http://", "https://", "<script", "src=", "<link", "url(", "@import", "NaN"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("<title>Confidence on some.json, ranking full</title>"));
    }

    #[test]
    fn a_run_without_a_question_makes_a_page_too() {
        let report = report();
        let nothing = ConfidenceReport::new(report.facts, "x".into(), ConfidenceEvaluation::default());
        assert!(!confidence_html(&nothing).contains("NaN"));
    }
}
