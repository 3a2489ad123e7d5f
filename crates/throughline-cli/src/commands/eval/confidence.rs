//! `throughline eval confidence`: what a threshold of confidence costs and buys, and how often a confidence is right.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use throughline_eval::{
    ConfidenceReport, Dataset, Foreign, JsonConfidence, QuestionSet, confidence_html, confidence_table,
    evaluate_confidence, question_sets,
};

use super::super::Run;
use super::files::Files;
use super::ranks::Ranks;
use super::{Bar, DataSet};
use crate::failure::{Failure, Hinting};

/// Measure the confidence of recalled items: evidence lost against noise avoided
///
/// Asks each question of the conversation it is about, and of another one with the names of the speakers swapped, where
/// its answer is not to be found. Shows for several thresholds how much evidence is lost on the one side and how much noise
/// is avoided on the other, and how often items of a confidence are evidence.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline eval confidence locomo locomo10.json
  throughline eval confidence longmemeval longmemeval_s.json --html report.html
  throughline eval confidence jsonl my-questions.jsonl --foreign locomo10.json --json")]
pub(super) struct Confidence {
    /// Which data set the file is of
    data_set: DataSet,

    /// The file
    file: PathBuf,

    /// Take the questions that memory cannot answer from this file, of any format: for a file with one conversation
    #[arg(long, value_name = "FILE")]
    foreign: Option<PathBuf>,

    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    ranks: Ranks,
}

impl Confidence {
    pub(super) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.ranks.flags)?.config;
        self.files.check()?;
        let (foreign, foreign_file) = self.foreign()?;
        let folder = tempfile::Builder::new().prefix("throughline-eval-").tempdir()?;
        let facts = self.ranks.facts(&config, self.data_set.format(), &self.file);
        let mut ranker = self.ranks.ranker(&config, folder.path())?;
        let conversations = super::open(self.data_set, &self.file)?.conversations()?;
        let mut bar = Bar { terminal: run.terminal, bar: None };
        let evaluation =
            evaluate_confidence(conversations, &foreign, &mut ranker, &mut |progress| bar.show(progress))
                .map_err(super::with_cause)?;
        bar.clear();
        let report = ConfidenceReport::new(facts, foreign_file, evaluation);
        self.files.write(run.terminal, || JsonConfidence::with_rows(&report), || confidence_html(&report))?;
        if run.terminal.is_json() {
            return run.terminal.document(&JsonConfidence::from(&report));
        }
        run.terminal.line(confidence_table(&report, &super::style(run.terminal)).trim_end())
    }

    /// The questions that are asked of conversations that they are not about, and the name of their file.
    fn foreign(&self) -> Result<(Foreign, String)> {
        let own = sets(super::open(self.data_set, &self.file)?)?;
        let Some(other) = &self.foreign else {
            let foreign = Foreign::within(own).ok_or_else(|| {
                Failure::error(format!("{} holds one conversation", self.file.display()))
                    .hint("name another file with `--foreign`, whose questions memory cannot answer")
            })?;
            return Ok((foreign, name(&self.file)));
        };
        Ok((Foreign::from_other(sets(Dataset::open(other)?)?, own.len()), name(other)))
    }
}

fn sets(dataset: Dataset) -> Result<Vec<QuestionSet>> {
    Ok(question_sets(dataset.conversations()?)?)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
