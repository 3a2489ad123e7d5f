//! The ranking: which passages of a shard answer a query, and how well.
//!
//! The score of a passage is the sum of the z-scores of its arms over all passages that pass the filters: BM25 for
//! the words in common, the cosine for the meaning. A z-score puts both on one scale without a weight that would
//! have to be tuned to a kind of text.

use crate::text::terms;

use super::filter::Filters;
use super::fusion::z_scores;
use super::relevance::is_relevant;
use super::request::ArmScores;
use super::shard::{Entry, Shard};
use super::top;

/// A passage and its scores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) turn: u64,
    pub(crate) bytes: (u32, u32),
    pub(crate) score: f32,
    pub(crate) scores: ArmScores,
    pub(crate) relevant: bool,
}

/// What is ranked and by what.
pub(crate) struct Ranking<'a> {
    pub(crate) query: &'a str,
    pub(crate) vector: Option<&'a [f32]>,
    pub(crate) filters: &'a Filters,
    /// At most so many turns.
    pub(crate) limit: usize,
}

/// The best passages of the shard, one a turn, best first; among equals the later said.
pub(crate) fn rank(shard: &Shard, ranking: &Ranking<'_>) -> Vec<Ranked> {
    let wanted = candidates(shard, ranking.filters);
    if wanted.is_empty() {
        return Vec::new();
    }
    let query = terms::terms(ranking.query);
    let mut lexical = vec![0.0; shard.entries.len()];
    let lexical_best = shard.lexical.score(&query, &mut lexical);
    let dense = ranking.vector.map(|vector| {
        let mut cosines = vec![f32::NAN; shard.entries.len()];
        shard.dense.score(vector, &mut cosines);
        cosines
    });

    let pick = |all: &[f32]| wanted.iter().map(|&place| all[place as usize]).collect::<Vec<f32>>();
    let mut scores = pick(&lexical);
    z_scores(&mut scores);
    if let Some(cosines) = &dense {
        let mut arm = pick(cosines);
        z_scores(&mut arm);
        scores.iter_mut().zip(arm).for_each(|(score, z)| *score += z);
    }

    let best = best_passage_of_each_turn(shard, &wanted, &scores);
    top::top(best, ranking.limit)
        .into_iter()
        .map(|(score, place)| {
            let entry = &shard.entries[place as usize];
            let arms = ArmScores {
                lexical: lexical[place as usize],
                dense: dense
                    .as_ref()
                    .map(|cosines| cosines[place as usize])
                    .filter(|cosine| !cosine.is_nan()),
            };
            let relevant = is_relevant(arms, lexical_best);
            Ranked { turn: entry.turn, bytes: entry.bytes, score, scores: arms, relevant }
        })
        .collect()
}

fn candidates(shard: &Shard, filters: &Filters) -> Vec<u32> {
    let tags = filters.tags();
    let sessions = filters.session_tags();
    let roles: Vec<u8> = filters.roles.iter().map(|role| role.code()).collect();
    let from = filters.from.map(crate::model::Timestamp::as_millisecond);
    let until = filters.until.map(crate::model::Timestamp::as_millisecond);
    let passes = |entry: &Entry| {
        (roles.is_empty() || roles.contains(&entry.role))
            && from.is_none_or(|from| entry.time_ms >= from)
            && until.is_none_or(|until| entry.time_ms < until)
            && (sessions.is_empty() || sessions.iter().any(|tag| entry.tags.contains(tag)))
            && tags.iter().all(|tag| entry.tags.contains(tag))
    };
    (0_u32..).zip(&shard.entries).filter(|(_, entry)| passes(entry)).map(|(place, _)| place).collect()
}

/// `(score, place)` of each turn's best passage. The passages of a turn came in together, so they stand together.
fn best_passage_of_each_turn(shard: &Shard, wanted: &[u32], scores: &[f32]) -> Vec<(f32, u32)> {
    let turn = |place: u32| shard.entries[place as usize].turn;
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(wanted.len());
    for (&place, &score) in wanted.iter().zip(scores) {
        match best.last_mut() {
            Some(of_turn) if turn(of_turn.1) == turn(place) => {
                if score > of_turn.0 {
                    *of_turn = (score, place);
                }
            }
            _ => best.push((score, place)),
        }
    }
    best
}
