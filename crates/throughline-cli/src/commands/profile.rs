//! `throughline profile`: the structured memory of a user.

mod history;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Map, Value as Json, json};
use throughline::model::Profile as Slots;
use throughline_server::{SlotsLeftOut, change_profile};

use super::Run;
use super::identity::read_text;
use crate::args::ScopeArgs;
use crate::config::MemoryFlags;
use crate::failure::{Failure, Hinting};
use crate::{shapes, wire};

/// Read and change what is always told to the model about a user
#[derive(Debug, Args)]
pub(crate) struct Profile {
    #[command(subcommand)]
    action: Action,
}

/// What is to be written.
#[derive(Debug, Args)]
struct Document {
    /// The profile as JSON: goals, preferences, pastMistakes, summary and slots of the tenant's own
    #[arg(value_name = "JSON", required_unless_present = "file", conflicts_with = "file")]
    text: Option<String>,
    /// Read the JSON from this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a user's profile
    #[command(
        after_help = "Examples:\n  throughline profile get --user ada\n  throughline profile get --user ada --json | jq .profile.goals"
    )]
    Get {
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Show the versions of a profile and what changed in each, newest first
    #[command(
        after_help = "Examples:\n  throughline profile history --user ada\n  throughline profile history --user ada --limit 1 --json | jq '.versions[0].changes'"
    )]
    History {
        #[command(flatten)]
        scope: ScopeArgs,
        /// At most so many versions
        #[arg(long, value_name = "NUMBER", default_value_t = history::VERSIONS_DEFAULT)]
        limit: usize,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Replace the whole profile
    #[command(after_help = "\
Examples:
  throughline profile set --user ada '{\"goals\": [\"run a marathon\"], \"preferences\": [\"short answers\"]}'
  throughline profile set --user ada --file ada.json")]
    Set {
        #[command(flatten)]
        document: Document,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Replace some slots and leave the others; `null` takes a slot away
    #[command(
        after_help = "Example:\n  throughline profile patch --user ada '{\"summary\": \"A cook from Porto.\", \"goals\": null}'"
    )]
    Patch {
        #[command(flatten)]
        document: Document,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        flags: MemoryFlags,
    },
}

impl Profile {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Action::Get { scope, flags } => {
                let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
                show(run, &memory.profile(&scope.scope())?)
            }
            Action::History { scope, limit, flags } => {
                let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
                history::show(run, &history::versions(&memory, &scope.scope(), *limit)?)
            }
            Action::Set { document, scope, flags } => {
                change(run, scope, flags, document, SlotsLeftOut::Empty)
            }
            Action::Patch { document, scope, flags } => {
                change(run, scope, flags, document, SlotsLeftOut::Stay)
            }
        }
    }
}

fn change(
    run: &Run,
    scope: &ScopeArgs,
    flags: &MemoryFlags,
    document: &Document,
    left_out: SlotsLeftOut,
) -> Result<()> {
    let slots = document.slots()?;
    let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Create)?;
    let changed = change_profile(&memory, &scope.scope(), slots, left_out).map_err(|error| {
        let refused = if error.code.status().is_client_error() { Failure::usage } else { Failure::error };
        refused(error.message).hint(error.code.hint())
    })?;
    show(run, &changed)
}

fn show(run: &Run, profile: &Slots) -> Result<()> {
    let shape = shapes::profile(profile);
    if run.terminal.is_json() {
        return run.terminal.document(&json!({ "profile": shape, "epoch": profile.epoch }));
    }
    if profile.is_empty() {
        run.terminal.note("The profile is empty.");
    }
    run.terminal.line(format!("{shape:#}"))?;
    run.terminal.note(format!("epoch {}", profile.epoch));
    Ok(())
}

impl Document {
    fn slots(&self) -> Result<Map<String, Json>> {
        let text = match (&self.text, &self.file) {
            (Some(text), _) => text.clone(),
            (None, file) => read_text(file.as_deref().unwrap_or(Path::new("-")))?,
        };
        serde_json::from_str(&text).map_err(|error| {
            Failure::usage(format!("the profile is not a JSON object: {error}"))
                .hint("write it like {\"goals\": [\"…\"], \"summary\": \"…\"}")
        })
    }
}
