//! `throughline demo`: what memory does, in half a minute, with no key and no upstream.

use anyhow::Result;
use clap::Args;

use super::Run;
use crate::config::MemoryFlags;
use crate::demo;

/// Play a small conversation over several days, forget nothing, and show what a model would be told
///
/// Needs no key, no upstream and no network; uses the embedding model if it is there. Nothing is kept.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline demo
  throughline demo --embeddings off
  throughline demo --json | jq .receipt")]
pub(crate) struct Demo {
    #[command(flatten)]
    flags: MemoryFlags,
}

impl Demo {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.flags)?.config;
        let played = demo::play(&config)?;
        if run.terminal.is_json() {
            demo::document(&played, run.terminal)
        } else {
            demo::show(&played, run.terminal)
        }
    }
}
