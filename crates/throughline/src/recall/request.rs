//! What a recall is asked for and what it answers.

use std::time::Duration;

use crate::model::{SessionId, StageTiming, Timestamp, Turn};

use super::Filters;

/// A question to memory.
#[derive(Debug, Clone)]
pub struct RecallRequest {
    /// What is searched for, in the words of whoever asks.
    pub query: String,
    /// At most so many items, best first.
    pub limit: usize,
    /// The most time to wait for the query's vector; without it the ranking goes by words alone.
    pub embed_deadline: Duration,
    /// At most so many tokens of text in all: items that no longer fit are left out.
    pub budget_tokens: Option<usize>,
    /// Only turns that pass.
    pub filters: Filters,
}

impl RecallRequest {
    /// Ten items, no filter, half a second for the query's vector.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            limit: 10,
            embed_deadline: Duration::from_millis(500),
            budget_tokens: None,
            filters: Filters::default(),
        }
    }
}

/// What each arm of the ranking said of an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmScores {
    /// BM25, 0 or more: the words in common.
    pub lexical: f32,
    /// Cosine in −1 … 1: the meaning in common. None without vectors.
    pub dense: Option<f32>,
}

/// A part of a turn's text; all of it if the bytes are not its.
pub(crate) fn passage_text(turn: &Turn, (from, to): (u32, u32)) -> &str {
    turn.content.text.get(from as usize..to as usize).unwrap_or(&turn.content.text)
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct RecalledItem {
    /// The turn it is a part of.
    pub turn: Turn,
    /// Its part of the turn's text, in bytes.
    pub bytes: (u32, u32),
    /// What it is ranked by: higher is better, comparable within one answer only.
    pub score: f32,
    /// Its score taken apart.
    pub scores: ArmScores,
    /// Whether the match is strong enough to be shown to a model.
    pub relevant: bool,
}

impl RecalledItem {
    /// The passage's words.
    pub fn text(&self) -> &str {
        passage_text(&self.turn, self.bytes)
    }

    /// The conversation it was said in.
    pub fn session(&self) -> &SessionId {
        &self.turn.session
    }

    /// When it was said.
    pub fn time(&self) -> Timestamp {
        self.turn.time
    }
}

/// Why an answer is less than it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degraded {
    /// No embedding model is there (yet): ranked by words alone.
    NoModel,
    /// The model failed: ranked by words alone.
    ModelFailed,
    /// The model took too long: ranked by words alone.
    ModelLate,
}

impl Degraded {
    /// A stable code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoModel => "no_embedding_model",
            Self::ModelFailed => "embedding_failed",
            Self::ModelLate => "embedding_deadline",
        }
    }
}

/// An answer of memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Best first; one passage of a turn, its best.
    pub items: Vec<RecalledItem>,
    /// Set if it was ranked by words alone.
    pub degraded: Option<Degraded>,
    /// `embed`, `search` and `fetch`.
    pub timings: Vec<StageTiming>,
}
