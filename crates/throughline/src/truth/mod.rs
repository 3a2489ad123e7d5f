//! Truth: what the claims of a ledger come to.
//!
//! A pure function from entries to memories. Nothing is decided when a claim is learned: the same claims give the same
//! memories in whatever order they came, and what was believed at a moment is what the entries up to it come to.

mod slots;

pub use slots::{Cardinality, cardinality};
