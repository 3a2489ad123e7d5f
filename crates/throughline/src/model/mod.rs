//! The domain types: what is remembered, of whom, and what was made of it.
//!
//! Nothing here is `Serialize`: a serialisable type is a promise, and each outer crate makes its own.

mod chain;
mod identity;
mod ledger;
mod memory;
mod names;
mod own_slot;
mod profile;
mod receipt;
mod scope;
mod summary;
mod time_zone;
mod turn;
mod usage;
mod zone;

pub use chain::{ChainHash, MessageHash};
pub use identity::{Identity, IdentityVersion};
pub use ledger::{Act, Author, Claim, Entry, Polarity, SlotTerms, Tombstone};
pub use memory::{Authority, Evidence, MemoryId, MemoryKind, MemoryRecord, MemoryState, SlotKey};
pub use names::{AgentId, AppId, NAME_BYTES_MAX, NameError, RunId, SessionId, TenantId, UserId};
pub(crate) use own_slot::PHRASE_VALUE;
pub use own_slot::{
    OWN_SLOTS_LEARNED_MAX, OWN_SLOTS_TOLD_BYTES_MAX, OwnSlot, OwnSlots, SlotSchemaError, SlotType, WrittenBy,
    value_of, words_of,
};
pub use profile::{Profile, ProfileEpoch, ProfilePatch, Slot};
pub use receipt::{
    DropReason, Receipt, ReceiptId, ReceiptItem, ReceiptSummaries, ReceiptSummary, Section, SectionUse,
    StageTiming,
};
pub use scope::{Generation, Revision, Scope, UserKey};
pub use summary::{Citation, Summary, SummaryLevel, SummaryOf, SummarySentence};
pub use time_zone::read_time_zone;
pub use turn::{Content, Role, Turn, TurnId, TurnIdError};
pub use usage::{TokenPrice, Usage, UsageByStage, UsageStage};
pub use zone::ZoneOffsets;

/// A moment, in UTC, kept to the millisecond.
pub type Timestamp = jiff::Timestamp;

/// A day of the calendar.
pub type Day = jiff::civil::Date;

/// Drops what a store does not keep: everything below a millisecond.
pub fn to_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
