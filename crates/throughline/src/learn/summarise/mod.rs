//! Summaries of conversations, months, years and the user: a few sentences, each with what it rests on.
//!
//! Extractive, so that they need no model: a sentence is a memory that holds or words the user said. What a model wrote in the
//! place of both is such a memory too, see [`written`]. [`supported`] is what every sentence has to pass, whoever wrote it; one
//! that rests on something that is over, kept apart or forgotten is dropped. No summary is kept, so that none is older than
//! what it rests on: all of it is a pure function of memories and turns.

mod period;
mod session;
mod sources;
#[cfg(test)]
mod tests;
mod written;

pub use period::{MONTH_SENTENCES_MAX, YEAR_SENTENCES_MAX, of_period, of_user};
pub use session::{SESSION_SENTENCES_MAX, of_session};
pub use sources::{Known, Sources, supported, tell};
pub use written::{WRITTEN_SENTENCES_MAX, written};
