//! `throughline doctor`: checks a data folder and says what is wrong and what to do.

use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use throughline::ports::{EmbeddingModels, NumberedModel};
use throughline_sqlite::doctor::{Finding, Report, Severity, doctor};

use super::Run;
use crate::config::MemoryFlags;
use crate::failure::Failure;
use crate::store;
use crate::terminal::{Terminal, Tone, grouped, wrap};

/// Check a data folder: is the store whole, and does what is in it hold together?
///
/// Only reads, also while a server runs on the folder. Exit code 1 if something is damaged. A memory on a server
/// (`store.url`) has no folder to check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline doctor
  throughline doctor --data backup/2026-03-01 --json")]
pub(crate) struct Doctor {
    #[command(flatten)]
    flags: MemoryFlags,
}

impl Doctor {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.flags)?.config;
        let report = doctor(store::embedded_folder(&config, "`throughline doctor`")?);
        if run.terminal.is_json() {
            document(run.terminal, &report)?;
        } else {
            show(run.terminal, &report)?;
        }
        if report.is_sound() {
            return Ok(());
        }
        let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let things = if errors == 1 { "thing is" } else { "things are" };
        Err(Failure::error(format!("{errors} {things} wrong with {}", report.file.display())))
    }
}

fn show(terminal: Terminal, report: &Report) -> Result<()> {
    let fact = |name: &str, text: String| {
        terminal.line(format!("{}  {text}", terminal.paint(Tone::Dim, format!("{name:<8}"))))
    };
    fact("file", report.file.display().to_string())?;
    if let Some(schema) = report.schema {
        fact("schema", schema.to_string())?;
    }
    if let Some(counts) = &report.counts {
        fact("size", format!("{} KiB", grouped(counts.file_bytes / 1024)))?;
        fact(
            "holds",
            format!(
                "{} users' memories, {} sessions, {} turns, {} passages ({} wait for a vector), {} receipts",
                grouped(counts.scopes),
                grouped(counts.sessions),
                grouped(counts.turns),
                grouped(counts.passages),
                grouped(counts.unembedded),
                grouped(counts.receipts),
            ),
        )?;
    }
    if let Some(models) = &report.models {
        fact("model", shown_models(models))?;
    }
    if report.findings.is_empty() {
        return fact("state", terminal.paint(Tone::Good, "all is well"));
    }
    report.findings.iter().try_for_each(|finding| show_finding(terminal, finding))
}

fn shown_models(models: &EmbeddingModels) -> String {
    let name = |known: &NumberedModel| known.model.name.clone();
    let mut text = models.serving.as_ref().map_or_else(|| "none yet".to_owned(), name);
    if let Some(coming) = &models.coming {
        let _ = write!(text, ", until the switch to {} is complete", coming.model.name);
    }
    if let Some(previous) = &models.previous {
        let _ =
            write!(text, "; {} before, which `throughline model rollback` returns to", previous.model.name);
    }
    text
}

fn show_finding(terminal: Terminal, finding: &Finding) -> Result<()> {
    let (word, tone) = match finding.severity {
        Severity::Warning => ("warning", Tone::Warn),
        Severity::Error => ("error", Tone::Bad),
    };
    terminal.line(format!("{}: {}", terminal.paint(tone, word), finding.what))?;
    wrap(&format!("hint: {}", finding.remedy), terminal.width() - 2)
        .iter()
        .try_for_each(|line| terminal.line(format!("  {line}")))
}

fn document(terminal: Terminal, report: &Report) -> Result<()> {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            let severity = match finding.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            json!({ "severity": severity, "what": finding.what, "remedy": finding.remedy })
        })
        .collect();
    let counts = report.counts.map(|counts| {
        json!({
            "scopes": counts.scopes,
            "sessions": counts.sessions,
            "turns": counts.turns,
            "passages": counts.passages,
            "unembedded": counts.unembedded,
            "outbox": counts.outbox,
            "receipts": counts.receipts,
            "file_bytes": counts.file_bytes,
        })
    });
    terminal.document(&json!({
        "file": report.file.display().to_string(),
        "sound": report.is_sound(),
        "schema": report.schema,
        "counts": counts,
        "models": report.models.as_ref().map(|models| {
            let name = |known: &Option<NumberedModel>| known.as_ref().map(|known| known.model.name.clone());
            json!({
                "serving": name(&models.serving),
                "coming": name(&models.coming),
                "previous": name(&models.previous),
            })
        }),
        "findings": findings,
    }))
}
