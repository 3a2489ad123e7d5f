//! `throughline eval compare`: what changed between two runs that were saved with `--out`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use throughline_eval::{JsonComparison, Report, SavedError, compare, comparison_table, read_saved};

use super::super::Run;
use crate::failure::Hinting;

/// Compare two runs, question by question
///
/// Shows B - A over the questions that both runs were asked, with paired bootstrap intervals, and names the questions
/// that only one of them has.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline eval compare lexical.json full.json
  throughline eval compare before.json after.json --json | jq .overall")]
pub(super) struct Compare {
    /// The run to compare with
    a: PathBuf,

    /// The run to compare
    b: PathBuf,
}

impl Compare {
    pub(super) fn run(&self, run: &Run) -> Result<()> {
        let (a, b) = (read(&self.a)?, read(&self.b)?);
        let comparison = compare(&a, &b);
        if run.terminal.is_json() {
            return run.terminal.document(&JsonComparison::new(&a, &b, &comparison));
        }
        let table = comparison_table(&a, &b, &comparison, &super::style(run.terminal));
        run.terminal.line(table.trim_end())
    }
}

fn read(file: &Path) -> Result<Report> {
    read_saved(file).map_err(|error| match SavedError::hint(&error) {
        Some(hint) => anyhow::Error::new(error).hint(hint),
        None => error.into(),
    })
}
