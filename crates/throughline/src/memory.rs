//! `Memory`: everything a program does with the engine, in one place.
//!
//! Owns no thread and no wall clock. Each method blocks; call it from a thread that may.

mod backfill;
mod context;
mod erase;
mod observe;
mod profile;
mod recall;
mod settings;

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use thiserror::Error;

use crate::context::FenceKey;
use crate::model::{NameError, TenantId, Timestamp, to_millisecond};
use crate::ports::{Clock, EmbedError, Embedder, EmbeddingModel, ModelNumber, Store, StoreError};
use crate::recall::ShardCache;

pub use context::{Context, ContextRequest, Replay};
pub use observe::{Exchange, METADATA_FIELDS_MAX, Observation, Observed, TURNS_A_WRITE_MAX, TurnToObserve};
pub use profile::{PROFILE_BYTES_MAX, ProfileChange};
pub use settings::Settings;

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
        /// The model whose vectors are in force.
        store: EmbeddingModel,
        /// The model that was to be used.
        configured: EmbeddingModel,
    },
}

/// An embedding model and the number its vectors have in this store.
#[derive(Clone)]
struct Attached {
    embedder: Arc<dyn Embedder>,
    number: ModelNumber,
}

/// The memory of all tenants of one store.
pub struct Memory {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    secret: [u8; 32],
    fence_key: FenceKey,
    attached: RwLock<Option<Attached>>,
    shards: ShardCache,
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
        let fence_key = FenceKey::derive(&secret);
        Ok(Self { store, clock, settings, secret, fence_key, attached: RwLock::new(None), shards })
    }

    /// Uses a model from now on. The first model ever attached to a store is the store's; any other is refused
    /// with [`MemoryError::ModelMismatch`], so that vectors of two models are never mixed.
    pub fn attach(&self, embedder: Arc<dyn Embedder>) -> Result<(), MemoryError> {
        let (number, store) = self.store.claim_embedding_model(embedder.model())?;
        if store != *embedder.model() {
            return Err(MemoryError::ModelMismatch { store, configured: embedder.model().clone() });
        }
        self.put_attached(Attached { embedder, number });
        Ok(())
    }

    /// Puts another model in force: every passage waits for a vector of it, and is found by its words until then.
    pub fn switch_model(&self, embedder: Arc<dyn Embedder>) -> Result<(), MemoryError> {
        let number = self.store.switch_embedding_model(embedder.model())?;
        self.put_attached(Attached { embedder, number });
        Ok(())
    }

    fn put_attached(&self, attached: Attached) {
        *self.attached.write().unwrap_or_else(PoisonError::into_inner) = Some(attached);
    }

    fn attached(&self) -> Option<Attached> {
        self.attached.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model in use.
    pub fn embedder(&self) -> Option<Arc<dyn Embedder>> {
        self.attached().map(|attached| attached.embedder)
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
