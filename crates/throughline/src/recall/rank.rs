//! The ranking: which passages of a shard answer a query, and how well.
//!
//! The score of a turn is a sum of parts, each a pure function in a file of its own: the arms (BM25, cosine, MaxSim′) as
//! z-scores over all turns that pass the filters, so that they are on one scale for any kind of text, and what the
//! conversation's structure adds to them. Of each turn the passage that answers best is returned.

use jiff::tz::TimeZone;

use crate::model::Timestamp;

use super::arms::{self, Arm, LateArm};
use super::filter::Filters;
use super::fusion::reciprocal_ranks;
use super::query::Query;
use super::request::{Priors, RankingKind, Scores};
use super::shard::{Shard, Turn};
use super::weights::Weights;
use super::window::Window;
use super::{answer, confidence, date, role, session, speaker, top};

/// A passage and its scores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) turn: u64,
    pub(crate) bytes: (u32, u32),
    pub(crate) score: f32,
    pub(crate) scores: Scores,
    pub(crate) confidence: f32,
}

/// What is ranked and by what.
pub(crate) struct Ranking<'a> {
    /// In the words of whoever asks.
    pub(crate) text: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) filters: &'a Filters,
    pub(crate) kind: RankingKind,
    pub(crate) priors: Priors,
    /// When it is asked, and where.
    pub(crate) now: Timestamp,
    pub(crate) zone: &'a TimeZone,
    /// At most so many turns.
    pub(crate) limit: usize,
}

/// The best passages of the shard, one a turn, best first; among equals the later said.
pub(crate) fn rank(shard: &Shard, ranking: &Ranking<'_>) -> Vec<Ranked> {
    let wanted = wanted(shard, ranking.filters);
    let places: Vec<u32> =
        (0..).zip(&wanted).filter(|(_, wanted)| **wanted).map(|(place, _)| place).collect();
    if places.is_empty() {
        return Vec::new();
    }
    let weights = weights(ranking);
    let window = Window::new(shard, &weights);
    let parts = Parts::new(shard, ranking, weights, &window, &wanted);
    let scored = places.into_iter().map(|place| (parts.total(place as usize), place)).collect();
    let best = top::top(scored, ranking.limit);
    let passages = parts.best_passages(shard, &best);
    let found: Vec<(usize, usize)> =
        best.iter().zip(passages).map(|((_, place), passage)| (*place as usize, passage)).collect();
    let confidence = confidence::confidence(
        shard,
        ranking.query,
        parts.late.as_ref(),
        parts.dense.as_ref(),
        &parts.lexical,
        &found,
    );
    best.iter()
        .zip(found)
        .zip(confidence)
        .map(|(((score, _), (place, passage)), confidence)| Ranked {
            turn: shard.turns[place].seq,
            bytes: shard.passages[passage].bytes,
            score: *score,
            scores: parts.scores(place, passage),
            confidence,
        })
        .collect()
}

fn weights(ranking: &Ranking<'_>) -> Weights {
    match (&ranking.query.vector, ranking.query.tokens.is_empty()) {
        _ if ranking.kind == RankingKind::Lexical => Weights::LEXICAL,
        (None, _) => Weights::LEXICAL,
        (Some(_), true) => Weights::WITHOUT_TOKENS,
        (Some(_), false) => Weights::FULL,
    }
}

/// By place: whether the turn passes the filters.
fn wanted(shard: &Shard, filters: &Filters) -> Vec<bool> {
    let tags = filters.tags();
    let sessions = filters.session_tags();
    let roles: Vec<u8> = filters.roles.iter().map(|role| role.code()).collect();
    let from = filters.from.map(Timestamp::as_millisecond);
    let until = filters.until.map(Timestamp::as_millisecond);
    let passes = |turn: &Turn| {
        (roles.is_empty() || roles.contains(&turn.role))
            && from.is_none_or(|from| turn.time_ms >= from)
            && until.is_none_or(|until| turn.time_ms < until)
            && (sessions.is_empty() || sessions.iter().any(|tag| turn.tags.contains(tag)))
            && tags.iter().all(|tag| turn.tags.contains(tag))
    };
    shard.turns.iter().map(passes).collect()
}

/// The parts of all scores, by place of the turn; a part that has no say is missing.
struct Parts {
    weights: Weights,
    lexical: Arm,
    dense: Option<Arm>,
    late: Option<LateArm>,
    /// Set where the score is that of a simple ranking instead of the sum of the parts.
    simple: Option<Vec<f32>>,
    answer: Option<Vec<f32>>,
    session: Option<Vec<f32>>,
    date: Option<Vec<f32>>,
    speaker: Option<Vec<f32>>,
    role: Option<Vec<f32>>,
}

impl Parts {
    fn new(
        shard: &Shard,
        ranking: &Ranking<'_>,
        weights: Weights,
        window: &Window<'_>,
        wanted: &[bool],
    ) -> Self {
        let Ranking { kind, priors, query, .. } = *ranking;
        let structured = matches!(kind, RankingKind::Full | RankingKind::Lexical);
        let windowed = Some(window).filter(|_| structured && priors.neighbours);
        let lexical = arms::lexical(shard, query, wanted, windowed);
        let by_meaning = weights.dense > 0.0;
        let dense =
            query.vector.as_deref().filter(|_| by_meaning).map(|vector| arms::dense(shard, vector, wanted));
        let late = Some(&query.tokens)
            .filter(|_| by_meaning && structured)
            .and_then(|tokens| arms::late(shard, tokens, wanted, windowed));
        let mut parts = Self {
            weights,
            lexical,
            dense,
            late,
            simple: None,
            answer: None,
            session: None,
            date: None,
            speaker: None,
            role: None,
        };
        if !structured {
            parts.simple = Some(parts.simple(kind));
            return parts;
        }
        let turns = 0..shard.turns.len();
        if priors.neighbours {
            let fused: Vec<f32> = turns.clone().map(|place| parts.fused(place)).collect();
            parts.answer = Some(answer::of_questions(shard, &fused, |place| window.room(place)));
        }
        if priors.session {
            let plain: Vec<f32> = turns.map(|place| parts.plain(place)).collect();
            parts.session = Some(session::session_prior(shard, &plain, wanted));
        }
        parts.date =
            priors.date.then(|| date::nearness(shard, ranking.text, ranking.now, ranking.zone)).flatten();
        parts.speaker = priors.speaker.then(|| speaker::named(shard, ranking.text)).flatten();
        parts.role = priors.role.then(|| role::said_by_user(shard)).flatten();
        parts
    }

    fn arms(&self) -> [(f32, Option<&Arm>); 3] {
        let Weights { lexical, dense, late, .. } = self.weights;
        let late_arm = self.late.as_ref().map(|late| &late.arm);
        [(lexical, Some(&self.lexical)), (dense, self.dense.as_ref()), (late, late_arm)]
    }

    fn fused(&self, place: usize) -> f32 {
        self.arms().into_iter().filter_map(|(weight, arm)| Some(weight * arm?.turns[place])).sum()
    }

    /// The arms' sum without weights.
    fn plain(&self, place: usize) -> f32 {
        self.arms().into_iter().filter_map(|(_, arm)| Some(arm?.turns[place])).sum()
    }

    /// A ranking that other products have, for comparison.
    fn simple(&self, kind: RankingKind) -> Vec<f32> {
        let dense = self.dense.as_ref().map_or(&self.lexical.turns, |arm| &arm.turns);
        match kind {
            RankingKind::Dense => dense.clone(),
            RankingKind::ReciprocalRanks => reciprocal_ranks(&[&self.lexical.turns, dense]),
            _ => self.lexical.turns.clone(),
        }
    }

    fn total(&self, place: usize) -> f32 {
        if let Some(simple) = &self.simple {
            return simple[place];
        }
        self.fused(place) + self.structure(place).into_iter().sum::<f32>()
    }

    /// What answer, session, date, speaker and role add.
    fn structure(&self, place: usize) -> [f32; 5] {
        let weights = &self.weights;
        [
            (weights.after_question, &self.answer),
            (weights.session, &self.session),
            (weights.date, &self.date),
            (weights.speaker, &self.speaker),
            (weights.role, &self.role),
        ]
        .map(|(weight, part)| part.as_ref().map_or(0.0, |part| weight * part[place]))
    }

    /// Of each of these turns the passage with the highest fused score; the earliest among equals.
    fn best_passages(&self, shard: &Shard, turns: &[(f32, u32)]) -> Vec<usize> {
        let order: std::collections::HashMap<u32, usize> =
            turns.iter().enumerate().map(|(order, (_, place))| (*place, order)).collect();
        let mut best = vec![(f32::NEG_INFINITY, 0); turns.len()];
        for (at, passage) in shard.passages.iter().enumerate() {
            let Some(&order) = order.get(&passage.turn) else { continue };
            let fused: f32 =
                self.arms().into_iter().filter_map(|(weight, arm)| Some(weight * arm?.passages[at])).sum();
            if fused > best[order].0 {
                best[order] = (fused, at);
            }
        }
        best.into_iter().map(|(_, at)| at).collect()
    }

    fn scores(&self, place: usize, passage: usize) -> Scores {
        let raw = |arm: Option<&Arm>| arm.map(|arm| arm.raw[passage]).filter(|raw| !raw.is_nan());
        let [lexical, dense, late] =
            self.arms().map(|(weight, arm)| arm.map_or(0.0, |arm| weight * arm.turns[place]));
        let [answer, session, date, speaker, role] = self.structure(place);
        Scores {
            bm25: self.lexical.raw[passage],
            cosine: raw(self.dense.as_ref()),
            max_sim: raw(self.late.as_ref().map(|late| &late.arm)),
            lexical,
            dense,
            late,
            answer,
            session,
            date,
            speaker,
            role,
        }
    }
}
