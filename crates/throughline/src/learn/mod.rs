//! Learning: turns → claims. What may become true is decided here, by code; a model only proposes.
//!
//! ```text
//! gate ─▶ extract ─▶ verify ─▶ commit
//! ```
//!
//! What the claims come to is not decided when they are learned but whenever they are read: see [`truth`](crate::truth).

mod alike;
mod dry_run;
mod gate;
#[cfg(test)]
mod labelled;
mod llm;
mod local;
mod pattern;
mod proposal;
mod sentences;
mod summarise;
mod verify;
mod words;

/// What an [`Extraction`] cost.
pub use crate::model::{Usage, UsageByStage};
pub(crate) use alike::comparable;
pub use alike::{ALIKE_COSINE_MIN, may_be_one};
pub use dry_run::{DryRun, dry_run};
pub use gate::{GATE_SENTENCE_BYTES_MAX, GATE_TEXT_BYTES_MAX, gate};
pub use llm::{LlmExtractor, LlmSettings};
pub use local::{LOCAL_PROPOSALS_MAX, LocalExtractor};
pub use proposal::{
    Batch, BatchTurn, ExtractError, Extraction, Extractor, Proposal, Refusal, Refused, Told, ToldSentence,
};
pub use summarise::{
    Known, MONTH_SENTENCES_MAX, SESSION_SENTENCES_MAX, Sources, WRITTEN_SENTENCES_MAX, YEAR_SENTENCES_MAX,
    of_period, of_session, of_user, supported, tell, written,
};
pub(crate) use verify::addresses_model;
pub use verify::{
    CLAIM_QUOTE_BYTES_MAX, CLAIM_SLOT_BYTES_MAX, CLAIM_TEXT_BYTES_MAX, CLAIM_VALUE_BYTES_MAX, Verified,
    verify,
};
