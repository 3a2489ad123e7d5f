//! The record of one context: what was used, what was dropped and why.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Citation, IdentityVersion, ProfileEpoch, SessionId, SummaryOf, Timestamp, ZoneOffsets};

/// Names a receipt; drawn before the request goes upstream, so that the response can carry it. Shown as `rcpt_<32 hex>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReceiptId(pub uuid::Uuid);

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rcpt_{}", self.0.simple())
    }
}

impl FromStr for ReceiptId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("rcpt_")
            .and_then(|id| uuid::Uuid::try_parse(id).ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a receipt id; ids look like rcpt_ and 32 hex digits"))
    }
}

/// A part of the context with a budget of its own, in the order in which they are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// The tenant's system prompt.
    Identity,
    /// The structured memory.
    Profile,
    /// What the user said holds in general, whatever the question.
    Standing,
    /// What was found for this question.
    Recalled,
    /// What was before, in short.
    Summary,
}

impl Section {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Profile => "profile",
            Self::Standing => "standing",
            Self::Recalled => "recalled",
            Self::Summary => "summary",
        }
    }
}

/// Why a found item is not in the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// It did not fit what was left of the budget.
    Budget,
    /// The request shows it to the model already.
    AlreadyInRequest,
    /// Too weak a match to help.
    NotRelevant,
    /// Another item of the context has these words.
    Repeated,
    /// Its words read like an instruction to the model.
    Quarantined,
}

impl DropReason {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::AlreadyInRequest => "already_in_request",
            Self::NotRelevant => "not_relevant",
            Self::Repeated => "repeated",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A passage that was found, by where it stands in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiptItem {
    /// What it was found for: [`Section::Standing`] or [`Section::Recalled`].
    pub section: Section,
    /// The turn's number in the scope.
    pub turn: u64,
    /// Its part of the turn's text, in bytes.
    pub bytes: (u32, u32),
    /// What it was ranked by.
    pub score: f32,
    /// Tokens of its line; 0 if it was not rendered.
    pub tokens: u32,
    /// Set if it was left out.
    pub dropped: Option<DropReason>,
    /// Since when what it says is so no longer, as its line says.
    pub ended: Option<Timestamp>,
}

/// A summary that stands in the block for words that did not fit: what it is of, and what each of its sentences says again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptSummary {
    /// What it is of.
    pub of: SummaryOf,
    /// One for each sentence, in order. They keep no words, so forgetting need not look for any here.
    pub cites: Vec<Citation>,
    /// Tokens of its line.
    pub tokens: u32,
}

/// The summaries of a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReceiptSummaries {
    /// The number of the newest entry of the ledger they were made from.
    pub ledger_end: u64,
    /// In the order in which they stand.
    pub lines: Vec<ReceiptSummary>,
}

/// What a section was given and used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionUse {
    /// Which.
    pub section: Section,
    /// Tokens it might have used.
    pub budget_tokens: u32,
    /// Tokens it used.
    pub used_tokens: u32,
}

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageTiming {
    /// Its name: `embed`, `search`, `compose` …
    pub stage: String,
    /// How long.
    pub took: Duration,
}

/// The record of one context. With the journal, the ledger, the profile's epochs and the identity's versions, all of which
/// are immutable, it is enough to build the same bytes again.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Its name.
    pub id: ReceiptId,
    /// The conversation it was made for, where known.
    pub session: Option<SessionId>,
    /// When the context was built; ages in it count from here.
    pub time: Timestamp,
    /// Where days began and ended for whoever asked.
    pub zone: ZoneOffsets,
    /// What was searched for.
    pub query: String,
    /// The identity used.
    pub identity: Option<IdentityVersion>,
    /// Hex of BLAKE3 over the identity's text.
    pub identity_hash: Option<String>,
    /// The profile used.
    pub profile_epoch: ProfileEpoch,
    /// The most tokens the whole context might have.
    pub budget_tokens: u32,
    /// The tokens it has.
    pub used_tokens: u32,
    /// By section.
    pub sections: Vec<SectionUse>,
    /// What was found: standing statements, then what was recalled, both best first.
    pub items: Vec<ReceiptItem>,
    /// What stands for recalled passages that did not fit.
    pub summaries: ReceiptSummaries,
    /// Hex of BLAKE3 over prefix and block: a replay must give it again.
    pub context_hash: String,
    /// Set if memory could not do all it should, and why.
    pub degraded: Option<String>,
    /// By stage, in order.
    pub timings: Vec<StageTiming>,
}
