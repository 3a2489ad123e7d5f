//! The first look at a large scope: which turns the whole ranking is worth for.
//!
//! Up to [`EXACT_TURNS_MAX`] turns every one is ranked in full. Beyond, all turns are compared by BM25 and by a 1-bit sketch of
//! their vectors (48 bytes each, one table look-up for 64 of them) or, where a vector index has them, by what it finds; the best of these and the turns around them, by what
//! neighbours and structure add; the best of those are ranked in full, again with the turns around them, and a sample of
//! runs taken evenly from all turns gives the means and deviations. Filters come first, so they are exact at every size.

use crate::ports::StoreError;
use crate::text::terms::Term;

use super::fusion::mean_and_deviation;
use super::nearest::{self, FirstCosines};
use super::query::Query;
use super::rank::Ranking;
use super::request::RankingKind;
use super::selection::Selection;
use super::shard::Shard;
use super::structure::Structure;
use super::top::{Best, top};
use super::vectors::ReadRows;
use super::wanted::Wanted;
use super::weights::Weights;
use super::window::Neighbours;

/// Turns of a scope that are all ranked in full.
pub(crate) const EXACT_TURNS_MAX: usize = 8_192;

/// Turns that the second look is for: those that say most by themselves, and the turns around them.
const LOOKED_AT_TWICE_TURNS: usize = 1_024;

/// Turns that are ranked in full, together with the turns around them. Of the ten best of 38,000 turns of real text nearly all
/// are among them: docs/recall.md.
const CHOSEN_TURNS: usize = 512;

/// The same where their vectors are read from the store, which takes most of such a search's time.
pub(super) const CHOSEN_TO_READ_TURNS: usize = 256;

/// What of its neighbours' scores a turn takes, as part of the window's shares: the window takes the best of each word, and
/// neighbours that have the same words add nothing.
const WINDOW_SHARE: f32 = 0.5;

/// Turns that stand for all when means and deviations are taken: so many and up to twice as many, so that the sample stays
/// the same while a scope grows.
pub(super) const SAMPLE_TURNS: usize = 4_096;

/// Turns of the sample that follow one another: what neighbours add must be in the means too.
const RUN_TURNS: usize = 16;

/// The first look leaves out words that more than one of so many passages has, if there are rarer ones.
const COMMON_WORD: usize = 8;

/// All of the wanted turns if they are few, else those worth ranking.
pub(super) fn select(
    shard: &Shard,
    ranking: &Ranking<'_>,
    weights: &Weights,
    wanted: &Wanted,
    rows: ReadRows<'_>,
) -> Result<Selection, StoreError> {
    if ranking.exact || wanted.count() <= EXACT_TURNS_MAX {
        return Ok(Selection::all(shard, wanted.places()));
    }
    // The largest power of two that leaves enough.
    let spread = 1 << (wanted.count() / SAMPLE_TURNS).ilog2();
    let sample = wanted.runs(RUN_TURNS, spread);
    let scores = first_look(shard, ranking, weights, &sample, rows)?;
    let mut best = Best::new(LOOKED_AT_TWICE_TURNS);
    for (score, place) in scores.iter().zip(0..) {
        if best.admits(*score) && wanted.has(place) {
            best.offer(*score, place);
        }
    }
    let best: Vec<u32> = best.into_sorted().into_iter().map(|(_, place)| place).collect();
    let looked_at = Selection::all(shard, with_neighbours(shard, wanted, &best));
    let chosen = second_look(shard, ranking, weights, &looked_at, &scores);
    Ok(Selection::sampled(shard, sample, &with_neighbours(shard, wanted, &chosen), wanted.count()))
}

/// The turns and those around them, in the order they were said, so that what stands together is read together.
fn with_neighbours(shard: &Shard, wanted: &Wanted, places: &[u32]) -> Vec<u32> {
    let all = places.iter().flat_map(|place| {
        let [before, after, before_that, after_that] = shard.around(*place);
        [before_that, before, Some(*place), after, after_that]
    });
    all.flatten().filter(|place| wanted.has(*place)).collect()
}

/// By place, what the best passage of each turn says: BM25 and the cosine, each over its deviation in the sample.
fn first_look(
    shard: &Shard,
    ranking: &Ranking<'_>,
    weights: &Weights,
    sample: &[u32],
    rows: ReadRows<'_>,
) -> Result<Vec<f32>, StoreError> {
    let mut documents = Vec::with_capacity(sample.len());
    for place in sample {
        shard.passages_of(*place, |document| documents.push(document));
    }
    // Late interaction is not looked at yet; what it would say goes partly with the words and partly with the cosine.
    let (by_words, by_meaning) = match ranking.kind {
        RankingKind::Bm25 => (1.0, 0.0),
        RankingKind::Dense => (0.0, 1.0),
        _ => (weights.lexical + weights.late / 2.0, weights.dense + weights.late / 2.0),
    };
    let mut scores =
        if by_words > 0.0 { words(shard, ranking.query) } else { vec![0.0; shard.passages.len()] };
    let (_, deviation) = scale(&documents, &scores);
    for score in &mut scores {
        *score *= by_words / deviation;
    }
    let vector = ranking.query.vector.as_deref().filter(|_| by_meaning > 0.0);
    let looked = vector.map(|vector| nearest::first_cosines(shard, ranking, vector, &documents, rows));
    if let Some(FirstCosines { cosines, mean, deviation }) = looked.transpose()?.flatten() {
        let scaled = by_meaning / deviation;
        for (score, cosine) in scores.iter_mut().zip(cosines) {
            *score += if cosine.is_nan() { 0.0 } else { scaled * (cosine - mean) };
        }
    }
    let mut best = vec![f32::NEG_INFINITY; shard.turns.len()];
    for (score, passage) in scores.into_iter().zip(&shard.passages) {
        let best = &mut best[passage.turn as usize];
        *best = best.max(score);
    }
    Ok(best)
}

/// Mean and deviation of what these documents have.
pub(super) fn scale(documents: &[u32], values: &[f32]) -> (f32, f32) {
    let sample: Vec<f32> = documents.iter().map(|document| values[*document as usize]).collect();
    mean_and_deviation(&sample, None)
}

/// BM25 of each passage, by document number, as far as it is due to rare words.
fn words(shard: &Shard, query: &Query) -> Vec<f32> {
    let mut scores = vec![0.0; shard.passages.len()];
    let common = shard.passages.len() / COMMON_WORD;
    let is_rare = |term: &&Term| shard.lexical.count(term.hash) <= common;
    let any_rare = query.terms.iter().any(|term| is_rare(&term));
    for term in query.terms.iter().filter(|term| !any_rare || is_rare(term)) {
        for (document, score) in shard.lexical.scores(term.hash) {
            scores[document as usize] += score;
        }
    }
    scores
}

/// The turns with the best scores once what stands around them and the conversation's structure have their say.
fn second_look(
    shard: &Shard,
    ranking: &Ranking<'_>,
    weights: &Weights,
    selection: &Selection,
    scores: &[f32],
) -> Vec<u32> {
    let mut scores: Vec<f32> = selection.turns.iter().map(|place| scores[*place as usize]).collect();
    if matches!(ranking.kind, RankingKind::Full | RankingKind::Lexical) {
        if ranking.priors.neighbours {
            let lifted = |turn: usize| {
                let neighbours = Neighbours::of(shard, selection, weights, turn);
                scores[turn] + WINDOW_SHARE * neighbours.shared(&scores)
            };
            scores = (0..scores.len()).map(lifted).collect();
        }
        let structure = Structure::new(shard, selection, ranking, weights, &scores, &scores);
        scores = scores.iter().enumerate().map(|(turn, score)| score + structure.sum(turn)).collect();
    }
    let chosen = if shard.vectors().is_some() { CHOSEN_TURNS } else { CHOSEN_TO_READ_TURNS };
    let by_place = scores.into_iter().zip(selection.turns.iter().copied()).collect();
    top(by_place, chosen).into_iter().map(|(_, place)| place).collect()
}
