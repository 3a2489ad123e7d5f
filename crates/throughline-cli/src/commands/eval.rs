//! `throughline eval`: how well recall finds the evidence of a public data set's questions.
//!
//! Runs on a store of its own in a temporary folder; the configured data folder is never touched.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use throughline::memory::{Memory, Observation, Settings, TurnToObserve};
use throughline::model::{Role, Scope, SessionId, TenantId, Timestamp, UserId};
use throughline::recall::{RankingKind, RecallRequest};
use throughline_eval::{
    Conversation, ConversationTurn, Dataset, Format, JsonReport, Paint, Progress, Question, RankedItem,
    Ranker, RunError, Style, evaluate, table,
};

use super::Run;
use crate::config::{Config, MemoryFlags};
use crate::failure::{Failure, Hinting};
use crate::terminal::{RESET, Terminal, Tone};
use crate::{embedding, wire};

/// Turns that are embedded and written in one step.
const BATCH_TURNS_MAX: usize = 64;
/// An evaluation waits for every vector: without them the figures would mean something else.
const EMBED_TIME_MAX: Duration = Duration::from_mins(30);

/// Measure recall on LoCoMo or LongMemEval: recall@k, NDCG, MRR, recall within token budgets, latency
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline eval locomo locomo10.json
  throughline eval locomo locomo10.json --ranking lexical
  throughline eval longmemeval longmemeval_s.json --json > figures.json")]
pub(crate) struct Eval {
    /// Which data set the file is of
    data_set: DataSet,

    /// The file
    file: PathBuf,

    /// What may rank: words and meaning, or words alone
    #[arg(long, value_enum, default_value_t = Kind::Full)]
    ranking: Kind,

    #[command(flatten)]
    flags: MemoryFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataSet {
    Locomo,
    #[value(name = "longmemeval")]
    LongMemEval,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Words and meaning; needs the embedding model
    Full,
    /// Words alone
    Lexical,
    /// BM25 alone
    Bm25,
    /// The cosine alone; needs the embedding model
    Dense,
    /// Reciprocal rank fusion of BM25 and the cosine; needs the embedding model
    Rrf,
}

impl Kind {
    fn ranking(self) -> RankingKind {
        match self {
            Self::Full => RankingKind::Full,
            Self::Lexical => RankingKind::Lexical,
            Self::Bm25 => RankingKind::Bm25,
            Self::Dense => RankingKind::Dense,
            Self::Rrf => RankingKind::ReciprocalRanks,
        }
    }

    fn needs_model(self) -> bool {
        !matches!(self, Self::Lexical | Self::Bm25)
    }
}

impl Eval {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let config = run.load(&self.flags)?.config;
        let dataset = Dataset::open(&self.file)?;
        let expected = match self.data_set {
            DataSet::Locomo => Format::Locomo,
            DataSet::LongMemEval => Format::LongMemEval,
        };
        if dataset.format() != expected && dataset.format() != Format::Jsonl {
            return Err(Failure::usage(format!("{} is a file of {}", self.file.display(), dataset.format()))
                .hint(format!("run `throughline eval {} {}`", dataset.format(), self.file.display())));
        }
        let conversations = dataset.conversations()?;
        let folder = tempfile::Builder::new().prefix("throughline-eval-").tempdir()?;
        let memory = self.memory(&config, folder.path())?;
        let mut ranker =
            MemoryRanker { memory, ranking: self.ranking.ranking(), scope: None, turns: HashMap::new() };
        let mut bar = Bar { terminal: run.terminal, bar: None };
        let evaluation =
            evaluate(conversations, &mut ranker, &mut |progress| bar.show(progress)).map_err(with_cause)?;
        bar.clear();
        if run.terminal.is_json() {
            return run.terminal.document(&JsonReport::from(&evaluation));
        }
        run.terminal.line(table(&evaluation, &style(run.terminal)).trim_end())
    }

    fn memory(&self, config: &Config, folder: &std::path::Path) -> Result<Arc<Memory>> {
        let settings = Settings { passage_embed_deadline: EMBED_TIME_MAX, ..wire::settings(config) };
        let memory = wire::open_in(folder, settings, Arc::new(Timestamp::now))?;
        if self.ranking.needs_model() {
            let embedder = embedding::load(config)
                .and_then(|embedder| embedder.context("embeddings are off"))
                .hint("fetch the model with `throughline model pull`, or measure words alone with `--ranking lexical`")?;
            memory.attach(embedder)?;
        }
        Ok(memory)
    }
}

/// Puts the engine's recall to the test.
struct MemoryRanker {
    memory: Arc<Memory>,
    ranking: RankingKind,
    scope: Option<Scope>,
    /// The data set's ids of the turns of this scope, by their numbers.
    turns: HashMap<u64, String>,
}

impl Ranker for MemoryRanker {
    type Error = anyhow::Error;

    fn ingest(&mut self, conversation: &Conversation) -> Result<()> {
        let scope = Scope::of(TenantId::single(), UserId::new(&conversation.id)?);
        self.turns.clear();
        for session in conversation.turns.chunk_by(|a, b| a.session == b.session) {
            for batch in session.chunks(BATCH_TURNS_MAX) {
                let observation = Observation::new(
                    SessionId::new(&batch[0].session)?,
                    batch.iter().map(observed).collect::<Result<_>>()?,
                );
                let written = self.memory.observe(&scope, observation)?;
                self.turns
                    .extend(written.turns.iter().zip(batch).map(|(id, turn)| (id.seq, turn.id.clone())));
            }
        }
        self.scope = Some(scope);
        Ok(())
    }

    fn rank(&mut self, question: &Question, limit: usize) -> Result<Vec<RankedItem>> {
        let scope = self.scope.as_ref().context("no conversation was taken in")?;
        let request = RecallRequest {
            limit,
            embed_deadline: EMBED_TIME_MAX,
            ranking: self.ranking,
            time: question.time,
            ..RecallRequest::new(&question.text)
        };
        let recalled = self.memory.recall(scope, &request)?;
        let encoding = self.memory.settings().token_encoding;
        let ranked = recalled.items.iter().filter_map(|item| {
            let turn_id = self.turns.get(&item.turn.id.seq)?.clone();
            Some(RankedItem { turn_id, tokens: encoding.count(item.text()) })
        });
        Ok(ranked.collect())
    }
}

fn observed(turn: &ConversationTurn) -> Result<TurnToObserve> {
    let role = turn.role.as_str().parse::<Role>().map_err(Failure::error)?;
    Ok(TurnToObserve { name: turn.name.clone(), time: turn.time, ..TurnToObserve::new(role, &turn.text) })
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
