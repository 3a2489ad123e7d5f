//! Writing to the journal: which conversation a list of messages continues, and what is written of it.

mod draft;
mod exchange;
mod lineage;

pub(crate) use draft::{Indexer, NewTurn, TURN_TEXT_BYTES_MAX, searched_text};
pub use exchange::Exchange;
pub(crate) use lineage::{Journal, Sought, locate};
pub use lineage::{Said, Thread};
