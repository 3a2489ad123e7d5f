//! `Memory`: everything a program does with the engine, in one place.
//!
//! Owns no thread and no wall clock. Each method blocks; call it from a thread that may.

mod alike;
mod backfill;
mod beliefs;
mod context;
mod edits;
mod erase;
mod fall_back;
mod forget;
mod known_texts;
mod learn;
mod learner;
mod ledger;
mod lift;
mod memories;
mod models;
mod observe;
mod opening;
mod own_slots;
mod profile;
mod recall;
mod settings;
mod summaries;
mod vectors;
mod written;
mod zones;

use std::borrow::Cow;
use std::sync::{Arc, RwLock};

use thiserror::Error;

use crate::context::FenceKey;
use crate::model::{NameError, TenantId, Timestamp, to_millisecond};
use crate::ports::{Clock, EmbedError, Embedder, EmbeddingModel, Store, StoreError};
use crate::recall::{ShardCache, TurnCache};

pub use crate::journal::Exchange;
pub use context::{Context, ContextRequest, Replay};
pub use learn::{Extractors, LearnSettings, Learned, Outcome, Summaries};
pub use learner::Learner;
pub use memories::{MEMORY_TEXT_BYTES_MAX, MemoriesRequest, MemoryPatch, NewMemory, Order, Why};
pub use observe::{METADATA_FIELDS_MAX, Observation, Observed, TURNS_A_WRITE_MAX, TurnToObserve};
pub use profile::ProfileChange;
pub use settings::Settings;
pub use summaries::{SUMMARISED_SESSIONS_MAX, SUMMARISED_TURNS_MAX, SummariesRequest};
pub use vectors::{VectorsCheck, VectorsStatus};
pub use zones::{TIME_ZONE_FIELD, named_zone};

/// Turns at hand take this part of what shards may take, beside them.
const TURNS_PART: usize = 8;

/// Why memory could not do it.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedding model could not; what was to be embedded still waits.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What was given is not acceptable; the text says what and why.
    #[error("{0}")]
    Invalid(String),
    /// The store's vectors are of another model.
    #[error(
        "the store holds vectors of {} ({} dimensions), not of {} ({} dimensions)",
        .store.name, .store.dimensions, .configured.name, .configured.dimensions
    )]
    ModelMismatch {
        /// The model that serves.
        store: EmbeddingModel,
        /// The model that was to be used.
        configured: EmbeddingModel,
    },
}

/// A new id that sorts by the moment it is made at.
fn uuid_at(now: Timestamp) -> uuid::Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
}

/// The memory of all tenants of one store.
pub struct Memory {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    secret: [u8; 32],
    fence_key: FenceKey,
    /// One for each model, whether the store has use for it just now or not.
    embedders: RwLock<Vec<Arc<dyn Embedder>>>,
    shards: ShardCache,
    turns: TurnCache,
    beliefs: beliefs::BeliefsCache,
    /// Whether a passage addresses the model, and how many tokens a line has.
    addressing: known_texts::KnownTexts<bool>,
    tokens: known_texts::KnownTexts<usize>,
    own_slots: own_slots::OwnSlotsCache,
    vectors: Option<vectors::Vectors>,
}

impl Memory {
    /// Memory over a store. It recalls by words alone until a model is attached.
    pub fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, MemoryError> {
        let secret = store.secret()?;
        let shards = ShardCache::new(settings.shard_cache_bytes_max);
        let turns = TurnCache::new(settings.shard_cache_bytes_max / TURNS_PART);
        let fence_key = FenceKey::derive(&secret);
        let beliefs = beliefs::BeliefsCache::new();
        let (addressing, tokens) = (known_texts::KnownTexts::new(), known_texts::KnownTexts::new());
        let (embedders, own_slots) = (RwLock::default(), own_slots::OwnSlotsCache::default());
        let vectors = None;
        Ok(Self {
            store,
            clock,
            settings,
            secret,
            fence_key,
            embedders,
            shards,
            turns,
            beliefs,
            addressing,
            tokens,
            own_slots,
            vectors,
        })
    }

    /// The store, for plain reads, identities and keys.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The settings it was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The present moment, to the millisecond.
    pub fn now(&self) -> Timestamp {
        to_millisecond(self.clock.now())
    }

    /// Bytes the shards in memory take.
    pub fn shard_bytes(&self) -> usize {
        self.shards.bytes()
    }

    /// A key for one purpose, derived from the store's secret; `purpose` is a constant of the program.
    pub fn key_for(&self, purpose: &'static str) -> [u8; 32] {
        blake3::derive_key(purpose, &self.secret)
    }

    /// A client's text without the memory blocks that this store put into it for this tenant.
    pub fn strip<'a>(&self, tenant: &TenantId, text: &'a str) -> Cow<'a, str> {
        crate::context::strip(&self.fence_key, tenant, text)
    }
}
