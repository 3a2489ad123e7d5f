//! Learning: turns → claims. What may become true is decided here, by code; a model only proposes.
//!
//! ```text
//! gate ─▶ extract ─▶ verify ─▶ commit
//! ```
//!
//! What the claims come to is not decided when they are learned but whenever they are read: see [`truth`](crate::truth).

mod llm;
mod proposal;

pub use llm::{LlmExtractor, LlmSettings};
pub use proposal::{
    Batch, BatchTurn, ExtractError, Extraction, Extractor, Proposal, Refusal, Refused, Usage,
};
