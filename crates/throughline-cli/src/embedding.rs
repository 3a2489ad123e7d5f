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
use crate::store;
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

/// Loads the model that was configured before, where the configuration still names it (`previous.source`).
fn load_previous(config: &Config) -> Result<Option<Arc<dyn Embedder>>> {
    let Some(source) = &config.previous_embeddings else { return Ok(None) };
    let before = Config {
        embeddings: source.clone(),
        embeddings_model: config.previous_model.clone(),
        embeddings_key: config.previous_key.clone(),
        embeddings_dimensions: None,
        embeddings_query_prefix: config.previous_query_prefix.clone(),
        embeddings_passage_prefix: config.previous_passage_prefix.clone(),
        ..config.clone()
    };
    load(&before)
}

/// Brings in what the store uses besides the configured model: while a switch is under way the model that still serves,
/// after a rollback the one that serves again. The model of this process can be had if its files are there, another one
/// if `previous.source` names it. Returns whether anything was brought in.
pub(crate) fn bring_others(memory: &Memory, config: &Config) -> Result<bool> {
    let models = memory.store().embedding_models()?;
    let missing: Vec<_> = [models.serving, models.coming]
        .into_iter()
        .flatten()
        .map(|known| known.model)
        .filter(|model| !memory.has_at_hand(model) && name(config) != Some(&model.name))
        .collect();
    let mut brought = false;
    for model in missing {
        let embedder = if model.name == LOCAL.name && LOCAL.is_in(&config.model_dir) {
            Some(Arc::new(MiniLm::load(&config.model_dir)?) as Arc<dyn Embedder>)
        } else if config.previous_model == model.name {
            load_previous(config)?
        } else {
            None
        };
        if let Some(embedder) = embedder.filter(|embedder| *embedder.model() == model) {
            memory.keep_at_hand(embedder);
            brought = true;
        }
    }
    Ok(brought)
}

/// Refuses to go on if the configured model is neither the one whose vectors answer nor the one a switch is leading to.
pub(crate) fn check_store(memory: &Memory, config: &Config) -> Result<()> {
    let models = memory.store().embedding_models()?;
    let (Some(configured), Some(serving)) = (name(config), models.serving) else { return Ok(()) };
    let kept = serving.model.name;
    if kept == configured || models.coming.as_ref().is_some_and(|coming| coming.model.name == configured) {
        return Ok(());
    }
    let failure = Failure::error(format!(
        "the memory in {} was embedded with {kept}, and {configured} is configured: their vectors cannot be compared",
        store::place(config),
    ));
    Err(match models.coming {
        Some(coming) => failure.hint(format!(
            "a switch to {} is under way: set `embeddings` to it, or call the switch off with `throughline model rollback`",
            coming.model.name
        )),
        None => failure.hint(
            "set `embeddings` as it was, or run `throughline model switch` once: it embeds everything again with the model \
             now configured, while the old vectors answer",
        ),
    })
}

/// Attaches the configured model if it can be had at once; else recall goes by words alone, and the person is told.
pub(crate) fn attach_if_there(memory: &Memory, config: &Config, terminal: Terminal) -> Result<()> {
    check_store(memory, config)?;
    if name(config).is_some_and(|name| memory.embedder_named(name).is_some()) {
        return bring_serving(memory, config, terminal);
    }
    if config.embeddings == EmbeddingSource::Local && !LOCAL.is_in(&config.model_dir) {
        terminal.note(format!(
            "Recall goes by words alone: the embedding model is not in {}.\n  hint: `throughline model pull` fetches it",
            config.model_dir.display()
        ));
        return Ok(());
    }
    match load(config) {
        Ok(Some(embedder)) => memory.attach(embedder)?,
        Ok(None) => return Ok(()),
        Err(error) => terminal.note(format!("Recall goes by words alone: {error:#}")),
    }
    bring_serving(memory, config, terminal)
}

/// While a switch is under way: the model that still serves, if it can be had; else the person is told.
fn bring_serving(memory: &Memory, config: &Config, terminal: Terminal) -> Result<()> {
    if let Err(error) = bring_others(memory, config) {
        terminal.note(format!("The model that still serves cannot be had: {error:#}"));
    }
    if let (Some(serving), Some(coming)) = missing_server(memory)? {
        terminal.note(format!(
            "Recall goes by words alone: {serving} is not at hand, and the switch to {coming} is not complete.\n  hint: \
             `throughline model status` shows how far it is"
        ));
    }
    Ok(())
}

/// The model that serves if it is not at hand, and the one that comes.
fn missing_server(memory: &Memory) -> Result<(Option<String>, Option<String>)> {
    let models = memory.store().embedding_models()?;
    let serving = models.serving.map(|known| known.model).filter(|model| !memory.has_at_hand(model));
    Ok((serving.map(|model| model.name), models.coming.map(|known| known.model.name)))
}
