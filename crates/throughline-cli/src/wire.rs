//! Puts settings, store, embedding model and engine together.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use throughline::context::ContextBudget;
use throughline::memory::{Memory, Settings};
use throughline::model::Timestamp;
use throughline::ports::Clock;
use throughline_llm::{Timeouts, Upstream, UpstreamConfig};

use crate::config::Config;
use crate::failure::{Failure, Hinting};
use crate::{store, vectors};

/// What to do if there is no memory yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfAbsent {
    /// Make one.
    Create,
    /// Say so: a command that only looks must not leave an empty store behind where somebody mistyped a path.
    Refuse,
}

/// The engine's settings.
pub(crate) fn settings(config: &Config) -> Settings {
    Settings {
        shard_cache_bytes_max: config.shard_cache_bytes_max.size(),
        zone: config.time_zone.clone(),
        token_encoding: config.token_encoding,
        budget: ContextBudget::of_total(u32::try_from(config.budget_tokens.0).unwrap_or(u32::MAX)),
        user_may_lift: config.learning_user_may_lift,
        ..Settings::default()
    }
}

/// The configured memory, without a model: it recalls by words until one is attached.
pub(crate) fn open(config: &Config, if_absent: IfAbsent) -> Result<Arc<Memory>> {
    if if_absent == IfAbsent::Refuse && !store::exists(config)? {
        return Err(Failure::error(format!("there is no memory in {}", store::place(config))).hint(
            "`throughline serve` makes one and fills it, `throughline turns import` too; `--data DIR` names another folder, \
             `--store URL` another server",
        ));
    }
    let memory = Memory::open(store::open_store(config)?, Arc::new(Timestamp::now), settings(config))?;
    Ok(Arc::new(vectors::attach(memory, config)?))
}

/// An embedded memory in a folder.
pub(crate) fn open_in(folder: &Path, settings: Settings, clock: Arc<dyn Clock>) -> Result<Arc<Memory>> {
    let opened = store::embedded(folder);
    let store = opened.with_context(|| format!("the memory in {} cannot be opened", folder.display()))?;
    Ok(Arc::new(Memory::open(store, clock, settings)?))
}

/// The client of the configured upstream, if there is one.
pub(crate) fn upstream(config: &Config) -> Result<Option<Upstream>> {
    let Some(base_url) = config.upstream.clone() else { return Ok(None) };
    let timeouts = Timeouts {
        connect_ms: config.upstream_connect_ms.0,
        first_byte_ms_max: config.upstream_first_byte_ms_max.0,
        idle_ms_max: config.upstream_idle_ms_max.0,
    };
    Ok(Some(Upstream::new(UpstreamConfig { base_url, key: config.upstream_key.clone(), timeouts })?))
}
