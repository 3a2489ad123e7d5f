//! `throughline eval agreement`: how far a search of a large memory finds what ranking every turn would find.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use throughline_eval::{AgreementReport, JsonAgreement, agreement_table, evaluate_agreement};

use super::super::Run;
use super::ranks::Ranks;
use super::{Bar, DataSet};

/// Measure large memories: the ten best that are found against those of ranking every turn
///
/// Above 8,192 turns not every turn is ranked in full for each question. Asks each question twice, as ever and with every turn
/// ranked, and shows how many of the ten best are the same, by category and with an interval. Smaller memories agree by
/// design: `--pool` makes one large one of the file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline eval agreement locomo locomo10.json --pool 20000
  throughline eval agreement jsonl my-questions.jsonl --json | jq .overall")]
pub(super) struct Agreement {
    /// Which data set the file is of
    data_set: DataSet,

    /// The file
    file: PathBuf,

    /// Put all conversations into one memory, and fill it up to so many turns with halves of theirs put together anew
    #[arg(long, value_name = "TURNS")]
    pool: Option<usize>,

    #[command(flatten)]
    ranks: Ranks,
}

impl Agreement {
    pub(super) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.ranks.flags)?.config;
        let folder = tempfile::Builder::new().prefix("throughline-eval-").tempdir()?;
        let facts = self.ranks.facts(&config, self.data_set.format(), &self.file);
        let conversations = super::open(self.data_set, &self.file)?.conversations()?;
        let mut ranker = self.ranks.ranker(&config, folder.path())?;
        let mut bar = Bar { terminal: run.terminal, bar: None };
        let evaluation =
            evaluate_agreement(conversations, self.pool, &mut ranker, &mut |progress| bar.show(progress))
                .map_err(super::with_cause)?;
        bar.clear();
        let report = AgreementReport::new(facts, evaluation);
        if run.terminal.is_json() {
            return run.terminal.document(&JsonAgreement::from(&report));
        }
        run.terminal.line(agreement_table(&report, &super::style(run.terminal)).trim_end())
    }
}
