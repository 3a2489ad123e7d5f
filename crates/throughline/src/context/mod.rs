//! What is added to a request: identity and profile as its prefix, recalled passages as a fenced block at its tail.
//!
//! Everything here is a pure function of its arguments (no clock, no store, no model, no JSON of any API), so that a
//! receipt is enough to build the same bytes again. Two promises rest on that:
//! the prefix never depends on what was recalled or on the time, which keeps a provider's prompt cache warm; and text
//! from memory stands only inside fences it cannot open, close or leave.

mod budget;
mod compose;
mod fall_back;
mod fence;
mod messages;
mod prefix;
mod recalled;
#[cfg(test)]
mod tests;

pub use budget::{BudgetError, ContextBudget, TOTAL_TOKENS_DEFAULT, TOTAL_TOKENS_MAX};
pub use compose::{ComposeInput, Composed, Draft, compose};
pub(crate) use fence::escape;
pub use fence::{FenceKey, append, strip};
pub use messages::{Placement, PrefixRole, place};
pub use prefix::Omission;
pub use recalled::RecalledPassage;
pub(crate) use recalled::speaker;
