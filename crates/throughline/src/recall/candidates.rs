//! The first look at a very large scope: which turns the whole ranking is worth for.
//!
//! Up to [`EXACT_TURNS_MAX`] turns every one is ranked in full. Beyond, all turns are compared by BM25 and by a 1-bit sketch of
//! their vectors (48 bytes each, one table look-up for 64 of them), the best are ranked in full together with their
//! neighbours, and a sample taken evenly from all turns gives the means and deviations. Filters come first, so they are
//! exact at every size.

use super::fusion::deviation;
use super::query::Query;
use super::selection::Selection;
use super::shard::Shard;
use super::top;
use super::weights::Weights;

/// Turns of a scope that are all ranked in full.
pub(crate) const EXACT_TURNS_MAX: usize = 8_192;

/// Turns of a larger scope that are, besides their neighbours and the sample.
const CHOSEN_TURNS_MAX: usize = 1_000;

/// Turns that stand for all when means and deviations are taken.
const SAMPLE_TURNS: usize = 4_000;

/// All of the wanted turns if they are few, else those worth ranking.
pub(super) fn select(
    shard: &Shard,
    query: &Query,
    weights: &Weights,
    wanted: Vec<u32>,
    exact_turns_max: usize,
) -> Selection {
    if wanted.len() <= exact_turns_max.max(SAMPLE_TURNS) {
        let sampled = wanted.len();
        return Selection::new(shard, wanted, sampled);
    }
    let scores = first_look(shard, query, weights, &wanted);
    let stride = wanted.len() / SAMPLE_TURNS;
    let mut turns: Vec<u32> = wanted.iter().copied().step_by(stride).take(SAMPLE_TURNS).collect();
    let sampled = turns.len();
    let mut is_wanted = vec![false; shard.turns.len()];
    for place in &wanted {
        is_wanted[*place as usize] = true;
    }
    for place in &turns {
        is_wanted[*place as usize] = false;
    }
    let best = top::top(scores.into_iter().zip(wanted).collect(), CHOSEN_TURNS_MAX);
    for (_, place) in best {
        let links = shard.links[place as usize];
        let before_that = links.before.and_then(|before| shard.links[before as usize].before);
        let after_that = links.after.and_then(|after| shard.links[after as usize].after);
        for place in [Some(place), links.before, links.after, before_that, after_that].into_iter().flatten() {
            // Each turn once, and none that the filters leave out.
            if std::mem::take(&mut is_wanted[place as usize]) {
                turns.push(place);
            }
        }
    }
    Selection::new(shard, turns, sampled)
}

/// For each wanted turn BM25 and the cosine of its sketch, each over its deviation, by weight.
fn first_look(shard: &Shard, query: &Query, weights: &Weights, wanted: &[u32]) -> Vec<f32> {
    let mut lexical = vec![0.0_f32; shard.turns.len()];
    for (document, score) in query.terms.iter().flat_map(|term| shard.lexical.scores(term.hash)) {
        lexical[shard.passages[document as usize].turn as usize] += score;
    }
    let scale = |weight: f32, values: &[f32]| weight / deviation(values);
    let sample = |values: &[f32]| -> Vec<f32> {
        let stride = (wanted.len() / SAMPLE_TURNS).max(1);
        wanted.iter().step_by(stride).map(|place| values[*place as usize]).collect()
    };
    // Late interaction is not looked at yet; what it would say goes partly with the words and partly with the cosine.
    let by_words = scale(weights.lexical + weights.late / 2.0, &sample(&lexical));
    let mut scores: Vec<f32> = wanted.iter().map(|place| by_words * lexical[*place as usize]).collect();
    let Some(vector) = query.vector.as_deref().filter(|_| weights.dense > 0.0) else { return scores };
    let Some(cosines) = shard.sketches().and_then(|sketches| sketches.cosines(vector)) else { return scores };
    let mut by_turn = vec![f32::NAN; shard.turns.len()];
    for (passage, cosine) in shard.passages.iter().zip(cosines) {
        let best = &mut by_turn[passage.turn as usize];
        *best = best.max(cosine);
    }
    let by_meaning = scale(weights.dense + weights.late / 2.0, &sample(&by_turn));
    for (score, place) in scores.iter_mut().zip(wanted) {
        let cosine = by_turn[*place as usize];
        *score += if cosine.is_nan() { 0.0 } else { by_meaning * cosine };
    }
    scores
}
