//! What the engine needs from outside, as traits: a store, an embedding model, a language model, a clock.
//!
//! Implementations live in crates of their own; the engine never names one.

mod clock;
mod copy;
mod embedder;
mod ledger;
mod llm;
mod opening;
mod rate;
mod round_trips;
mod server_state;
mod store;
mod usage;
mod vectors;

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
pub use opening::{
    News, OPENING_ROWS_MAX, OPENING_TURN_BYTES_MAX, OPENING_TURNS_MAX, Opening, OpeningAsk, OpeningStore,
    Prefix, Since,
};
pub use rate::{Minute, RateStore};
pub use round_trips::{count_round_trip, with_round_trips};
pub use server_state::{Connections, WatchStore};
pub use store::{
    ApiKey, Append, Appended, AppendedTurn, EmbeddedRow, EmbeddingModels, Erased, FIRST_MODEL, Idempotency,
    KeyStore, KnownTurn, ModelNumber, NumberedModel, Parent, PassageDraft, ReadStore, RolledBack, SearchRow,
    SessionSummary, StoreError, TurnDraft, TurnsPage, UnembeddedRow, WriteStore,
};
pub use usage::{ALL_DAYS, DayUsage, UsageStore, usage_day};
pub use vectors::{
    NearestVectors, VECTOR_CHANGES_MAX, VectorChange, VectorConditions, VectorEntry, VectorIndex, VectorKey,
    VectorMark, VectorSet,
};

/// All a program needs of one store.
pub trait Store:
    OpeningStore + WriteStore + KeyStore + JobStore + UsageStore + RateStore + WatchStore
{
}

impl<T: OpeningStore + WriteStore + KeyStore + JobStore + UsageStore + RateStore + WatchStore> Store for T {}
