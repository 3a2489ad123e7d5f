//! What can be set about the engine.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::context::ContextBudget;
use crate::text::tokens::TokenEncoding;

/// Settings of the engine, with defaults that suit one machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of shards kept in memory; the words of turns that were found take an eighth of it beside them.
    pub shard_cache_bytes_max: usize,
    /// Where days begin and end for whoever asks and does not say.
    pub zone: TimeZone,
    /// How the tokens of a context are counted.
    pub token_encoding: TokenEncoding,
    /// The budget of a context that asks for none.
    pub budget: ContextBudget,
    /// Items looked at for a context.
    pub context_candidates_max: usize,
    /// Standing statements looked at for a context.
    pub context_standing_max: usize,
    /// How long a write waits for vectors before it goes on without.
    pub passage_embed_deadline: Duration,
    /// Whether a user who states outright what was forgotten lets it be learned again.
    pub user_may_lift: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shard_cache_bytes_max: 512 * 1024 * 1024,
            zone: TimeZone::UTC,
            token_encoding: TokenEncoding::O200k,
            budget: ContextBudget::default(),
            context_candidates_max: 40,
            context_standing_max: 16,
            passage_embed_deadline: Duration::from_secs(20),
            user_may_lift: false,
        }
    }
}
