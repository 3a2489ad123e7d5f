//! Which store keeps the memory: the one place that knows every engine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use throughline::ports::{CopyStore, Store};
use throughline_llm::Secret;
use throughline_sqlite::{FILE_NAME, SqliteOptions, SqliteStore};

use crate::config::{Config, Engine, StoreUrl, Value as _};
use crate::failure::{Failure, Hinting};

/// Opens the configured store, and makes it where there is none yet.
pub(crate) fn open_store(config: &Config) -> Result<Arc<dyn Store>> {
    Ok(open_for_copying(config)?)
}

/// As [`open_store`], for what copies it.
pub(crate) fn open_for_copying(config: &Config) -> Result<Arc<dyn CopyStore>> {
    let opened = match &config.store {
        None => open_embedded(&config.data),
        Some(url) => match url.engine() {
            Engine::Redis => redis::open(&Access::new(config, url), config),
            Engine::Postgres => postgres::open(&Access::new(config, url)),
            Engine::Qdrant => Err(vectors_alone(url)),
        },
    };
    opened.with_context(|| format!("the memory in {} cannot be opened", place(config)))
}

/// Whether there is a store yet. Makes none.
pub(crate) fn exists(config: &Config) -> Result<bool> {
    match &config.store {
        None => Ok(config.data.join(FILE_NAME).is_file()),
        Some(url) => match url.engine() {
            Engine::Redis => redis::exists(&Access::new(config, url), config),
            Engine::Postgres => postgres::exists(&Access::new(config, url)),
            Engine::Qdrant => Err(vectors_alone(url)),
        },
    }
}

fn vectors_alone(url: &StoreUrl) -> anyhow::Error {
    Failure::usage(format!("{} cannot keep memory: Qdrant is an index of vectors", url.shown()))
        .hint("give it as `--vectors`, beside a store".to_owned())
}

/// The embedded store in a folder.
pub(crate) fn embedded(folder: &Path) -> Result<Arc<dyn Store>> {
    Ok(open_embedded(folder)?)
}

fn open_embedded(folder: &Path) -> Result<Arc<dyn CopyStore>> {
    Ok(Arc::new(SqliteStore::open(folder, SqliteOptions::default())?))
}

/// Where the memory is, for people: no credential is in it.
pub(crate) fn place(config: &Config) -> String {
    match &config.store {
        None => config.data.display().to_string(),
        Some(url) => url.shown(),
    }
}

/// The folder of the embedded store, for what can be done with its files alone.
pub(crate) fn embedded_folder<'a>(config: &'a Config, what: &str) -> Result<&'a Path> {
    match &config.store {
        None => Ok(&config.data),
        Some(url) => Err(Failure::usage(format!(
            "{what} looks at the files of a memory in a folder; this one is in {}",
            url.shown()
        ))
        .hint("leave `store.url` out and name the folder with `--data DIR`; a server is checked by its own tools")),
    }
}

/// How a server that keeps a store is reached, in the terms all engines share.
#[cfg_attr(
    not(any(feature = "postgres", feature = "redis")),
    expect(dead_code, reason = "read by the engines, of which none is built in")
)]
struct Access<'a> {
    url: &'a StoreUrl,
    /// In place of one in the URL.
    password: Option<&'a str>,
    connections_max: usize,
    connect_max: Duration,
    call_max: Duration,
}

impl<'a> Access<'a> {
    fn new(config: &'a Config, url: &'a StoreUrl) -> Self {
        Self {
            url,
            password: config.store_password.as_ref().map(Secret::expose),
            connections_max: config.store_connections_max.size(),
            connect_max: Duration::from_millis(config.store_connect_ms_max.0),
            call_max: Duration::from_millis(config.store_call_ms_max.0),
        }
    }
}

#[cfg_attr(
    all(feature = "postgres", feature = "redis", feature = "qdrant"),
    expect(dead_code, reason = "told by the engines that are not built in")
)]
pub(crate) fn not_built_in(url: &StoreUrl, feature: &str) -> anyhow::Error {
    Failure::usage(format!("{} cannot be used: this program was built without `{feature}`", url.shown()))
        .hint(format!("build it with `--features {feature}`"))
}

#[cfg(feature = "postgres")]
mod postgres {
    //! Postgres: docs/postgres.md.

    use throughline_postgres::{PostgresOptions, PostgresStore};

    use super::{Access, Arc, CopyStore, Result};

    pub(super) fn open(access: &Access<'_>) -> Result<Arc<dyn CopyStore>> {
        Ok(Arc::new(PostgresStore::open(access.url.expose(), access.password, &options(access))?))
    }

    pub(super) fn exists(access: &Access<'_>) -> Result<bool> {
        Ok(PostgresStore::exists(access.url.expose(), access.password, &options(access))?)
    }

    fn options(access: &Access<'_>) -> PostgresOptions {
        PostgresOptions {
            connections_max: access.connections_max,
            connect_max: access.connect_max,
            call_max: access.call_max,
        }
    }
}

#[cfg(not(feature = "postgres"))]
mod postgres {
    //! Left out of this build.

    use super::{Access, Arc, CopyStore, Result, not_built_in};

    pub(super) fn open(access: &Access<'_>) -> Result<Arc<dyn CopyStore>> {
        Err(not_built_in(access.url, "postgres"))
    }

    pub(super) fn exists(access: &Access<'_>) -> Result<bool> {
        Err(not_built_in(access.url, "postgres"))
    }
}

#[cfg(feature = "redis")]
mod redis {
    //! Redis and Valkey: docs/redis.md.

    use throughline_redis::{Durability, RedisOptions, RedisStore};

    use super::{Access, Arc, Config, CopyStore, Result};
    use crate::config;

    pub(super) fn open(access: &Access<'_>, config: &Config) -> Result<Arc<dyn CopyStore>> {
        Ok(Arc::new(RedisStore::open(access.url.expose(), access.password, &options(access, config))?))
    }

    pub(super) fn exists(access: &Access<'_>, config: &Config) -> Result<bool> {
        Ok(RedisStore::exists(access.url.expose(), access.password, &options(access, config))?)
    }

    fn options(access: &Access<'_>, config: &Config) -> RedisOptions {
        RedisOptions {
            key_prefix: config.store_key_prefix.clone(),
            memory_prefix: config.store_memory_prefix.clone(),
            durability: match config.store_durability {
                config::Durability::Memory => Durability::Memory,
                config::Durability::Fsync => Durability::Fsync,
                config::Durability::Replicated(replicas) => Durability::Replicated { replicas },
            },
            allow_data_loss: config.store_allow_data_loss,
            wipe_wait_max: Some(config.store_wipe_ms_max.0)
                .filter(|milliseconds| *milliseconds > 0)
                .map(std::time::Duration::from_millis),
            connections_max: access.connections_max,
            connect_wait_max: access.connect_max,
            call_wait_max: access.call_max,
            ..RedisOptions::default()
        }
    }
}

#[cfg(not(feature = "redis"))]
mod redis {
    //! Left out of this build.

    use super::{Access, Arc, Config, CopyStore, Result, not_built_in};

    pub(super) fn open(access: &Access<'_>, _: &Config) -> Result<Arc<dyn CopyStore>> {
        Err(not_built_in(access.url, "redis"))
    }

    pub(super) fn exists(access: &Access<'_>, _: &Config) -> Result<bool> {
        Err(not_built_in(access.url, "redis"))
    }
}
