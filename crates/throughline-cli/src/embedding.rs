//! The configured embedding model: which one it is, and how it comes into a command that runs once.
//!
//! The server's way, which waits for a model and goes on without, is in `keeper`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use throughline::memory::Memory;
use throughline::ports::Embedder;
use throughline_embed::{ApiKey, MiniLm, ModelPackage, RemoteEmbedder, RemoteSettings};

use crate::config::{Config, Count, EmbeddingSource};
use crate::failure::{Failure, Hinting};
use crate::terminal::Terminal;

/// How long a remote endpoint may take to say how many dimensions its vectors have.
const PROBE_TIME_MAX: Duration = Duration::from_secs(30);

/// The model that runs in this process.
pub(crate) const LOCAL: ModelPackage = ModelPackage::MINILM;

/// The name of the configured model; none if embeddings are off.
pub(crate) fn name(config: &Config) -> Option<&str> {
    match &config.embeddings {
        EmbeddingSource::Local => Some(LOCAL.name),
        EmbeddingSource::Off => None,
        EmbeddingSource::Remote { .. } => Some(&config.embeddings_model),
    }
}

/// Loads the configured model, or connects to it. None if embeddings are off.
pub(crate) fn load(config: &Config) -> Result<Option<Arc<dyn Embedder>>> {
    match &config.embeddings {
        EmbeddingSource::Off => Ok(None),
        EmbeddingSource::Local => Ok(Some(Arc::new(MiniLm::load(&config.model_dir)?))),
        EmbeddingSource::Remote { url, shown } => {
            let settings = RemoteSettings {
                api_key: config.embeddings_key.as_ref().map(|key| ApiKey::new(key.expose())),
                dimensions: config.embeddings_dimensions.map(Count::size),
                query_prefix: config.embeddings_query_prefix.clone(),
                passage_prefix: config.embeddings_passage_prefix.clone(),
                ..RemoteSettings::new(url, &config.embeddings_model)
            };
            let remote = RemoteEmbedder::connect(settings, PROBE_TIME_MAX)
                .with_context(|| format!("no vectors from {} at {shown}", config.embeddings_model))?;
            Ok(Some(Arc::new(remote)))
        }
    }
}

/// Refuses to go on if the store's vectors are of another model than the configured one.
pub(crate) fn check_store(memory: &Memory, config: &Config) -> Result<()> {
    let (Some(configured), Some((_, kept))) = (name(config), memory.store().embedding_model()?) else {
        return Ok(());
    };
    if kept.name == configured {
        return Ok(());
    }
    Err(Failure::error(format!(
        "the memory in {} was embedded with {}, and {configured} is configured: their vectors cannot be compared",
        config.data.display(),
        kept.name
    ))
    .hint(
        "set `embeddings` as it was, or run `throughline model switch` once: it embeds everything again with the model now \
         configured",
    ))
}

/// Attaches the configured model if it can be had at once; else recall goes by words alone, and the person is told.
pub(crate) fn attach_if_there(memory: &Memory, config: &Config, terminal: Terminal) -> Result<()> {
    check_store(memory, config)?;
    if config.embeddings == EmbeddingSource::Local && !LOCAL.is_in(&config.model_dir) {
        terminal.note(format!(
            "Recall goes by words alone: the embedding model is not in {}.\n  hint: `throughline model pull` fetches it",
            config.model_dir.display()
        ));
        return Ok(());
    }
    match load(config) {
        Ok(Some(embedder)) => memory.attach(embedder)?,
        Ok(None) => {}
        Err(error) => terminal.note(format!("Recall goes by words alone: {error:#}")),
    }
    Ok(())
}
