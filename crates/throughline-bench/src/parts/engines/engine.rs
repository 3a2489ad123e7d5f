//! A store to measure, and what only its kind can tell: an empty place on it, and how much it has.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use crate::server::{Options, Store};

use super::{postgres, redis};

/// The embedded store, or a server.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    /// As the tables call it.
    pub(crate) name: String,
    /// As `--store` takes it; none for the embedded one.
    pub(super) url: Option<String>,
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) = text.split_once('=').ok_or("write it as NAME=URL: redis=redis://127.0.0.1:6379")?;
        Ok(Self { name: name.to_owned(), url: Some(url.to_owned()) })
    }
}

impl Engine {
    /// The one in the process.
    pub(super) fn embedded() -> Self {
        Self { name: "embedded".to_owned(), url: None }
    }

    /// Whether it speaks Postgres.
    pub(super) fn is_postgres(&self) -> bool {
        self.url.as_deref().is_some_and(|url| url.starts_with("postgres"))
    }

    /// The address of the one server it is, if it speaks Redis and is no Cluster.
    pub(super) fn single_redis(&self) -> Option<&str> {
        self.url.as_deref()?.strip_prefix("redis://")
    }

    /// An empty memory of this name on it.
    pub(super) fn fresh(&self, runtime: &Runtime, name: &str) -> Result<Option<Store>> {
        let Some(url) = &self.url else { return Ok(None) };
        if self.is_postgres() {
            let url = runtime.block_on(postgres::create_database(url, name))?;
            return Ok(Some(Store { url, key_prefix: None }));
        }
        Ok(Some(Store { url: url.clone(), key_prefix: Some(format!("{name}:")) }))
    }

    /// Bytes that this memory has on disk, or in the memory of a Redis.
    pub(super) fn bytes(&self, runtime: &Runtime, options: &Options) -> Result<f64> {
        match (&options.store, &self.url) {
            (Some(store), Some(_)) if self.is_postgres() => runtime.block_on(postgres::bytes(&store.url)),
            (_, Some(url)) => redis::bytes(url),
            _ => folder_bytes(&options.data).context("the size of the data folder"),
        }
    }
}

fn folder_bytes(folder: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.metadata()?;
        bytes += if kind.is_dir() { folder_bytes(&entry.path())? } else { kind.len() as f64 };
    }
    Ok(bytes)
}
