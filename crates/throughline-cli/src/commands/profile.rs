//! `throughline profile`: the structured memory of a user.

mod history;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Map, Value as Json, json};
use throughline::model::{Profile as Slots, TenantId};
use throughline_server::{ApiError, SlotsLeftOut, change_profile, put_slot_schema};

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
    /// Show the schema of the tenant's own slots, or put one in place
    ///
    /// A slot with `x-written-by` of `user` or `anyone` is learned from what is said; docs/learning.md has the rest.
    #[command(after_help = "\
Examples:
  throughline profile schema
  throughline profile schema --file slots.json
  throughline profile schema --clear")]
    Schema {
        /// Put the JSON Schema of this file in place; `-` is standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Take the schema away; what was learned stays
        #[arg(long, conflicts_with = "file")]
        clear: bool,
        /// The tenant
        #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
        tenant: TenantId,
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
            Action::Schema { file, clear, tenant, flags } => {
                schema(run, file.as_deref(), *clear, tenant, flags)
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
    let changed = change_profile(&memory, &scope.scope(), slots, left_out).map_err(refused)?;
    show(run, &changed)
}

/// What the API would have answered, for people.
fn refused(error: ApiError) -> anyhow::Error {
    let refused = if error.code.status().is_client_error() { Failure::usage } else { Failure::error };
    refused(error.message).hint(error.code.hint())
}

fn schema(run: &Run, file: Option<&Path>, clear: bool, tenant: &TenantId, flags: &MemoryFlags) -> Result<()> {
    let config = run.load(flags)?.config;
    let new = file.map(|file| read_object(file, "schema")).transpose()?;
    let changes = clear || new.is_some();
    let if_absent = if changes { wire::IfAbsent::Create } else { wire::IfAbsent::Refuse };
    let memory = wire::open(&config, if_absent)?;
    if changes {
        put_slot_schema(&memory, tenant, new.as_ref()).map_err(refused)?;
    }
    let kept = memory.store().slot_schema(tenant)?;
    let kept: Json = kept.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    if run.terminal.is_json() {
        return run.terminal.document(&json!({ "schema": kept }));
    }
    if kept.is_null() {
        run.terminal.note("There are no slots of your own.");
        return Ok(());
    }
    run.terminal.line(format!("{kept:#}"))
}

/// The JSON object in a file.
pub(super) fn read_object(file: &Path, what: &str) -> Result<Map<String, Json>> {
    serde_json::from_str(&read_text(file)?).map_err(|error| {
        Failure::usage(format!("the {what} in {} is not a JSON object: {error}", file.display()))
    })
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
