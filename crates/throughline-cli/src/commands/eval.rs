//! `throughline eval`: how well recall finds the evidence of questions, from a public data set or a person's own; and
//! whether what is learned stays true.
//!
//! Runs on a store of its own in a temporary folder; the configured data folder is never touched.

mod agreement;
mod compare;
mod confidence;
mod drift;
mod files;
mod ranker;
mod ranks;
mod stories;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use throughline_eval::{
    Dataset, Format, JsonReport, Paint, Progress, Report, RunError, Style, evaluate, html, table,
};

use self::files::Files;
use self::ranks::Ranks;
use super::Run;
use crate::failure::{Failure, Hinting};
use crate::terminal::{RESET, Terminal, Tone};

/// Measure recall on LoCoMo, LongMemEval or questions of your own; compare two runs; measure confidence, agreement and drift
///
/// Takes the conversations of the file into a memory of its own, asks its questions, and looks where the turns that answer
/// them stand among what is recalled: recall@k, NDCG, MRR, recall within token budgets, latency, each with the interval in
/// which it would lie for other conversations. No language model is asked. docs/evaluation.md says how to write your own
/// questions and how to read the report.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  throughline eval locomo locomo10.json
  throughline eval locomo locomo10.json --ranking lexical --out lexical.json
  throughline eval longmemeval longmemeval_s.json --html report.html
  throughline eval jsonl my-questions.jsonl --json > figures.json
  throughline eval compare lexical.json full.json
  throughline eval drift"
)]
pub(crate) struct Eval {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Action {
    Agreement(agreement::Agreement),
    Compare(compare::Compare),
    Confidence(confidence::Confidence),
    Drift(drift::Drift),
}

#[derive(Debug, Args)]
struct Measure {
    /// Which data set the file is of
    #[arg(required = true)]
    data_set: Option<DataSet>,

    /// The file
    #[arg(required = true)]
    file: Option<PathBuf>,

    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    ranks: Ranks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataSet {
    /// A list of conversations between two people, as LoCoMo publishes it
    Locomo,
    /// A list of haystacks of chat sessions, as LongMemEval publishes it
    #[value(name = "longmemeval")]
    LongMemEval,
    /// Turns and questions of your own, one a line
    Jsonl,
}

impl DataSet {
    fn format(self) -> Format {
        match self {
            Self::Locomo => Format::Locomo,
            Self::LongMemEval => Format::LongMemEval,
            Self::Jsonl => Format::Jsonl,
        }
    }
}

impl Eval {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            Some(Action::Agreement(agreement)) => return agreement.run(run),
            Some(Action::Compare(compare)) => return compare.run(run),
            Some(Action::Confidence(confidence)) => return confidence.run(run),
            Some(Action::Drift(drift)) => return drift.run(run),
            None => {}
        }
        // Without a subcommand both are there: the command line requires them.
        let (Some(data_set), Some(file)) = (self.measure.data_set, &self.measure.file) else {
            return Err(Failure::usage("say which data set and which file"));
        };
        self.measure.run(run, data_set, file)
    }
}

impl Measure {
    fn run(&self, run: &Run, data_set: DataSet, file: &Path) -> Result<()> {
        let config = run.load(&self.ranks.flags)?.config;
        self.files.check()?;
        let conversations = open(data_set, file)?.conversations()?;
        let folder = tempfile::Builder::new().prefix("throughline-eval-").tempdir()?;
        let facts = self.ranks.facts(&config, data_set.format(), file);
        let mut ranker = self.ranks.ranker(&config, folder.path())?;
        let mut bar = Bar { terminal: run.terminal, bar: None };
        let evaluation =
            evaluate(conversations, &mut ranker, &mut |progress| bar.show(progress)).map_err(with_cause)?;
        bar.clear();
        let report = Report::new(facts, evaluation);
        self.files.write(run.terminal, || JsonReport::with_rows(&report), || html(&report))?;
        if run.terminal.is_json() {
            return run.terminal.document(&JsonReport::from(&report));
        }
        run.terminal.line(table(&report, &style(run.terminal)).trim_end())
    }
}

/// The data set, if the file is of the kind that was said.
fn open(data_set: DataSet, file: &Path) -> Result<Dataset> {
    let dataset = Dataset::open(file)?;
    if dataset.format() != data_set.format() {
        return Err(Failure::usage(format!("{} is a file of {}", file.display(), dataset.format()))
            .hint(format!("run `throughline eval {} {}`", dataset.format(), file.display())));
    }
    Ok(dataset)
}

/// The ranker's error below what it stopped.
fn with_cause(error: RunError<anyhow::Error>) -> anyhow::Error {
    let what = error.to_string();
    match error {
        RunError::Import(error) => error.into(),
        RunError::Ingest { source, .. } | RunError::Rank { source, .. } => source.context(what),
    }
}

struct Bar {
    terminal: Terminal,
    bar: Option<indicatif::ProgressBar>,
}

impl Bar {
    fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Ingesting { conversation, turns } => {
                self.clear();
                let bar = self.terminal.progress(0, "  {msg}");
                bar.set_message(format!("{conversation}: taking in {turns} turns"));
                bar.tick();
                self.bar = Some(bar);
            }
            Progress::Ranked { done, of } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("{done} of {of} questions"));
                    bar.tick();
                }
            }
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(terminal: Terminal) -> Style {
    let paint = |tone: Tone| Paint { start: tone.start(), end: RESET };
    if terminal.has_colour() {
        Style { heading: paint(Tone::Bold), overall: paint(Tone::Accent), note: paint(Tone::Dim) }
    } else {
        Style::PLAIN
    }
}
