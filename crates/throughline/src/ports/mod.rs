//! What the engine needs from outside, as traits: a store, an embedding model, a language model, a clock.
//!
//! Implementations live in crates of their own; the engine never names one.

mod clock;
mod copy;
mod embedder;
mod ledger;
mod llm;
mod store;
mod usage;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use clock::Clock;
pub use copy::{
    CopiedJob, CopiedKey, CopiedRow, CopiedTurn, CopyStore, Record, Restore, ScopeMark, ScopeRecord,
    ScopesPage, StoreRecord, TenantRecord, Transit,
};
pub use embedder::{EMBED_TEXTS_MAX, EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
pub use ledger::{
    ClaimedJob, EntryDraft, Forget, Forgotten, Job, JobClaim, JobDone, JobNumber, JobState, JobStore,
    LEASE_RAN_OUT, LedgerAppend, LedgerStore, ProfileEdit, RedactedTurn,
};
pub use llm::{Llm, LlmAnswer, LlmError, LlmRequest};
pub use store::{
    ApiKey, Append, Appended, AppendedTurn, EmbeddedRow, EmbeddingModels, Erased, FIRST_MODEL, Idempotency,
    KeyStore, KnownTurn, ModelNumber, NumberedModel, Parent, PassageDraft, ReadStore, RolledBack, SearchRow,
    SessionSummary, Store, StoreError, TurnDraft, TurnsPage, UnembeddedRow, WriteStore,
};
pub use usage::{ALL_DAYS, DayUsage, UsageStore, usage_day};
