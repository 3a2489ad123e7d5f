//! What ranks in an evaluation: the options that choose it, and the memory that they make.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context as _, Result};
use clap::Args;
use throughline::memory::{LearnSettings, Learner, Memory, Settings};
use throughline::model::Timestamp;
use throughline::ports::Clock;
use throughline_eval::{Format, RunFacts};

use super::ranker::{EMBED_TIME_MAX, Kind, Learning, MemoryRanker, Prior};
use crate::config::{Config, MemoryFlags};
use crate::failure::Hinting;
use crate::{embedding, wire};

#[derive(Debug, Args)]
pub(super) struct Ranks {
    /// What may rank
    #[arg(long, value_enum, default_value_t = Kind::Full)]
    ranking: Kind,

    /// What the conversation's structure must not add to scores: to see what each part is worth
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    without: Vec<Prior>,

    /// Learn from each conversation before it is asked about, with the local extractor: to see what memories do to recall
    #[arg(long)]
    learn: bool,

    #[command(flatten)]
    pub(super) flags: MemoryFlags,
}

impl Ranks {
    /// A ranker on a new memory in this folder.
    pub(super) fn ranker(&self, config: &Config, folder: &Path) -> Result<MemoryRanker> {
        let clock_ms = Arc::new(AtomicI64::new(0));
        let clock: Arc<dyn Clock> = if self.learn {
            let clock_ms = Arc::clone(&clock_ms);
            Arc::new(move || {
                Timestamp::from_millisecond(clock_ms.load(Ordering::Relaxed)).unwrap_or_default()
            })
        } else {
            Arc::new(Timestamp::now)
        };
        let learner = Learner::new(None, LearnSettings::default(), None);
        let learning = self.learn.then_some(Learning { learner, clock_ms });
        Ok(MemoryRanker::new(self.memory(config, folder, clock)?, self.ranking, &self.without, learning))
    }

    /// The circumstances of a run over this file, which begins now.
    pub(super) fn facts(&self, config: &Config, format: Format, file: &Path) -> RunFacts {
        let file = file.file_name().unwrap_or(file.as_os_str());
        RunFacts {
            data_set: format.to_string(),
            file: file.to_string_lossy().into_owned(),
            ranking: format!("{}{}", self.ranking.name(), if self.learn { ", learned" } else { "" }),
            model: embedding::name(config).filter(|_| self.ranking.needs_model()).map(str::to_owned),
            program: concat!("throughline ", env!("CARGO_PKG_VERSION")).to_owned(),
            started: jiff::Timestamp::now(),
        }
    }

    fn memory(&self, config: &Config, folder: &Path, clock: Arc<dyn Clock>) -> Result<Arc<Memory>> {
        let settings = Settings { passage_embed_deadline: EMBED_TIME_MAX, ..wire::settings(config) };
        let memory = wire::open_in(folder, settings, clock)?;
        if self.ranking.needs_model() {
            let embedder = embedding::load(config)
                .and_then(|embedder| embedder.context("embeddings are off"))
                .hint("fetch the model with `throughline model pull`, or measure words alone with `--ranking lexical`")?;
            memory.attach(embedder)?;
        }
        Ok(memory)
    }
}
