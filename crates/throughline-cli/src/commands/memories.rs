//! `throughline memories`: what is taken to be true of a user, why, and taking it back.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use throughline::memory::{MemoriesRequest, Memory, MemoryPatch, NewMemory, Order, SummariesRequest, Why};
use throughline::model::{
    Act, Generation, MemoryId, MemoryKind, MemoryRecord, MemoryState, SlotKey, Summary, SummaryLevel,
    SummaryOf, TenantId, Timestamp,
};

use super::Run;
use crate::args::ScopeArgs;
use crate::config::MemoryFlags;
use crate::failure::{Failure, Hinting};
use crate::shapes;
use crate::terminal::{Tone, shorten};
use crate::wire;

/// Look at what is taken to be true of a user, and change it
#[derive(Debug, Args)]
pub(crate) struct Memories {
    #[command(subcommand)]
    action: Action,
}

/// A memory of a tenant.
#[derive(Debug, Args)]
struct One {
    /// The memory, such as `mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d`
    id: MemoryId,
    /// The tenant it belongs to
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
    #[command(flatten)]
    flags: MemoryFlags,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List memories, those that hold unless told otherwise
    #[command(after_help = "\
Examples:
  throughline memories list --user ada
  throughline memories list --user ada --state superseded
  throughline memories list --user ada --as-of 2026-03-01T00:00:00Z --all")]
    List {
        #[command(flatten)]
        scope: ScopeArgs,
        /// Only of this kind: fact, preference, goal, decision, event, lesson, note or summary
        #[arg(long)]
        kind: Option<MemoryKind>,
        /// Only in this state: active, superseded, retracted, quarantined, expired or contested
        #[arg(long, default_value = "active", conflicts_with = "all")]
        state: MemoryState,
        /// In whatever state
        #[arg(long)]
        all: bool,
        /// As they were believed at this time
        #[arg(long, value_name = "TIME")]
        as_of: Option<Timestamp>,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Add a memory on your own word
    #[command(after_help = "\
Examples:
  throughline memories add --user ada \"Ada prefers to be called Countess\" --kind preference
  throughline memories add --user ada \"Ada lives in London\" --slot home --value London")]
    Add {
        /// It in a sentence
        text: String,
        #[command(flatten)]
        scope: ScopeArgs,
        /// What sort of thing it says
        #[arg(long, default_value = "note")]
        kind: MemoryKind,
        /// The property it speaks about: one of the user's, `NAME.PROPERTY` of somebody else's, `profile.SLOT` of the schema
        #[arg(long, requires = "value")]
        slot: Option<SlotKey>,
        /// What the property is
        #[arg(long)]
        value: Option<String>,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Say what conversations, months, years or the user come to
    #[command(after_help = "\
Examples:
  throughline memories summary --user ada
  throughline memories summary --user ada --level month --limit 3")]
    Summary {
        #[command(flatten)]
        scope: ScopeArgs,
        /// Of what: session, month, year or user
        #[arg(long, default_value = "session")]
        level: SummaryLevel,
        /// At most so many, the newest first
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        limit: usize,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Say why a memory is what it is: quotes, turns and the states it went through
    #[command(after_help = "Example:\n  throughline memories why mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d")]
    Why(One),
    /// Change a memory; the one before stays as history
    #[command(
        after_help = "Example:\n  throughline memories edit mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d --value Lyon --text \"Lives in Lyon\""
    )]
    Edit {
        #[command(flatten)]
        one: One,
        /// Another sentence
        #[arg(long, required_unless_present_any = ["value", "valid_to", "no_valid_to"])]
        text: Option<String>,
        /// Another value
        #[arg(long)]
        value: Option<String>,
        /// Another end: RFC 3339
        #[arg(long, value_name = "TIME")]
        valid_to: Option<Timestamp>,
        /// No end any more
        #[arg(long, conflicts_with = "valid_to")]
        no_valid_to: bool,
    },
    /// Take a memory back; it can be restored
    #[command(after_help = "Example:\n  throughline memories retract mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d")]
    Retract(One),
    /// Bring a retracted memory back
    #[command(after_help = "Example:\n  throughline memories restore mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d")]
    Restore(One),
    /// Keep a memory's weight as it is, for ever
    #[command(after_help = "Example:\n  throughline memories pin mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d")]
    Pin(One),
    /// Let a pinned memory fade again
    #[command(after_help = "Example:\n  throughline memories unpin mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d")]
    Unpin(One),
    /// Take back the newest change that made a memory what it is
    #[command(after_help = "Example:\n  throughline memories undo mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d")]
    Undo(One),
    /// Take a memory's value out of everything, files included, and refuse it from then on
    #[command(after_help = "Example:\n  throughline memories forget mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d")]
    Forget(One),
    /// Let what was forgotten be said, learned and added again; what was taken out stays out
    #[command(after_help = "Example:\n  throughline memories lift --user ada \"Lisbon\"")]
    Lift {
        /// The value that was forgotten, or a sentence with it
        text: String,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        flags: MemoryFlags,
    },
}

impl Memories {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Action::List { scope, kind, state, all, as_of, flags } => {
                let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
                let state = (!all).then_some(*state);
                let request = MemoriesRequest { kind: *kind, state, as_of: *as_of };
                let scope = scope.scope();
                list(run, &memory.memories(&scope, &request)?, memory.generation(&scope)?)
            }
            Action::Add { text, scope, kind, slot, value, flags } => {
                let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Create)?;
                let slot = slot.clone();
                let (importance, valid_from, valid_to) = (None, None, None);
                let (value, text) = (value.clone(), text.clone());
                let new = NewMemory { kind: *kind, slot, value, text, importance, valid_from, valid_to };
                let scope = scope.scope();
                show(run, &memory.add_memory(&scope, new)?, memory.generation(&scope)?)
            }
            Action::Summary { scope, level, limit, flags } => {
                let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
                let request = SummariesRequest { level: *level, limit: *limit, zone: None };
                summarise(run, &memory.summaries(&scope.scope(), &request)?)
            }
            Action::Why(one) => {
                let (why, generation) = one.of(run, |memory| memory.why(&one.tenant, one.id))?;
                explain(run, &why, generation)
            }
            Action::Edit { one, text, value, valid_to, no_valid_to } => {
                let patch = MemoryPatch {
                    text: text.clone(),
                    value: value.clone(),
                    valid_to: valid_to.map(Some).or(no_valid_to.then_some(None)),
                    ..MemoryPatch::default()
                };
                let (edited, generation) =
                    one.of(run, |memory| memory.edit_memory(&one.tenant, one.id, &patch))?;
                show(run, &edited, generation)
            }
            Action::Retract(one) => order(run, one, Order::Retract),
            Action::Restore(one) => order(run, one, Order::Restore),
            Action::Pin(one) => order(run, one, Order::Pin),
            Action::Unpin(one) => order(run, one, Order::Unpin),
            Action::Undo(one) => order(run, one, Order::Undo),
            Action::Lift { text, scope, flags } => {
                let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
                let lifted = memory.lift_forgotten(&scope.scope(), text)?;
                if run.terminal.is_json() {
                    return run.terminal.document(&json!({ "lifted": lifted }));
                }
                run.terminal.line(match lifted {
                    0 => "Nothing of it was forgotten.".to_owned(),
                    lifted => format!("{lifted} of what was forgotten may be said again."),
                })
            }
            Action::Forget(one) => {
                let (report, _) = one.of(run, |memory| memory.forget_memory(&one.tenant, one.id))?;
                let counts = [
                    ("claims", report.claims),
                    ("turns", report.turns),
                    ("passages", report.passages),
                    ("profiles", report.profiles),
                    ("receipts", report.receipts),
                ];
                if run.terminal.is_json() {
                    return run.terminal.document(&serde_json::Map::from_iter(
                        counts.map(|(name, count)| (name.to_owned(), json!(count))),
                    ));
                }
                let rows = counts.map(|(name, count)| [name.to_owned(), count.to_string()]);
                run.terminal.table(["forgotten", "count"], &rows)
            }
        }
    }
}

impl One {
    /// What is done with the memory, which has to be there, and which life of its scope it is of.
    fn of<T>(
        &self,
        run: &Run,
        act: impl FnOnce(&Memory) -> Result<Option<T>, throughline::memory::MemoryError>,
    ) -> Result<(T, Generation)> {
        let memory = wire::open(&run.load(&self.flags)?.config, wire::IfAbsent::Refuse)?;
        let done = act(&memory)?.ok_or_else(|| {
            Failure::error(format!("tenant {} has no memory {}", self.tenant, self.id))
                .hint("`throughline memories list --user ID --all` lists those of a user")
        })?;
        Ok((done, memory.generation_of(&self.tenant, self.id)?))
    }
}

fn order(run: &Run, one: &One, order: Order) -> Result<()> {
    let (ordered, generation) = one.of(run, |memory| memory.order(&one.tenant, one.id, order))?;
    show(run, &ordered, generation)
}

fn list(run: &Run, memories: &[MemoryRecord], generation: Generation) -> Result<()> {
    if run.terminal.is_json() {
        let memories: Vec<_> = memories.iter().map(|memory| shapes::memory(memory, generation)).collect();
        return run.terminal.document(&json!({ "memories": memories }));
    }
    if memories.is_empty() {
        run.terminal.note("There are no such memories.");
        return Ok(());
    }
    let width = run.terminal.width().saturating_sub(75).max(20);
    let rows: Vec<[String; 5]> = memories
        .iter()
        .map(|memory| {
            [
                memory.id.to_string(),
                memory.kind.as_str().to_owned(),
                memory.state.as_str().to_owned(),
                memory.valid_from.strftime("%Y-%m-%d").to_string(),
                shorten(&memory.text, width),
            ]
        })
        .collect();
    run.terminal.table(["memory", "kind", "state", "since", "text"], &rows)
}

fn summarise(run: &Run, summaries: &[Summary]) -> Result<()> {
    let terminal = run.terminal;
    if terminal.is_json() {
        let summaries: Vec<_> = summaries.iter().map(shapes::summary).collect();
        return terminal.document(&json!({ "summaries": summaries }));
    }
    if summaries.is_empty() {
        terminal.note("There is nothing to tell.");
    }
    for summary in summaries {
        let of = match &summary.of {
            SummaryOf::Session { session, began } => format!("{session}, {}", began.strftime("%A %F")),
            of => of.period().unwrap_or_else(|| "The user".to_owned()),
        };
        terminal.line(terminal.paint(Tone::Bold, &of))?;
        for sentence in &summary.sentences {
            let cites: Vec<String> = sentence.cites.iter().map(ToString::to_string).collect();
            terminal.line(format!("  {}", sentence.text))?;
            terminal.line(terminal.paint(Tone::Dim, format!("    {}", cites.join(", "))))?;
        }
    }
    Ok(())
}

fn show(run: &Run, memory: &MemoryRecord, generation: Generation) -> Result<()> {
    if run.terminal.is_json() {
        return run.terminal.document(&shapes::memory(memory, generation));
    }
    list(run, std::slice::from_ref(memory), generation)
}

fn explain(run: &Run, why: &Why, generation: Generation) -> Result<()> {
    let terminal = run.terminal;
    let states = why
        .states
        .iter()
        .map(|(since, state)| json!({ "state": state.as_str(), "since": since.to_string() }));
    if terminal.is_json() {
        return terminal.document(&json!({
            "memory": shapes::memory(&why.memory, generation),
            "user": why.scope.user.user.as_str(),
            "entries": why.entries.iter().map(|entry| shapes::entry(entry, generation)).collect::<Vec<_>>(),
            "states": states.collect::<Vec<_>>(),
        }));
    }
    let memory = &why.memory;
    terminal.line(terminal.paint(Tone::Bold, &memory.text))?;
    terminal.line(format!(
        "{} {}, on the word of the {}",
        memory.state.as_str(),
        memory.kind.as_str(),
        memory.authority.as_str()
    ))?;
    if let Some(slot) = &memory.slot {
        terminal.line(format!("{slot} = {}", memory.value))?;
    }
    for (since, state) in &why.states {
        terminal.line(format!("  {since}  {}", state.as_str()))?;
    }
    for entry in &why.entries {
        let act = entry.act.as_str();
        let what = match &entry.act {
            Act::Claimed(claim) => match &claim.evidence {
                Some(evidence) => format!("{act} in turn {}: “{}”", evidence.turn, evidence.quote),
                None => format!("{act}: {}", claim.text),
            },
            _ => act.to_owned(),
        };
        terminal.line(format!("  #{} {}  {what}", entry.number, entry.recorded))?;
    }
    Ok(())
}
