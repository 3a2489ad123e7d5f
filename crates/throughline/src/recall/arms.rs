//! What the three arms say of each passage and, through the window, of each turn.

use super::fusion::{Share, z_scores};
use super::late::{TokenScores, max_sim};
use super::query::{Query, QueryToken};
use super::selection::Selection;
use super::shard::Shard;
use super::vectors::Source;
use super::window::Window;

/// An arm: its score of each turn on the common scale, and how a passage's raw score compares on that scale.
pub(super) struct Arm {
    /// By turn of the selection: z-scores.
    pub(super) turns: Vec<f32>,
    /// By passage of the selection: what a turn that had nothing but the passage would score, without the window.
    pub(super) passages: Vec<f32>,
    /// By passage of the selection: what is shown as its score; NaN where there is none.
    pub(super) raw: Vec<f32>,
}

/// The late-interaction arm, and what confidence is made of.
pub(super) struct LateArm {
    pub(super) arm: Arm,
    /// For each token of the query the best cosine of each turn, NaN for those without tokens.
    pub(super) best: Vec<Vec<f32>>,
}

impl Arm {
    fn new(mut turns: Vec<f32>, passages: &[f32], raw: Vec<f32>, shares: Share<'_>) -> Self {
        let (mean, deviation) = z_scores(&mut turns, shares);
        let per_deviation = deviation.recip();
        let scaled = |value: &f32| if value.is_nan() { 0.0 } else { (value - mean) * per_deviation };
        Self { turns, passages: passages.iter().map(scaled).collect(), raw }
    }
}

/// BM25, each word of the query through the window.
pub(super) fn lexical(shard: &Shard, selection: &Selection, query: &Query, window: Option<&Window>) -> Arm {
    let mut raw = vec![0.0; selection.passages.len()];
    let mut turns = vec![0.0; selection.turns.len()];
    // What the turns have of one word; only those in `touched` are not 0.
    let (mut word, mut touched) = (vec![0.0_f32; turns.len()], Vec::new());
    for term in &query.terms {
        selection.scores(shard, term.hash, |turn, passage, score| {
            raw[passage] += score;
            let takers = window.into_iter().flat_map(|window| window.takers(turn));
            for (taker, share) in takers.chain([(turn, 1.0)]) {
                if word[taker] <= 0.0 {
                    touched.push(taker);
                }
                word[taker] = word[taker].max(share * score);
            }
        });
        for turn in touched.drain(..) {
            turns[turn] += std::mem::take(&mut word[turn]);
        }
    }
    Arm::new(turns, &raw.clone(), raw, selection.shares())
}

/// Cosine with the query's vector.
pub(super) fn dense(vectors: &Source<'_>, selection: &Selection, query: &[f32]) -> Arm {
    let raw = vectors.cosines(query, selection);
    Arm::new(selection.best_of_passages(&raw), &raw.clone(), raw, selection.shares())
}

/// MaxSim′ of the query's tokens, each through the window; `raw` is plain MaxSim, the mean of the best cosines. None if
/// neither query nor passages have tokens.
pub(super) fn late(
    shard: &Shard,
    vectors: &Source<'_>,
    selection: &Selection,
    tokens: &[QueryToken],
    window: Option<&Window>,
) -> Option<LateArm> {
    let query: Vec<&[f32]> = tokens.iter().map(|token| &token.vector[..]).collect();
    let table = vectors.best_tokens(&query, selection)?;
    let best: Vec<Vec<f32>> = table.iter().map(|row| selection.best_of_passages(row)).collect();
    let mut raw = vec![0.0; selection.passages.len()];
    let mut passages = raw.clone();
    let mut scores = Vec::with_capacity(table.len());
    let per_token = (table.len() as f32).recip();
    for ((row, best), token) in table.iter().zip(&best).zip(tokens) {
        let mut score = TokenScores::new(best.clone(), selection.shares());
        score.spread *= shard.lexical.weight(token.word);
        let weight = score.spread / score.deviation;
        for ((best, raw), passage) in row.iter().zip(&mut raw).zip(&mut passages) {
            *raw += best * per_token;
            *passage += if best.is_nan() { 0.0 } else { weight * (best - score.mean) };
        }
        if let Some(window) = window {
            score.z = window.lifted(&score.z);
        }
        scores.push(score);
    }
    Some(LateArm { arm: Arm::new(max_sim(&scores), &passages, raw, selection.shares()), best })
}
