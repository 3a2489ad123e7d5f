//! What the engine needs from outside, as traits: a store, an embedding model, a clock.
//!
//! Implementations live in crates of their own; the engine never names one.

mod clock;
mod embedder;
mod store;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use clock::Clock;
pub use embedder::{EMBED_TEXTS_MAX, EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
pub use store::{
    ApiKey, Append, Appended, AppendedTurn, EmbeddedRow, EmbeddingModels, Erased, FIRST_MODEL, Idempotency,
    KeyStore, KnownTurn, ModelNumber, NumberedModel, Parent, PassageDraft, ReadStore, RolledBack, SearchRow,
    SessionSummary, Store, StoreError, TurnDraft, TurnsPage, UnembeddedRow, WriteStore,
};
