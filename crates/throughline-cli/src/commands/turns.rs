//! `throughline turns`: taking conversations in from files, and listing what the journal has.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use throughline::model::{SessionId, TenantId, UserId};
use throughline::ports::TurnsPage;

use super::Run;
use crate::args::ScopeArgs;
use crate::config::MemoryFlags;
use crate::import::{self, Import, Imported};
use crate::shapes::TurnShape;
use crate::terminal::{Terminal, Tone, grouped, shorten};
use crate::wire;

/// Import conversations from a file, and list turns
#[derive(Debug, Args)]
pub(crate) struct Turns {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Import(ImportArgs),
    List(ListArgs),
}

/// Take the turns of a file into memory: JSONL, LoCoMo or LongMemEval, told apart by their content
///
/// A line of JSONL is one turn: {"user"?, "session", "role", "content", "name"?, "time"?, "metadata"?}.
/// Importing the same file again adds nothing. Passages are found by their words at once, and by their meaning when
/// they are embedded, which comes last; if it is interrupted, a server on the same folder goes on with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline turns import chat.jsonl --user ada
  throughline turns import locomo.json
  throughline turns import export.jsonl --tenant shop --skip-wrong --no-embed")]
struct ImportArgs {
    /// The file
    file: PathBuf,
    /// Whose turns these are, whatever the file says; needed if it does not say
    #[arg(long, value_name = "ID", value_parser = |text: &str| UserId::new(text))]
    user: Option<UserId>,
    /// The tenant the users belong to
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
    /// Leave out lines that are wrong and report them, instead of importing nothing
    #[arg(long)]
    skip_wrong: bool,
    /// Leave the embedding to the server
    #[arg(long)]
    no_embed: bool,
    #[command(flatten)]
    flags: MemoryFlags,
}

/// List turns in the order they were recorded
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline turns list --user ada
  throughline turns list --user ada --session monday --limit 20 --json")]
struct ListArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Only this conversation
    #[arg(long, value_name = "ID", value_parser = |text: &str| SessionId::new(text))]
    session: Option<SessionId>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Go on after this one: `next_cursor` of the page before
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    cursor: u64,
    #[command(flatten)]
    flags: MemoryFlags,
}

impl Turns {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Action::Import(arguments) => import(run, arguments),
            Action::List(arguments) => list(run, arguments),
        }
    }
}

fn import(run: &Run, arguments: &ImportArgs) -> Result<()> {
    let config = run.load(&arguments.flags)?.config;
    let import = Import {
        file: &arguments.file,
        tenant: &arguments.tenant,
        user: arguments.user.as_ref(),
        skip_wrong: arguments.skip_wrong,
    };
    let checked = import::check(&import, run.terminal)?;
    let memory = wire::open(&config, wire::IfAbsent::Create)?;
    let imported = import::write(&import, &checked, &memory, run.terminal)?;
    let embedded = if arguments.no_embed { 0 } else { import::embed(&memory, &config, run.terminal)? };
    report(run.terminal, &imported, embedded)
}

fn report(terminal: Terminal, imported: &Imported, embedded: u64) -> Result<()> {
    let seconds = imported.took.as_secs_f64();
    let rate = imported.added as f64 / seconds.max(1e-3);
    let skipped = imported.skipped.len() as u64;
    if terminal.is_json() {
        return terminal.document(&json!({
            "format": imported.format.to_string(),
            "turns": imported.turns,
            "added": imported.added,
            "known": imported.turns - imported.added,
            "skipped": imported.skipped,
            "users": imported.users,
            "sessions": imported.sessions,
            "embedded_passages": embedded,
            "seconds": seconds,
            "turns_per_second": rate,
        }));
    }
    let mut line = format!(
        "{} of {} turns added ({}), {} users, {} sessions, {seconds:.1} s",
        grouped(imported.added),
        grouped(imported.turns),
        imported.format,
        grouped(imported.users),
        grouped(imported.sessions),
    );
    if imported.added > 0 {
        // Writing to a string cannot fail.
        let _ = write!(line, ", {rate:.0} turns/s");
    }
    terminal.line(line)?;
    if imported.added < imported.turns {
        terminal.line(format!("{} turns were there before.", grouped(imported.turns - imported.added)))?;
    }
    if embedded > 0 {
        terminal.line(format!("{} passages embedded.", grouped(embedded)))?;
    }
    if skipped > 0 {
        terminal.line(terminal.paint(Tone::Warn, format!("{} lines left out:", grouped(skipped))))?;
        for reason in &imported.skipped {
            terminal.line(format!("  {reason}"))?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Page<'a> {
    turns: Vec<TurnShape<'a>>,
    next_cursor: Option<String>,
}

fn list(run: &Run, arguments: &ListArgs) -> Result<()> {
    let memory = wire::open(&run.load(&arguments.flags)?.config, wire::IfAbsent::Refuse)?;
    let zone = &memory.settings().zone;
    let limit = usize::from(arguments.limit);
    let page = TurnsPage { session: arguments.session.clone(), after: arguments.cursor, limit: limit + 1 };
    let mut turns = memory.store().turns_page(&arguments.scope.scope(), &page)?;
    let more = turns.len() > limit;
    turns.truncate(limit);
    let next_cursor = turns.last().filter(|_| more).map(|turn| turn.id.seq.to_string());
    let terminal = run.terminal;
    if terminal.is_json() {
        return terminal.document(&Page { turns: turns.iter().map(TurnShape::from).collect(), next_cursor });
    }
    let rows: Vec<[String; 5]> = turns
        .iter()
        .map(|turn| {
            let who = turn.name.as_deref().unwrap_or(turn.role.as_str());
            [
                turn.id.seq.to_string(),
                zone.to_datetime(turn.time).strftime("%Y-%m-%d %H:%M").to_string(),
                shorten(turn.session.as_str(), 24),
                shorten(who, 16),
                shorten(&turn.content.text, terminal.width().saturating_sub(60).max(30)),
            ]
        })
        .collect();
    terminal.table(["#", "time", "session", "who", "text"], &rows)?;
    if let Some(cursor) = next_cursor {
        terminal.note(format!("There is more: --cursor {cursor}"));
    }
    Ok(())
}
