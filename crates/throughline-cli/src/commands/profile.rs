//! `throughline profile`: the structured memory of a user.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Map, Value as Json, json};
use throughline::memory::ProfileChange;
use throughline::model::{Profile as Slots, ProfilePatch};

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
            Action::Set { document, scope, flags } => {
                let profile = ProfilePatch::apply(&document.patch()?, &Slots::default());
                change(run, scope, flags, &ProfileChange::Replace(profile))
            }
            Action::Patch { document, scope, flags } => {
                change(run, scope, flags, &ProfileChange::Patch(document.patch()?))
            }
        }
    }
}

fn change(run: &Run, scope: &ScopeArgs, flags: &MemoryFlags, change: &ProfileChange) -> Result<()> {
    let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Create)?;
    show(run, &memory.change_profile(&scope.scope(), change)?)
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
    fn patch(&self) -> Result<ProfilePatch> {
        let text = match (&self.text, &self.file) {
            (Some(text), _) => text.clone(),
            (None, file) => read_text(file.as_deref().unwrap_or(Path::new("-")))?,
        };
        let slots: Map<String, Json> = serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("the profile is not a JSON object: {error}")))?;
        let mut patch = ProfilePatch::default();
        for (slot, value) in slots {
            match slot.as_str() {
                "goals" => patch.goals = Some(texts(&slot, &value)?),
                "preferences" => patch.preferences = Some(texts(&slot, &value)?),
                "pastMistakes" => patch.past_mistakes = Some(texts(&slot, &value)?),
                "summary" => {
                    patch.summary = Some(match value {
                        Json::Null => None,
                        Json::String(summary) => Some(summary),
                        other => return Err(wrong(&slot, &other, "a text or null")),
                    });
                }
                _ => {
                    patch.own.insert(slot, Some(value).filter(|value| !value.is_null()));
                }
            }
        }
        Ok(patch)
    }
}

fn texts(slot: &str, value: &Json) -> Result<Vec<String>> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let texts =
        value.as_array().and_then(|list| list.iter().map(|text| text.as_str().map(str::to_owned)).collect());
    texts.ok_or_else(|| wrong(slot, value, "a list of texts or null"))
}

fn wrong(slot: &str, value: &Json, form: &str) -> anyhow::Error {
    Failure::usage(format!("`{slot}` must be {form}, not {value}"))
        .hint("write it like {\"goals\": [\"…\"], \"summary\": \"…\"}")
}
