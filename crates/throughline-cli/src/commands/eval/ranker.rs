//! The engine behind the evaluation's `Ranker`: conversations go into a memory, questions are recalls.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use throughline::memory::{Learner, Memory, Observation, TurnToObserve};
use throughline::model::{Role, Scope, SessionId, TenantId, Timestamp, UserId};
use throughline::recall::{Priors, RankingKind, RecallRequest};
use throughline_eval::{Conversation, ConversationTurn, ExactRanker, Question, RankedItem, Ranker};

use crate::failure::Failure;

/// Turns that are embedded and written in one step.
const BATCH_TURNS_MAX: usize = 64;
/// An evaluation waits for every vector: without them the figures would mean something else.
pub(super) const EMBED_TIME_MAX: Duration = Duration::from_mins(30);

/// What ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Words and meaning, as a server ranks; needs the embedding model
    Full,
    /// Words alone, as a server ranks without a model
    Lexical,
    /// BM25 and nothing else, to compare with
    Bm25,
    /// Cosine of the vectors and nothing else, to compare with; needs the embedding model
    Dense,
    /// Reciprocal rank fusion of the two, to compare with; needs the embedding model
    Rrf,
}

impl Kind {
    /// Its name on the command line and in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Lexical => "lexical",
            Self::Bm25 => "bm25",
            Self::Dense => "dense",
            Self::Rrf => "rrf",
        }
    }

    pub(super) fn needs_model(self) -> bool {
        matches!(self, Self::Full | Self::Dense | Self::Rrf)
    }

    fn ranking(self) -> RankingKind {
        match self {
            Self::Full => RankingKind::Full,
            Self::Lexical => RankingKind::Lexical,
            Self::Bm25 => RankingKind::Bm25,
            Self::Dense => RankingKind::Dense,
            Self::Rrf => RankingKind::ReciprocalRanks,
        }
    }
}

/// A part of the score that a conversation's structure adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Prior {
    /// What the turns around a turn hold
    Neighbours,
    /// Other good turns of the session
    Session,
    /// A date that the question names
    Date,
    /// A speaker that the question names
    Speaker,
    /// Being the user's own
    Role,
    /// A memory that rests on it
    Memory,
}

fn priors(without: &[Prior]) -> Priors {
    let with = |prior| !without.contains(&prior);
    Priors {
        neighbours: with(Prior::Neighbours),
        session: with(Prior::Session),
        date: with(Prior::Date),
        speaker: with(Prior::Speaker),
        role: with(Prior::Role),
        memory: with(Prior::Memory),
    }
}

/// Learns from each conversation before it is asked about.
pub(super) struct Learning {
    pub(super) learner: Learner,
    /// The memory's clock, in milliseconds: it stands at a conversation's end, or all that was learned would have faded.
    pub(super) clock_ms: Arc<AtomicI64>,
}

/// Puts the engine's recall to the test.
pub(super) struct MemoryRanker {
    memory: Arc<Memory>,
    kind: Kind,
    priors: Priors,
    learning: Option<Learning>,
    scope: Option<Scope>,
    /// When the last turn was said: the time of questions that have none.
    last: Option<Timestamp>,
    /// The data set's ids of the turns of this scope, by their numbers.
    turns: HashMap<u64, String>,
}

impl MemoryRanker {
    pub(super) fn new(
        memory: Arc<Memory>,
        kind: Kind,
        without: &[Prior],
        learning: Option<Learning>,
    ) -> Self {
        // The vocabulary is loaded by the first count; a server does that at its start, so no question should pay for it.
        memory.settings().token_encoding.count("warm");
        let priors = priors(without);
        Self { memory, kind, priors, learning, scope: None, last: None, turns: HashMap::new() }
    }

    fn recall(&self, question: &Question, limit: usize, exact: bool) -> Result<Vec<RankedItem>> {
        let scope = self.scope.as_ref().context("no conversation was taken in")?;
        let request = RecallRequest {
            limit,
            exact,
            embed_deadline: EMBED_TIME_MAX,
            ranking: self.kind.ranking(),
            priors: self.priors,
            time: question.time.or(self.last),
            ..RecallRequest::new(&question.text)
        };
        let recalled = self.memory.recall(scope, &request)?;
        let encoding = self.memory.settings().token_encoding;
        let ranked = recalled.items.iter().filter_map(|item| {
            let turn_id = self.turns.get(&item.turn.id.seq)?.clone();
            Some(RankedItem {
                turn_id,
                tokens: encoding.count(item.text()),
                confidence: Some(item.confidence.into()),
            })
        });
        Ok(ranked.collect())
    }
}

impl Ranker for MemoryRanker {
    type Error = anyhow::Error;

    fn ingest(&mut self, conversation: &Conversation) -> Result<()> {
        let scope = Scope::of(TenantId::single(), UserId::new(&conversation.id)?);
        self.turns.clear();
        self.last = conversation.turns.iter().filter_map(|turn| turn.time).max();
        if let (Some(Learning { clock_ms, .. }), Some(last)) = (&self.learning, self.last) {
            clock_ms.store(last.as_millisecond(), Ordering::Relaxed);
        }
        for session in conversation.turns.chunk_by(|a, b| a.session == b.session) {
            for batch in session.chunks(BATCH_TURNS_MAX) {
                let observation = Observation::new(
                    SessionId::new(&batch[0].session)?,
                    batch.iter().map(observed).collect::<Result<_>>()?,
                );
                let written = self.memory.observe(&scope, observation)?;
                self.turns
                    .extend(written.turns.iter().zip(batch).map(|(id, turn)| (id.seq, turn.id.clone())));
            }
        }
        while let Some(Learning { learner, .. }) = &self.learning
            && learner.step(&self.memory, Some(&scope.user))?.is_some()
        {}
        self.scope = Some(scope);
        Ok(())
    }

    fn rank(&mut self, question: &Question, limit: usize) -> Result<Vec<RankedItem>> {
        self.recall(question, limit, false)
    }
}

impl ExactRanker for MemoryRanker {
    fn rank_exactly(&mut self, question: &Question, limit: usize) -> Result<Vec<RankedItem>> {
        self.recall(question, limit, true)
    }
}

fn observed(turn: &ConversationTurn) -> Result<TurnToObserve> {
    let role = turn.role.as_str().parse::<Role>().map_err(Failure::error)?;
    Ok(TurnToObserve { name: turn.name.clone(), time: turn.time, ..TurnToObserve::new(role, &turn.text) })
}
