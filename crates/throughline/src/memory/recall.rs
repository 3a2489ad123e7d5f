//! Finding what was said.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::model::{Scope, StageTiming, Turn};
use crate::ports::{EmbedError, EmbedRole, Embedding, ModelNumber, Opening, OpeningAsk};
use crate::recall::{
    Degraded, Found, Query, Ranked, Ranking, RankingKind, RecallRequest, Recalled, RecalledItem, Standing,
    StandingItem, passage_text, rank,
};

use super::beliefs::Beliefs;
use super::models::ModelsAtHand;
use super::{Memory, MemoryError};

/// Items one recall may return.
pub(super) const RECALL_LIMIT_MAX: usize = 1_000;

/// A query as the model that serves understands it.
struct Asked {
    /// Whose vectors are searched.
    model: Option<ModelNumber>,
    embedding: Option<Embedding>,
    degraded: Option<Degraded>,
}

impl Memory {
    /// The passages of the scope that answer the query, best first. A scope never written to has none.
    pub fn recall(&self, scope: &Scope, request: &RecallRequest) -> Result<Recalled, MemoryError> {
        let opening = self.open_to_search(scope, &OpeningAsk::default())?;
        self.recall_in(scope, &opening, request)
    }

    /// The same, where a request has begun.
    pub(super) fn recall_in(
        &self,
        scope: &Scope,
        opening: &Opening,
        request: &RecallRequest,
    ) -> Result<Recalled, MemoryError> {
        if request.limit > RECALL_LIMIT_MAX {
            return Err(MemoryError::Invalid(format!(
                "a limit of {} items; at most {RECALL_LIMIT_MAX} are returned",
                request.limit
            )));
        }
        let mut timings = Vec::with_capacity(3);
        let Asked { model, embedding, mut degraded } = timed(&mut timings, "embed", || {
            Self::embed_query(request, self.at_hand_of(opening.models.clone()))
        });
        let query = Query::new(&request.query, embedding);
        let (found, beliefs) = timed(&mut timings, "search", || -> Result<_, MemoryError> {
            let beliefs = self.beliefs_of(scope, opening)?;
            let log = (opening.revision, opening.news.as_ref());
            let found = self.shards.with(&*self.store, scope, model, log, |shard| {
                let vectors = self.vectors.as_ref();
                let index = vectors.and_then(|vectors| vectors.of(scope, shard.revision.generation, model));
                let ranking = Ranking {
                    text: &request.query,
                    query: &query,
                    filters: &request.filters,
                    kind: request.ranking,
                    priors: request.priors,
                    exact: request.exact,
                    now: request.time.unwrap_or_else(|| self.now()),
                    zone: request.zone.as_ref().unwrap_or(&self.settings.zone),
                    limit: request.limit,
                    every_passage: request.every_passage,
                    standing_max: request.standing_max,
                    learned: beliefs.learned(),
                    index: index.as_ref(),
                };
                let found =
                    rank(shard, &ranking, &|numbers, sink| self.store.search_rows_at(scope, numbers, sink));
                if let Some((vectors, index)) = vectors.zip(index.as_ref()) {
                    vectors.note(scope, index.seen());
                    degraded = degraded.or(index.seen().degraded);
                }
                found
            })?;
            Ok((found.transpose()?.unwrap_or_default(), beliefs))
        })?;
        let (items, standing) =
            timed(&mut timings, "fetch", || self.fetch((scope, opening), request, found, &beliefs))?;
        let items = match request.budget_tokens {
            Some(budget) => self.within(items, budget),
            None => items,
        };
        Ok(Recalled { items, standing, degraded, timings })
    }

    /// What was found with the turns it is a part of. A turn erased in between is not there.
    fn fetch(
        &self,
        (scope, opening): (&Scope, &Opening),
        request: &RecallRequest,
        found: Found,
        beliefs: &Beliefs,
    ) -> Result<(Vec<RecalledItem>, Vec<StandingItem>), MemoryError> {
        let Found { passages, standing } = found;
        let mut seqs: Vec<u64> = passages.iter().map(|ranked| ranked.turn).collect();
        seqs.extend(standing.iter().map(|standing| standing.turn));
        seqs.sort_unstable();
        seqs.dedup();
        let turns = self.turns_found(scope, opening, &seqs)?;
        let item = |Ranked { turn, bytes, score, scores, confidence, standing }| {
            let turn = turns.get(&turn)?.clone();
            let memories = beliefs.resting_on(turn.id.seq, passage_text(&turn, bytes));
            Some(RecalledItem { turn, bytes, score, scores, confidence, standing, memories })
        };
        let wanted = |item: &RecalledItem| {
            item.confidence >= request.confidence_min && request.filters.confirms(&item.turn)
        };
        let standing_item = |Standing { turn, bytes, score }| {
            let turn = turns.get(&turn)?.clone();
            request.filters.confirms(&turn).then_some(StandingItem { turn, bytes, score })
        };
        Ok((
            passages.into_iter().filter_map(item).filter(wanted).collect(),
            standing.into_iter().filter_map(standing_item).collect(),
        ))
    }

    /// Turns by number. The store is asked only for those that are not at hand.
    fn turns_found(
        &self,
        scope: &Scope,
        opening: &Opening,
        seqs: &[u64],
    ) -> Result<HashMap<u64, Arc<Turn>>, MemoryError> {
        let Some(revision) = opening.revision else { return Ok(HashMap::new()) };
        let mut turns = self.turns.get(scope, revision, seqs);
        let missing: Vec<u64> = seqs.iter().copied().filter(|seq| !turns.contains_key(seq)).collect();
        if !missing.is_empty() {
            let read: Vec<Arc<Turn>> = self.store.turns(scope, &missing)?.into_iter().map(Arc::new).collect();
            self.turns.keep(scope, revision, read.iter().cloned());
            turns.extend(read.into_iter().map(|turn| (turn.id.seq, turn)));
        }
        Ok(turns)
    }

    /// Items from the best on while their text fits; one that does not is passed over for smaller ones after it.
    fn within(&self, items: Vec<RecalledItem>, budget_tokens: usize) -> Vec<RecalledItem> {
        let mut left = budget_tokens;
        items
            .into_iter()
            .filter(|item| {
                let tokens = self.settings.token_encoding.count(item.text());
                let fits = tokens <= left;
                if fits {
                    left -= tokens;
                }
                fits
            })
            .collect()
    }

    fn embed_query(request: &RecallRequest, models: ModelsAtHand) -> Asked {
        let Some(serving) = models.serving else {
            let degraded =
                if models.other_serves.is_some() { Degraded::OtherModelServes } else { Degraded::NoModel };
            return Asked { model: None, embedding: None, degraded: Some(degraded) };
        };
        let mut asked = Asked { model: Some(serving.number), embedding: None, degraded: None };
        let by_words = matches!(request.ranking, RankingKind::Lexical | RankingKind::Bm25);
        if by_words || request.query.trim().is_empty() {
            return asked;
        }
        match serving.embedder.embed(EmbedRole::Query, &[&request.query], request.embed_deadline) {
            Ok(mut embeddings) => asked.embedding = embeddings.pop(),
            Err(EmbedError::DeadlineExceeded) => asked.degraded = Some(Degraded::ModelLate),
            Err(error) => {
                tracing::warn!(%error, "a query is answered by words alone");
                asked.degraded = Some(Degraded::ModelFailed);
            }
        }
        asked
    }
}

/// Runs a stage and notes how long it took.
pub(super) fn timed<T>(timings: &mut Vec<StageTiming>, stage: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = run();
    timings.push(StageTiming { stage: stage.to_owned(), took: start.elapsed() });
    value
}
