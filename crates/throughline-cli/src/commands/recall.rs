//! `throughline recall`: what memory finds for a question.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value as Json, json};
use throughline::model::{MemoryState, SessionId, Timestamp};
use throughline::recall::{Degraded, Filters, ItemMemory, RecallRequest, Recalled, RecalledItem, Scores};

use super::Run;
use crate::args::ScopeArgs;
use crate::config::MemoryFlags;
use crate::shapes::ItemShape;
use crate::terminal::{Terminal, Tone, milliseconds, wrap};
use crate::{embedding, wire};

const EXAMPLES: &str = "\
Examples:
  throughline recall --user ada \"where does she live?\"
  throughline recall --user ada --limit 3 --explain \"allergies\"
  throughline recall --user ada --from 2026-03-01T00:00:00Z --json \"the trip\"";

/// Look into a user's memory: the passages that answer a question, best first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Recall {
    /// What to look for
    query: String,

    #[command(flatten)]
    scope: ScopeArgs,

    /// At most so many passages
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    limit: usize,

    /// At most so many tokens of text in all
    #[arg(long, value_name = "NUMBER")]
    budget_tokens: Option<usize>,

    /// Only from this conversation; may be given several times
    #[arg(long, value_name = "ID", value_parser = |text: &str| SessionId::new(text))]
    session: Vec<SessionId>,

    /// Only what was said at this time or later, such as 2026-03-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,

    /// Only what was said before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,

    /// Show what words and meaning each say of a passage
    #[arg(long)]
    explain: bool,

    #[command(flatten)]
    flags: MemoryFlags,
}

impl Recall {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.flags)?.config;
        let memory = wire::open(&config, wire::IfAbsent::Refuse)?;
        embedding::attach_if_there(&memory, &config, run.terminal)?;
        let request = RecallRequest {
            limit: self.limit,
            every_passage: self.budget_tokens.is_some(),
            budget_tokens: self.budget_tokens,
            embed_deadline: std::time::Duration::from_millis(config.query_embed_ms_max.0),
            filters: Filters {
                sessions: self.session.clone(),
                from: self.from,
                until: self.until,
                ..Filters::default()
            },
            ..RecallRequest::new(&self.query)
        };
        let recalled = memory.recall(&self.scope.scope(), &request)?;
        if run.terminal.is_json() {
            json_of(&recalled, run.terminal)
        } else {
            self.show(&recalled, &config.time_zone, run.terminal)
        }
    }

    fn show(&self, recalled: &Recalled, zone: &TimeZone, terminal: Terminal) -> Result<()> {
        if recalled.items.is_empty() {
            terminal.note(format!("Nothing was found for user `{}`.", self.scope.user));
        }
        for item in &recalled.items {
            let said = item.turn.name.as_deref().unwrap_or(item.turn.role.as_str());
            let time = zone.to_datetime(item.turn.time).strftime("%a %-d %b %Y %H:%M");
            let mut head = format!("{time} · {said} · {}", item.turn.session);
            if let Some(end) = over_since(item) {
                let _ = write!(head, " · no longer so since {}", zone.to_datetime(end).strftime("%F"));
            }
            if self.explain {
                let _ = write!(head, " · {}", explained(item)); // Writing to a string cannot fail.
            }
            terminal.line(terminal.paint(Tone::Dim, head))?;
            for line in wrap(item.text(), terminal.width() - 2) {
                terminal.line(format!("  {line}"))?;
            }
        }
        if self.explain {
            let timings: Vec<String> = recalled
                .timings
                .iter()
                .map(|timing| format!("{} {}", timing.stage, milliseconds(timing.took)))
                .collect();
            terminal.note(timings.join(", "));
        }
        Ok(())
    }
}

/// Since when all that was learned from an item is so no longer.
fn over_since(item: &RecalledItem) -> Option<Timestamp> {
    let holds = |memory: &ItemMemory| memory.state == MemoryState::Active;
    let last = item.memories.iter().map(|memory| memory.valid_to).max().flatten();
    last.filter(|_| !item.memories.iter().any(holds))
}

/// The score taken apart, parts that add nothing left out.
fn explained(item: &RecalledItem) -> String {
    let Scores { lexical, dense, late, answer, session, date, speaker, role, memory, .. } = item.scores;
    let parts = [
        ("words", lexical),
        ("meaning", dense),
        ("tokens", late),
        ("answer", answer),
        ("session", session),
        ("date", date),
        ("speaker", speaker),
        ("role", role),
        ("memory", memory),
    ];
    let parts =
        parts.iter().filter(|(_, part)| part.abs() >= 0.005).map(|(name, part)| format!("{name} {part:+.2}"));
    let parts: Vec<String> = parts.collect();
    format!("confidence {:.2} · score {:.2} = {}", item.confidence, item.score, parts.join(" "))
}

/// The answer as JSON.
#[derive(Serialize)]
struct RecalledShape<'a> {
    items: Vec<ItemShape<'a>>,
    degraded: Option<&'static str>,
    timings_ms: serde_json::Map<String, Json>,
}

fn json_of(recalled: &Recalled, terminal: Terminal) -> Result<()> {
    let timings = recalled.timings.iter().map(|t| (t.stage.clone(), json!(t.took.as_secs_f64() * 1_000.0)));
    terminal.document(&RecalledShape {
        items: recalled.items.iter().map(ItemShape::from).collect(),
        degraded: recalled.degraded.map(Degraded::as_str),
        timings_ms: timings.collect(),
    })
}
