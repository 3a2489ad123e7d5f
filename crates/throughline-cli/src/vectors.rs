//! Which vector index large scopes have: the one place that knows its engines. Docs: docs/vectors.md.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use throughline::memory::Memory;
use throughline::ports::VectorIndex;
use throughline_llm::Secret;

use crate::config::{Config, Engine, StoreUrl, Value as _};

/// What the name of a store in its index is derived for.
const OWNER_PURPOSE: &str = "throughline 2026-12 owner of vectors";

/// Bytes of that name.
const OWNER_BYTES: usize = 8;

/// Connections to the index: a search is short, and one writer is at work.
#[cfg(any(feature = "postgres", feature = "redis"))]
const CONNECTIONS_MAX: usize = 8;

/// The memory with the configured index, if there is one.
pub(crate) fn attach(memory: Memory, config: &Config) -> Result<Memory> {
    let Some(url) = &config.vectors else { return Ok(memory) };
    let owner = memory.key_for(OWNER_PURPOSE)[..OWNER_BYTES]
        .iter()
        .fold(String::new(), |owner, byte| owner + &format!("{byte:02x}"));
    let opened = open(url, &owner, config);
    let index = opened.with_context(|| format!("the vector index in {} cannot be opened", url.shown()))?;
    Ok(memory.with_vectors(index, config.vectors_scope_turns_min.size()))
}

fn open(url: &StoreUrl, owner: &str, config: &Config) -> Result<Arc<dyn VectorIndex>> {
    let password = config.vectors_password.as_ref().map(Secret::expose);
    let call_max = Duration::from_millis(config.vectors_call_ms_max.0);
    match url.engine() {
        Engine::Postgres => postgres(url, password, call_max, owner),
        Engine::Redis => redis(url, password, call_max, owner, config),
        Engine::Qdrant => qdrant(url, password, call_max, owner),
    }
}

#[cfg(feature = "postgres")]
fn postgres(
    url: &StoreUrl,
    password: Option<&str>,
    call_max: Duration,
    owner: &str,
) -> Result<Arc<dyn VectorIndex>> {
    use throughline_postgres::{PostgresOptions, PostgresVectors, VECTOR_GRAPH_ROWS_MIN};

    let options =
        PostgresOptions { connections_max: CONNECTIONS_MAX, call_max, ..PostgresOptions::default() };
    Ok(Arc::new(PostgresVectors::open(url.expose(), password, &options, owner, VECTOR_GRAPH_ROWS_MIN)?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(url: &StoreUrl, _: Option<&str>, _: Duration, _: &str) -> Result<Arc<dyn VectorIndex>> {
    Err(crate::store::not_built_in(url, "postgres"))
}

#[cfg(feature = "redis")]
fn redis(
    url: &StoreUrl,
    password: Option<&str>,
    call_max: Duration,
    owner: &str,
    config: &Config,
) -> Result<Arc<dyn VectorIndex>> {
    use throughline_redis::{RedisOptions, RedisVectors, VECTOR_GRAPH_ROWS_MIN};

    let options = RedisOptions {
        key_prefix: config.store_key_prefix.clone(),
        connections_max: CONNECTIONS_MAX,
        answer_wait_max: call_max,
        call_wait_max: call_max,
        ..RedisOptions::default()
    };
    Ok(Arc::new(RedisVectors::open(url.expose(), password, &options, owner, VECTOR_GRAPH_ROWS_MIN)?))
}

#[cfg(not(feature = "redis"))]
fn redis(url: &StoreUrl, _: Option<&str>, _: Duration, _: &str, _: &Config) -> Result<Arc<dyn VectorIndex>> {
    Err(crate::store::not_built_in(url, "redis"))
}

#[cfg(feature = "qdrant")]
fn qdrant(
    url: &StoreUrl,
    api_key: Option<&str>,
    call_max: Duration,
    owner: &str,
) -> Result<Arc<dyn VectorIndex>> {
    use throughline_qdrant::{QdrantVectors, VECTOR_GRAPH_ROWS_MIN};

    Ok(Arc::new(QdrantVectors::open(url.expose(), api_key, call_max, owner, VECTOR_GRAPH_ROWS_MIN)?))
}

#[cfg(not(feature = "qdrant"))]
fn qdrant(url: &StoreUrl, _: Option<&str>, _: Duration, _: &str) -> Result<Arc<dyn VectorIndex>> {
    Err(crate::store::not_built_in(url, "qdrant"))
}
