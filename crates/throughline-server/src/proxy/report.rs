//! What the response says about memory, in headers of its own.

use http::{HeaderMap, HeaderValue};
use throughline::model::Receipt;

/// What memory did for a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MemoryReport {
    receipt: Option<String>,
    hits: usize,
    tokens: u32,
    degraded: Option<String>,
}

impl MemoryReport {
    /// Of a request that memory did all for that its receipt says.
    pub(super) fn of(receipt: &Receipt) -> Self {
        Self {
            receipt: Some(receipt.id.to_string()),
            hits: receipt.items.iter().filter(|item| item.dropped.is_none()).count(),
            tokens: receipt.used_tokens,
            degraded: receipt.degraded.clone(),
        }
    }

    /// Of a request that goes on without memory, and why.
    pub(super) fn without(reason: &str) -> Self {
        Self { degraded: Some(reason.to_owned()), ..Self::default() }
    }

    /// Adds a reason; the first one stays, since the others follow from it.
    #[must_use]
    pub(super) fn degraded(mut self, reason: &str) -> Self {
        self.degraded.get_or_insert_with(|| reason.to_owned());
        self
    }

    /// Why it is less than it could be.
    pub(super) fn reason(&self) -> Option<&str> {
        self.degraded.as_deref()
    }

    /// How many passages were recalled into the request.
    pub(super) fn hits(&self) -> usize {
        self.hits
    }

    /// Puts it on a response. An upstream's headers of these names (another Throughline behind this one) give way.
    pub(super) fn put_on(&self, headers: &mut HeaderMap) {
        let mut put = |name: &'static str, value: Option<String>| match value.map(HeaderValue::try_from) {
            Some(Ok(value)) => drop(headers.insert(name, value)),
            _ => drop(headers.remove(name)),
        };
        put("x-memory-receipt", self.receipt.clone());
        put("x-memory-hits", Some(self.hits.to_string()));
        put("x-memory-tokens", Some(self.tokens.to_string()));
        put("x-memory-degraded", self.degraded.clone());
    }
}
