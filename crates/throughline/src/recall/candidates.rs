//! The first look at a large scope: which turns the whole ranking is worth for.
//!
//! Up to [`EXACT_TURNS_MAX`] turns every one is ranked in full. Beyond, all turns are compared by BM25 and by a 1-bit sketch of
//! their vectors (48 bytes each, one table look-up for 64 of them), the best are ranked in full together with their
//! neighbours, and a sample of runs taken evenly from all turns gives the means and deviations. Filters come first, so
//! they are exact at every size.

use super::fusion::mean_and_deviation;
use super::query::Query;
use super::rank::Ranking;
use super::selection::Selection;
use super::shard::Shard;
use super::top::Best;
use super::wanted::Wanted;
use super::weights::Weights;

/// Turns of a scope that are all ranked in full.
pub(crate) const EXACT_TURNS_MAX: usize = 8_192;

/// How many passages of a larger scope have their turns ranked in full, and for how many of these, the best, the turns around
/// them as well.
pub(super) struct Chosen {
    passages_max: usize,
    with_neighbours_max: usize,
}

/// Of random words, the hardest case, 98 of 100 of the ten best of 20,000 turns are those of the exact ranking. With
/// neighbours for twice as many it is 99, for a third more turns to rank; with half of both, 96.
const CHOSEN: Chosen = Chosen { passages_max: 2_048, with_neighbours_max: 512 };

/// Where vectors are read from the store: 96 of 100.
pub(super) const CHOSEN_TO_READ: Chosen = Chosen { passages_max: 1_024, with_neighbours_max: 256 };

impl Chosen {
    fn of(shard: &Shard) -> &'static Self {
        if shard.vectors().is_some() { &CHOSEN } else { &CHOSEN_TO_READ }
    }

    /// At most so many turns, each of a passage or two before and two after it.
    #[cfg(test)]
    pub(super) const fn turns_max(&self) -> usize {
        self.passages_max + 4 * self.with_neighbours_max
    }
}

/// Turns that stand for all when means and deviations are taken: so many and up to twice as many, so that the sample stays
/// the same while a scope grows.
pub(super) const SAMPLE_TURNS: usize = 1_024;

/// Turns of the sample that follow one another: what neighbours add must be in the means too.
const RUN_TURNS: usize = 16;

/// The first look leaves out words that more than one of so many passages has, if there are rarer ones.
const COMMON_WORD: usize = 8;

/// All of the wanted turns if they are few, else those worth ranking.
pub(super) fn select(shard: &Shard, ranking: &Ranking<'_>, weights: &Weights, wanted: &Wanted) -> Selection {
    if ranking.exact || wanted.count() <= EXACT_TURNS_MAX {
        return Selection::all(shard, wanted.places());
    }
    // The largest power of two that leaves enough.
    let spread = 1 << (wanted.count() / SAMPLE_TURNS).ilog2();
    let sample = wanted.runs(RUN_TURNS, spread);
    let mut chosen = Vec::new();
    for (rank, place) in first_look(shard, ranking.query, weights, wanted, &sample).into_iter().enumerate() {
        if rank >= Chosen::of(shard).with_neighbours_max {
            chosen.push(place);
            continue;
        }
        let links = shard.links[place as usize];
        let before_that = links.before.and_then(|before| shard.links[before as usize].before);
        let after_that = links.after.and_then(|after| shard.links[after as usize].after);
        // In the order they were said, so that what stands together is read together.
        let around = [before_that, links.before, Some(place), links.after, after_that];
        chosen.extend(around.into_iter().flatten().filter(|place| wanted.has(*place)));
    }
    Selection::sampled(shard, sample, &chosen, wanted.count())
}

/// The wanted turns with the best passages by BM25 and the cosine of the sketch, each over its deviation in the sample.
fn first_look(shard: &Shard, query: &Query, weights: &Weights, wanted: &Wanted, sample: &[u32]) -> Vec<u32> {
    let mut documents = Vec::with_capacity(sample.len());
    for place in sample {
        shard.passages_of(*place, |document| documents.push(document));
    }
    let scale = |weight: f32, values: &[f32]| {
        let sample: Vec<f32> = documents.iter().map(|document| values[*document as usize]).collect();
        weight / mean_and_deviation(&sample, None).1
    };
    let mut lexical = vec![0.0_f32; shard.passages.len()];
    let common = shard.passages.len() / COMMON_WORD;
    let is_rare = |term: &&crate::text::terms::Term| shard.lexical.count(term.hash) <= common;
    let any_rare = query.terms.iter().any(|term| is_rare(&term));
    for term in query.terms.iter().filter(|term| !any_rare || is_rare(term)) {
        for (document, score) in shard.lexical.scores(term.hash) {
            lexical[document as usize] += score;
        }
    }
    // Late interaction is not looked at yet; what it would say goes partly with the words and partly with the cosine.
    let by_words = scale(weights.lexical + weights.late / 2.0, &lexical);
    let mut scores = lexical;
    for score in &mut scores {
        *score *= by_words;
    }
    let vector = query.vector.as_deref().filter(|_| weights.dense > 0.0);
    if let Some(cosines) = vector.and_then(|vector| shard.sketches()?.cosines(vector)) {
        let by_meaning = scale(weights.dense + weights.late / 2.0, &cosines);
        for (score, cosine) in scores.iter_mut().zip(cosines) {
            *score += if cosine.is_nan() { 0.0 } else { by_meaning * cosine };
        }
    }
    let mut best = Best::new(Chosen::of(shard).passages_max);
    for (score, passage) in scores.into_iter().zip(&shard.passages) {
        if best.admits(score) && wanted.has(passage.turn) {
            best.offer(score, passage.turn);
        }
    }
    best.into_sorted().into_iter().map(|(_, place)| place).collect()
}
