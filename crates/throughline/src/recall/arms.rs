//! What the three arms say of each passage and, through the window, of each turn.

use super::fusion::z_scores;
use super::late::{TokenScores, max_sim};
use super::query::{Query, QueryToken};
use super::shard::Shard;
use super::window::Window;

/// An arm: its score of each turn on the common scale, and how a passage's raw score compares on that scale.
pub(super) struct Arm {
    /// By turn: z-scores over the turns that are wanted, 0 for all others.
    pub(super) turns: Vec<f32>,
    /// By passage, in the units of `turns` but for a constant.
    pub(super) passages: Vec<f32>,
    /// By passage: what is shown as its score; NaN where there is none.
    pub(super) raw: Vec<f32>,
}

/// The late-interaction arm, and what confidence is made of.
pub(super) struct LateArm {
    pub(super) arm: Arm,
    /// For each token of the query the best cosine of each turn, NaN for those without tokens or not wanted.
    pub(super) best: Vec<Vec<f32>>,
}

/// The best of a turn's passages; NaN for turns that are not wanted and where there is none.
fn by_turn(shard: &Shard, passages: &[f32], wanted: &[bool]) -> Vec<f32> {
    let mut turns = vec![f32::NAN; shard.turns.len()];
    for (passage, &score) in shard.passages.iter().zip(passages) {
        let place = passage.turn as usize;
        if wanted[place] && (turns[place].is_nan() || score > turns[place]) {
            turns[place] = score;
        }
    }
    turns
}

fn scaled(values: &[f32], by: f32) -> Vec<f32> {
    let scaled = |value: &f32| if value.is_nan() { 0.0 } else { value * by };
    values.iter().map(scaled).collect()
}

/// BM25, each word of the query through the window.
pub(super) fn lexical(shard: &Shard, query: &Query, wanted: &[bool], window: Option<&Window<'_>>) -> Arm {
    let mut raw = vec![0.0; shard.passages.len()];
    let mut turns: Vec<f32> = wanted.iter().map(|wanted| if *wanted { 0.0 } else { f32::NAN }).collect();
    // What the turns have of one word; only those in `touched` are not 0.
    let (mut word, mut touched) = (vec![0.0_f32; turns.len()], Vec::new());
    for term in &query.terms {
        for (document, score) in shard.lexical.scores(term.hash) {
            raw[document as usize] += score;
            let place = shard.passages[document as usize].turn as usize;
            if !wanted[place] {
                continue;
            }
            let takers = window.into_iter().flat_map(|window| window.takers(place));
            for (taker, share) in takers.chain([(place, 1.0)]) {
                if word[taker] <= 0.0 {
                    touched.push(taker);
                }
                word[taker] = word[taker].max(share * score);
            }
        }
        for place in touched.drain(..) {
            // Adding to a turn that is not wanted leaves it at NaN.
            turns[place] += std::mem::take(&mut word[place]);
        }
    }
    let deviation = z_scores(&mut turns);
    Arm { turns, passages: scaled(&raw, 1.0 / deviation), raw }
}

/// Cosine with the query's vector.
pub(super) fn dense(shard: &Shard, query: &[f32], wanted: &[bool]) -> Arm {
    let mut raw = vec![f32::NAN; shard.passages.len()];
    shard.dense.score(query, &mut raw);
    let mut turns = by_turn(shard, &raw, wanted);
    let deviation = z_scores(&mut turns);
    Arm { turns, passages: scaled(&raw, 1.0 / deviation), raw }
}

/// MaxSim′ of the query's tokens, each through the window; `raw` is plain MaxSim, the mean of the best cosines. None if
/// neither query nor passages have tokens.
pub(super) fn late(
    shard: &Shard,
    tokens: &[QueryToken],
    wanted: &[bool],
    window: Option<&Window<'_>>,
) -> Option<LateArm> {
    let vectors: Vec<f32> = tokens.iter().flat_map(|token| &token.vector).copied().collect();
    let table = shard.late.best(&vectors)?;
    let best: Vec<Vec<f32>> = table.iter().map(|row| by_turn(shard, row, wanted)).collect();
    let mut raw = vec![0.0; shard.passages.len()];
    let mut passages = raw.clone();
    let mut scores = Vec::with_capacity(table.len());
    for ((row, best), token) in table.iter().zip(&best).zip(tokens) {
        let mut score = TokenScores::new(best.clone());
        score.spread *= shard.lexical.weight(token.word);
        let scale = score.spread / score.deviation;
        for ((best, raw), passage) in row.iter().zip(&mut raw).zip(&mut passages) {
            *raw += best / table.len() as f32;
            *passage += if best.is_nan() { 0.0 } else { best * scale };
        }
        if let Some(window) = window {
            score.z = (0..score.z.len()).map(|place| window.lifted(&score.z, place)).collect();
        }
        scores.push(score);
    }
    let mut turns = max_sim(&scores);
    turns.iter_mut().zip(wanted).filter(|(_, wanted)| !**wanted).for_each(|(score, _)| *score = f32::NAN);
    let deviation = z_scores(&mut turns);
    Some(LateArm { arm: Arm { turns, passages: scaled(&passages, 1.0 / deviation), raw }, best })
}
