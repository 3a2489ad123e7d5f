//! Truth: what the claims of a ledger come to.
//!
//! A pure function from entries to memories. Nothing is decided when a claim is learned, but for whether it says in other words
//! what another does: the same claims give the same memories in whatever order they came, and what was believed at a moment is what the entries up to it come to.

mod alike;
mod decay;
mod derive;
mod ended;
mod live;
mod profile;
mod slots;
mod timeline;

pub use decay::{GOAL_STALE_DAYS, half_life_days, weight};
pub use derive::{believed_at, derive, same_value};
pub(crate) use ended::{Ended, may_be_told};
pub use profile::{
    PROFILE_BYTES_MAX, PROFILE_ENTRIES_MAX, PROFILE_SUBJECT, SUMMARY_SLOT, is_of_another_schema, list_kinds,
    own_slot, profile, profile_slot, sentence, summarised,
};
pub use slots::{Cardinality, cardinality};
pub(crate) use slots::{SINGLE as SINGLE_SLOTS, opposite};
