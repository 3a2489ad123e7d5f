//! Summaries of conversations, months, years and the user: a few sentences, each with what it rests on.
//!
//! Extractive, so that they need no model: a sentence is a memory that holds or words the user said. [`supported`] is what
//! every sentence has to pass, whoever wrote it; one that rests on something that is over, kept apart or forgotten is
//! dropped. Nothing is kept, so that a summary is never older than what it rests on: all of it is a pure function of
//! memories and turns.

mod period;
mod session;
mod sources;
#[cfg(test)]
mod tests;

pub use period::{MONTH_SENTENCES_MAX, YEAR_SENTENCES_MAX, of_period, of_user};
pub use session::{SESSION_SENTENCES_MAX, of_session};
pub use sources::{Known, Sources, supported, tell};
