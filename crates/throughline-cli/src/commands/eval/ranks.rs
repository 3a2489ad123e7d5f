//! What ranks in an evaluation: the options that choose it, and the memory that they make.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use throughline::memory::{Memory, Settings};
use throughline::model::Timestamp;
use throughline_eval::{Format, RunFacts};

use super::ranker::{EMBED_TIME_MAX, Kind, MemoryRanker, Prior};
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

    #[command(flatten)]
    pub(super) flags: MemoryFlags,
}

impl Ranks {
    /// A ranker on a new memory in this folder.
    pub(super) fn ranker(&self, config: &Config, folder: &Path) -> Result<MemoryRanker> {
        Ok(MemoryRanker::new(self.memory(config, folder)?, self.ranking, &self.without))
    }

    /// The circumstances of a run over this file, which begins now.
    pub(super) fn facts(&self, config: &Config, format: Format, file: &Path) -> RunFacts {
        let file = file.file_name().unwrap_or(file.as_os_str());
        RunFacts {
            data_set: format.to_string(),
            file: file.to_string_lossy().into_owned(),
            ranking: self.ranking.name().to_owned(),
            model: embedding::name(config).filter(|_| self.ranking.needs_model()).map(str::to_owned),
            program: concat!("throughline ", env!("CARGO_PKG_VERSION")).to_owned(),
            started: jiff::Timestamp::now(),
        }
    }

    fn memory(&self, config: &Config, folder: &Path) -> Result<Arc<Memory>> {
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
