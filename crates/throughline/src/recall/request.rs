//! What a recall is asked for and what it answers.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::model::{MemoryId, MemoryState, SessionId, StageTiming, Timestamp, Turn};

use super::Filters;
use super::confidence::CONFIDENCE_MIN;

/// A question to memory.
#[derive(Debug, Clone)]
pub struct RecallRequest {
    /// What is searched for, in the words of whoever asks.
    pub query: String,
    /// At most so many items, best first.
    pub limit: usize,
    /// Whether a long turn may give several items, for whoever has room for so much text; else each turn gives its best
    /// passage alone, for whoever has room for so many items.
    pub every_passage: bool,
    /// Besides at most so many standing statements, whether they answer or not; see [`Recalled::standing`].
    pub standing_max: usize,
    /// The most time to wait for the query's vector; without it the ranking goes by words alone.
    pub embed_deadline: Duration,
    /// At most so many tokens of text in all: items that no longer fit are left out.
    pub budget_tokens: Option<usize>,
    /// Only items with at least this confidence; 0 for all.
    pub confidence_min: f32,
    /// Only turns that pass.
    pub filters: Filters,
    /// How turns are ranked.
    pub ranking: RankingKind,
    /// What the conversation's structure may add.
    pub priors: Priors,
    /// Whether every turn of a scope is ranked in full however many there are, so that one can see what the first look at
    /// a large scope misses. Reads all vectors of a scope whose shard does not hold them.
    pub exact: bool,
    /// When it is asked: "last week" counts from here. The present moment if not given.
    pub time: Option<Timestamp>,
    /// Where days begin and end for whoever asks; as in the settings if not given.
    pub zone: Option<TimeZone>,
}

impl RecallRequest {
    /// Ten items, no standing statements, no filter, half a second for the query's vector.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            limit: 10,
            every_passage: false,
            standing_max: 0,
            embed_deadline: Duration::from_millis(500),
            budget_tokens: None,
            confidence_min: 0.0,
            filters: Filters::default(),
            ranking: RankingKind::default(),
            priors: Priors::default(),
            exact: false,
            time: None,
            zone: None,
        }
    }
}

/// How turns are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RankingKind {
    /// Words, meaning and the conversation's structure: the best there is.
    #[default]
    Full,
    /// The same without the model.
    Lexical,
    /// BM25 alone, for comparison.
    Bm25,
    /// The cosine alone, for comparison.
    Dense,
    /// Reciprocal rank fusion of BM25 and the cosine, for comparison.
    ReciprocalRanks,
}

/// What a conversation's structure, and what was learned from it, may add to a score; each can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "six switches that have nothing to do with each other")]
pub struct Priors {
    /// What the turns around a turn hold counts for it.
    pub neighbours: bool,
    /// Turns of a session with other good turns.
    pub session: bool,
    /// Turns near a date that the question names.
    pub date: bool,
    /// Turns by a speaker that the question names.
    pub speaker: bool,
    /// The user's own turns in chats with an assistant.
    pub role: bool,
    /// Turns that memories which hold rest on; turns whose words are over count less.
    pub memory: bool,
}

impl Default for Priors {
    fn default() -> Self {
        Self { neighbours: true, session: true, date: true, speaker: true, role: true, memory: true }
    }
}

/// An item's score taken apart: the last nine add up to it, unless it was ranked for comparison alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// BM25 of the passage, 0 or more: the words in common.
    pub bm25: f32,
    /// Cosine in −1 … 1: the meaning in common. None without vectors.
    pub cosine: Option<f32>,
    /// MaxSim, the mean cosine of the query's tokens with the most alike tokens of the passage, in −1 … 1. None without
    /// tokens.
    pub max_sim: Option<f32>,
    /// The part of BM25.
    pub lexical: f32,
    /// The part of the cosine.
    pub dense: f32,
    /// The part of MaxSim′.
    pub late: f32,
    /// For following a question that matches.
    pub answer: f32,
    /// For its session.
    pub session: f32,
    /// For its date.
    pub date: f32,
    /// For its speaker.
    pub speaker: f32,
    /// For being the user's.
    pub role: f32,
    /// For a memory that rests on it; below 0 if its words are so no longer.
    pub memory: f32,
}

/// A part of a turn's text; all of it if the bytes are not its.
pub(crate) fn passage_text(turn: &Turn, (from, to): (u32, u32)) -> &str {
    turn.content.text.get(from as usize..to as usize).unwrap_or(&turn.content.text)
}

/// A memory that rests on words of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemMemory {
    /// Its name.
    pub id: MemoryId,
    /// Whether it counts.
    pub state: MemoryState,
    /// Until when it was or will be so, if that is known.
    pub valid_to: Option<Timestamp>,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct RecalledItem {
    /// The turn it is a part of; passages of one turn share it.
    pub turn: Arc<Turn>,
    /// Its part of the turn's text, in bytes.
    pub bytes: (u32, u32),
    /// What it is ranked by: higher is better, comparable within one answer only.
    pub score: f32,
    /// Its score taken apart.
    pub scores: Scores,
    /// How sure it is that the item helps, 0 … 1: comparable across queries, unlike the score.
    pub confidence: f32,
    /// Whether the user says in it what holds in general: "always answer in metric".
    pub standing: bool,
    /// The memories that rest on its words, in the order in which they were first recorded.
    pub memories: Vec<ItemMemory>,
}

impl RecalledItem {
    /// Whether the match is strong enough to be shown to a model.
    pub fn is_relevant(&self) -> bool {
        self.confidence >= CONFIDENCE_MIN
    }

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

/// A passage in which the user says what holds in general: "always answer in metric", "I'm vegetarian".
#[derive(Debug, Clone, PartialEq)]
pub struct StandingItem {
    /// The turn it is a part of.
    pub turn: Arc<Turn>,
    /// Its part of the turn's text, in bytes.
    pub bytes: (u32, u32),
    /// What it is ranked by among its like: how well it answers, and how late it was said.
    pub score: f32,
}

impl StandingItem {
    /// The passage's words.
    pub fn text(&self) -> &str {
        passage_text(&self.turn, self.bytes)
    }
}

/// Why an answer is less than it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degraded {
    /// No embedding model is there (yet): ranked by words alone.
    NoModel,
    /// The model that serves is not at hand here, others are: ranked by words alone. Another process has changed the
    /// store's model, or the change is under way and the old one is missing.
    OtherModelServes,
    /// The model failed: ranked by words alone.
    ModelFailed,
    /// The model took too long: ranked by words alone.
    ModelLate,
    /// The vector index of this large scope cannot be asked: what only its vectors would have found is missing.
    VectorIndexFailed,
    /// The vector index of this large scope lacks more than is searched in its place: older passages are found by their words
    /// alone until it has caught up.
    VectorIndexBehind,
}

impl Degraded {
    /// A stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoModel => "no_embedding_model",
            Self::OtherModelServes => "other_model_serves",
            Self::ModelFailed => "embedding_failed",
            Self::ModelLate => "embedding_deadline",
            Self::VectorIndexFailed => "vector_index_failed",
            Self::VectorIndexBehind => "vector_index_behind",
        }
    }
}

/// An answer of memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Best first. Of a long turn there may be several passages; those that stand next to each other in the text and in the
    /// ranking are one.
    pub items: Vec<RecalledItem>,
    /// What the user said holds in general, as far as it was asked for; best first. Items may have some of it too.
    pub standing: Vec<StandingItem>,
    /// Set if it is less than it could be.
    pub degraded: Option<Degraded>,
    /// `embed`, `search` and `fetch`.
    pub timings: Vec<StageTiming>,
}
