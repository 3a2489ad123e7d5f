//! `throughline identity`: a tenant's system prompt, in versions that never change.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use throughline::model::{AgentId, Identity as Version, TenantId};

use super::Run;
use crate::config::MemoryFlags;
use crate::failure::{Failure, Hinting};
use crate::wire;

/// Whose identity.
#[derive(Debug, Args)]
struct Owner {
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
    /// An agent of the tenant with an identity of its own
    #[arg(long, value_name = "ID", value_parser = |text: &str| AgentId::new(text))]
    agent: Option<AgentId>,
    #[command(flatten)]
    flags: MemoryFlags,
}

/// Set and show a tenant's system prompt
#[derive(Debug, Args)]
pub(crate) struct Identity {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put a new version in place
    #[command(after_help = "\
Examples:
  throughline identity set \"You are Juno, a patient tutor.\"
  throughline identity set --file prompts/juno.txt --agent juno
  cat prompt.txt | throughline identity set --file -")]
    Set {
        /// The prompt
        #[arg(required_unless_present = "file", conflicts_with = "file")]
        text: Option<String>,
        /// Read the prompt from this file; `-` is standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        owner: Owner,
    },
    /// Show the version in force, or an earlier one
    #[command(
        after_help = "Examples:\n  throughline identity show\n  throughline identity show --version-number 1 --agent juno"
    )]
    Show {
        /// Which version; the newest if not given
        #[arg(long, value_name = "NUMBER")]
        version_number: Option<u32>,
        #[command(flatten)]
        owner: Owner,
    },
}

impl Identity {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Action::Set { text, file, owner } => {
                let text = match (text, file) {
                    (Some(text), _) => text.clone(),
                    (None, Some(file)) => read_text(file)?,
                    (None, None) => String::new(),
                };
                if text.trim().is_empty() {
                    return Err(Failure::usage("the identity is empty")
                        .hint("give the prompt as an argument, or a file with `--file FILE`"));
                }
                let memory = wire::open(&run.load(&owner.flags)?.config, wire::IfAbsent::Create)?;
                let now = memory.now();
                let version = memory.store().put_identity(&owner.tenant, owner.agent.as_ref(), &text, now)?;
                show(run, &version)
            }
            Action::Show { version_number, owner } => {
                let memory = wire::open(&run.load(&owner.flags)?.config, wire::IfAbsent::Refuse)?;
                let found = memory.store().identity(&owner.tenant, owner.agent.as_ref(), *version_number)?;
                let version = found.ok_or_else(|| {
                    let whose = owner.agent.as_ref().map_or_else(
                        || format!("the tenant `{}`", owner.tenant),
                        |agent| format!("the agent `{agent}` of the tenant `{}`", owner.tenant),
                    );
                    Failure::error(format!("{whose} has no such identity"))
                        .hint("`throughline identity set TEXT` puts one in place")
                })?;
                show(run, &version)
            }
        }
    }
}

fn show(run: &Run, version: &Version) -> Result<()> {
    if run.terminal.is_json() {
        return run.terminal.document(&json!({
            "version": version.version,
            "hash": version.hash(),
            "text": version.text,
            "created": version.created.to_string(),
        }));
    }
    let hash = version.hash();
    run.terminal.note(format!(
        "version {} of {}, {}",
        version.version,
        version.created,
        hash.get(..12).unwrap_or(&hash)
    ));
    run.terminal.line(&version.text)
}

/// A file's text; `-` is standard input.
pub(super) fn read_text(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read as text")?;
        return Ok(text);
    }
    Ok(fs_err::read_to_string(file)?)
}
