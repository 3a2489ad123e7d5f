//! The report of a run as one HTML page: plots, tables, and the questions that found nothing.

use std::fmt::Write as _;

use crate::bootstrap::Resampled;
use crate::curve::{by_items, by_tokens};
use crate::metrics::{HEADLINE_CUTOFF, HEADLINES, Measure, TOKEN_BUDGETS};
use crate::numbers::{milliseconds, per_cent, points};
use crate::page::{self, closed, escape, opened, push_cell, push_figure, push_tile};
use crate::plot::{DotRow, LinePlot, Series, dots, histogram};
use crate::report::Report;
use crate::row::Row;
use crate::table::{APART, OVERALL, measured_bounds, summary_rows};

/// Conversations that get a row.
const CONVERSATIONS_SHOWN_MAX: usize = 100;

/// More conversations than that are not drawn.
const CONVERSATIONS_DRAWN_MAX: usize = 12;

/// Missed questions that get a row.
const MISSED_SHOWN_MAX: usize = 50;

/// The whole page.
pub fn html(report: &Report) -> String {
    let title = format!("Recall on {}, ranking {}", report.facts.file, report.facts.ranking);
    let mut page = opened(&title);
    push_facts(&mut page, report);
    push_lead(&mut page, report);
    push_plots(&mut page, report);
    push_categories(&mut page, report);
    push_conversations(&mut page, report);
    push_missed(&mut page, report);
    push_reading(&mut page, report);
    closed(page)
}

fn push_facts(page: &mut String, report: &Report) {
    let Report { facts, evaluation, figures } = report;
    let facts = [
        ("Data set", facts.data_set.clone()),
        ("File", facts.file.clone()),
        ("Ranking", facts.ranking.clone()),
        ("Model", facts.model.clone().unwrap_or_else(|| "none".into())),
        ("Conversations", evaluation.conversations.to_string()),
        ("Turns", evaluation.turns.to_string()),
        ("Questions", figures.overall.questions.to_string()),
        ("Adversarial", figures.adversarial.questions.to_string()),
        ("Left out, no evidence", evaluation.questions_skipped.to_string()),
        ("Date", facts.started.strftime("%Y-%m-%d %H:%M UTC").to_string()),
        ("Program", facts.program.clone()),
    ];
    page::push_facts(page, facts);
}

fn push_lead(page: &mut String, report: &Report) {
    let Report { figures, .. } = report;
    let mean = &figures.overall.mean;
    let _ = writeln!(
        page,
        "<p class=\"lead\">Asked {} questions, memory had <strong>{} %</strong> of the evidence among the first ten passages, \
         and <strong>{} %</strong> within 1,000 tokens of text.</p>",
        figures.overall.questions,
        per_cent(mean.recall[2]),
        per_cent(mean.recall_in_tokens[1]),
    );
    page.push_str("<div class=\"tiles\">");
    for (name, measure) in HEADLINES {
        let interval = measured_bounds(figures.overall.interval.as_ref(), measure);
        let below = interval.map_or("no interval".into(), |(low, high)| {
            format!("{} to {} (95 %)", per_cent(low), per_cent(high))
        });
        push_tile(page, &tile_name(name), &format!("{} %", per_cent(measure(mean))), &below);
    }
    let latency = &figures.latency;
    let below = format!("p95 {:.1}, p99 {:.1} ms", milliseconds(latency.p95), milliseconds(latency.p99));
    push_tile(page, "a ranking takes, median", &format!("{:.1} ms", milliseconds(latency.p50)), &below);
    page.push_str("</div>\n");
}

fn tile_name(name: &str) -> String {
    name.strip_prefix("in ").map_or_else(|| name.to_owned(), |budget| format!("recall in {budget}"))
}

fn push_plots(page: &mut String, report: &Report) {
    let figures = &report.figures;
    let rows: Vec<&Row> = report.evaluation.rows.iter().filter(|row| !row.adversarial).collect();
    page.push_str("<div class=\"plots\">\n");

    let tokens = by_tokens(&rows);
    let series = [Series { name: "", curve: &tokens, marks: &TOKEN_BUDGETS.map(|budget| budget as f64) }];
    let plot = LinePlot {
        title: "Recall by token budget",
        x_title: "tokens of recalled text",
        x_ticks: &[0.0, 500.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0],
        series: &series,
    };
    push_figure(page, "Recall by token budget", "share of the evidence, with its 95 % interval", &plot.svg());

    let items = by_items(&rows);
    let marks = [HEADLINE_CUTOFF as f64];
    let series = [
        Series { name: "of evidence", curve: &items.recall, marks: &marks },
        Series { name: "any piece", curve: &items.any, marks: &[] },
        Series { name: "all pieces", curve: &items.all, marks: &[] },
    ];
    let plot = LinePlot {
        title: "Recall at k",
        x_title: "k, the number of passages",
        x_ticks: &[1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0],
        series: &series,
    };
    push_figure(page, "Recall@k", "share of evidence; questions with any, with all of it", &plot.svg());

    let named = summary_rows(figures);
    let class = |name: &str| match name {
        OVERALL => 0,
        APART => 2,
        _ => 1,
    };
    let recall: Measure = |scores| scores.recall[2];
    let by_category: Vec<_> = named
        .iter()
        .map(|(name, summary)| DotRow {
            name,
            count: summary.questions,
            share: recall(&summary.mean),
            interval: measured_bounds(summary.interval.as_ref(), recall),
            class: class(name),
        })
        .collect();
    let svg = dots("Recall at 10 by category", "recall@10", &by_category);
    push_figure(page, "By category", "recall@10 with its 95 % interval", &svg);

    if !figures.ages.is_empty() {
        let ages: Vec<_> = figures
            .ages
            .iter()
            .map(|age| DotRow {
                name: age.label,
                count: age.pieces,
                share: age.recall,
                interval: age.interval.map(|(low, high, _)| (low, high)),
                class: 1,
            })
            .collect();
        let svg = dots("Recall at 10 by age of the evidence", "recall@10 of pieces of evidence", &ages);
        push_figure(page, "By age of the evidence", "from when it was said to when it is asked for", &svg);
    }

    if (2..=CONVERSATIONS_DRAWN_MAX).contains(&figures.conversations.len()) {
        let conversations: Vec<_> = figures
            .conversations
            .iter()
            .map(|figure| DotRow {
                name: &figure.conversation,
                count: figure.questions,
                share: figure.recall,
                interval: None,
                class: 1,
            })
            .collect();
        let svg = dots("Recall at 10 by conversation", "recall@10", &conversations);
        push_figure(page, "By conversation", "whether the figure hangs on one of them", &svg);
    }

    let latencies: Vec<f64> = report.evaluation.rows.iter().map(|row| milliseconds(row.latency)).collect();
    if !latencies.is_empty() {
        let latency = &figures.latency;
        let marks = [("p50", milliseconds(latency.p50)), ("p95", milliseconds(latency.p95))];
        let svg = histogram("Latency of a ranking", "milliseconds, logarithmic", &latencies, marks);
        push_figure(page, "Latency", "how many rankings took how long", &svg);
    }
    page.push_str("</div>\n");
}

fn push_categories(page: &mut String, report: &Report) {
    page.push_str(
        "<h2>All measures, in per cent</h2>\n<div class=\"scroll\"><table><thead><tr><th></th><th>n</th>",
    );
    let columns: [(&str, Measure); 11] = [
        ("recall@1", |scores| scores.recall[0]),
        ("recall@5", |scores| scores.recall[1]),
        ("recall@10", |scores| scores.recall[2]),
        ("recall@20", |scores| scores.recall[3]),
        ("any@10", |scores| scores.any[2]),
        ("all@10", |scores| scores.all[2]),
        ("ndcg@10", |scores| scores.ndcg),
        ("mrr", |scores| scores.reciprocal_rank),
        ("in 500<br>tokens", |scores| scores.recall_in_tokens[0]),
        ("in 1000<br>tokens", |scores| scores.recall_in_tokens[1]),
        ("in 2000<br>tokens", |scores| scores.recall_in_tokens[2]),
    ];
    let with_interval = ["recall@10", "ndcg@10", "in 1000<br>tokens"];
    for (name, _) in columns {
        let _ = write!(page, "<th>{name}</th>");
    }
    page.push_str("</tr></thead><tbody>\n");
    for (name, summary) in summary_rows(&report.figures) {
        let class = match name {
            OVERALL => " class=\"overall\"",
            APART => " class=\"apart\"",
            _ => "",
        };
        let _ = write!(page, "<tr{class}><td>{}</td><td>{}</td>", escape(name), summary.questions);
        for (column, measure) in &columns {
            let interval = measured_bounds(summary.interval.as_ref(), *measure);
            let shown = interval
                .filter(|_| with_interval.contains(column))
                .map(|(low, high)| format!("<br><small>{}–{}</small>", per_cent(low), per_cent(high)));
            push_cell(page, &format!("{}{}", per_cent(measure(&summary.mean)), shown.unwrap_or_default()));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    if let Some(note) = report.figures.interval_note() {
        let _ = writeln!(page, "<p class=\"note\">{}</p>", escape(&note));
    }
}

fn push_conversations(page: &mut String, report: &Report) {
    let figures = &report.figures.conversations;
    if figures.len() < 2 {
        return;
    }
    page.push_str(
        "<h2>Each conversation beside all others</h2>\n<div class=\"scroll\"><table><thead><tr><th>conversation</th><th>n</th>\
         <th>recall@10</th><th>of the others</th><th>difference</th></tr></thead><tbody>\n",
    );
    for figure in figures.iter().take(CONVERSATIONS_SHOWN_MAX) {
        let _ = write!(page, "<tr><td>{}</td><td>{}</td>", escape(&figure.conversation), figure.questions);
        push_cell(page, &per_cent(figure.recall));
        push_cell(page, &figure.others.map(per_cent).unwrap_or_default());
        let difference = figure.others.map(|others| points(figure.recall - others));
        push_cell(page, &difference.unwrap_or_default());
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    if let Some(more @ 1..) = figures.len().checked_sub(CONVERSATIONS_SHOWN_MAX) {
        let _ = writeln!(page, "<p class=\"note\">… and {more} more.</p>");
    }
}

/// Questions without any evidence among the first ten items: where to look when figures are low.
fn push_missed(page: &mut String, report: &Report) {
    let missed: Vec<&Row> = report
        .evaluation
        .rows
        .iter()
        .filter(|row| !row.adversarial && row.recall_at(HEADLINE_CUTOFF) == 0.0)
        .collect();
    if missed.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "<details><summary>{} questions without any of their evidence in the first ten</summary>\n<div class=\"scroll\"><table>\
         <thead><tr><th>conversation</th><th class=\"left\">category</th><th class=\"left\">question</th>\
         <th class=\"left\">evidence</th><th>first at rank</th></tr></thead><tbody>",
        missed.len()
    );
    for row in missed.iter().take(MISSED_SHOWN_MAX) {
        let names: Vec<&str> = row.evidence.iter().map(|piece| piece.name.as_str()).collect();
        let first = row.evidence.iter().filter_map(|piece| piece.found).map(|found| found.rank).min();
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"left\">{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td></tr>",
            escape(&row.conversation),
            escape(&row.category),
            escape(&row.question),
            escape(&names.join(", ")),
            first.map_or("not found".into(), |rank| rank.to_string()),
        );
    }
    page.push_str("</tbody></table></div>\n");
    if let Some(more @ 1..) = missed.len().checked_sub(MISSED_SHOWN_MAX) {
        let _ = writeln!(
            page,
            "<p class=\"note\">… and {more} more: the file of <code>--out</code> has them all.</p>"
        );
    }
    page.push_str("</details>\n");
}

fn push_reading(page: &mut String, report: &Report) {
    let others = match report.figures.overall.interval {
        Some(interval) if interval.over == Resampled::Questions => "questions about this conversation",
        _ => "conversations of the kind",
    };
    let _ = writeln!(
        page,
        "<h2>How to read this</h2>\n<p class=\"note\">Evidence are the turns that answer a question. Recall@10 is the share of a \
         question's evidence among the first ten passages, averaged over questions; recall in 1,000 tokens is the share among \
         the passages that fit into 1,000 tokens of a prompt. An interval says where the figure would lie, in 95 of 100 cases, \
         for other {others}. Adversarial questions are built to mislead and are part of no other figure. \
         No language model was asked: what is measured is what memory finds, not what a model makes of it.</p>\n\
         <p class=\"note\">{}</p>",
        escape(&report.facts.line())
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_page_has_every_plot_and_table() {
        let page = html(&report());
        assert_eq!(page.matches("<svg ").count(), 6);
        assert_eq!(page.matches("<table>").count(), 3);
        for part in [
            "<title>Recall on some.json, ranking lexical</title>",
            "66.7",
            "throughline 1.2.3",
            "2026-03-01 10:00 UTC",
        ] {
            assert!(page.contains(part), "{part} is missing");
        }
    }

    #[test]
    fn the_page_loads_nothing_and_runs_nothing() {
        let page = html(&report());
        for forbidden in ["http://", "https://", "<script", "src=", "<link", "url(", "@import"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn text_of_the_data_is_escaped() {
        let mut with_markup = report();
        with_markup.evaluation.rows[3].question = "<script>alert('x')</script> & \"more\"".into();
        with_markup.evaluation.rows[3].evidence[1].found = None;
        let page = html(&with_markup);
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;"));
        assert!(page.contains("<td>not found</td>") && !page.contains("<script"));
    }

    #[test]
    fn a_run_of_one_question_makes_a_page_too() {
        let mut evaluation = report().evaluation;
        evaluation.rows.truncate(1);
        let page = html(&Report::new(report().facts, evaluation));
        assert!(page.contains("no interval") && !page.contains("NaN"));
        let nothing = html(&Report::new(report().facts, crate::run::Evaluation::default()));
        assert!(!nothing.contains("NaN"));
    }
}
