//! Who the assistant is: the tenant's system prompt, versioned and immutable.

use super::Timestamp;

/// Counts from 1 for each tenant, and for each agent that has an identity of its own.
pub type IdentityVersion = u32;

/// One version of a tenant's (or agent's) system prompt. Memory stands beside it and can never write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which one.
    pub version: IdentityVersion,
    /// The prompt, as given.
    pub text: String,
    /// When it was put in place.
    pub created: Timestamp,
}

impl Identity {
    /// Hex of BLAKE3 over the text: 64 digits. Stands in each receipt, so that a drift shows.
    pub fn hash(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex().to_string()
    }
}
