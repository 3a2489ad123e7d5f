//! How sure it is that a passage helps with the query: "nothing relevant" is an answer.
//!
//! z-scores order turns within one query and say nothing across queries, so confidence goes by raw scores. It is the part
//! of the query's significant words that a turn answers, itself or with the question it follows, rare words counting
//! more, in the clause that it answers best: a question of two parts may be answered by two turns. With tokens "answer"
//! is a cosine, without it is having the word. Other neighbours do not count here as they do in the ranking: what stands
//! beside a good turn is mostly not worth a model's attention ("Great!").
//!
//! The part goes through a logistic function, fitted on LoCoMo conversations against another conversation that was asked the
//! same questions with the names swapped, both kinds weighing the same. So 0.3 means that of items which are as likely evidence
//! as passages of a memory without the answer, 30 % are evidence: within 5 points there, less sure on long chat messages. It is
//! a scale for thresholds, not the chance that an item answers the question, which depends on how much there is to find.
//! `throughline eval confidence` measures it; `docs/recall.md` has what each threshold loses and avoids.

use super::arms::{Arm, LateArm};
use super::query::Query;
use super::selection::Selection;
use super::shard::Shard;
use super::weights::Weights;
use super::window::Neighbours;

/// Below it a passage is not shown to a model.
pub(super) const CONFIDENCE_MIN: f32 = 0.15;

/// Turns that a scope is taken to have more than it has, so that in a small one no word seems rarer than it is.
const TURNS_ADDED: f32 = 200.0;

/// A prior of this weight and value keeps clauses of few words from extremes.
const PRIOR: (f32, f32) = (5.0, 0.3);

/// Slope and offset of each logistic function. That by words was fitted while all neighbours counted.
const BY_TOKENS: (f32, f32) = (22.8, -8.2);
const BY_WORDS: (f32, f32) = (6.83, -2.56);
/// Of cosine + share of the best possible BM25, where the model shows no tokens.
const BY_VECTOR: (f32, f32) = (9.3, -5.0);

fn logistic((slope, offset): (f32, f32), x: f32) -> f32 {
    1.0 / (1.0 + (-(slope * x + offset)).exp())
}

/// The confidence, 0 … 1, of each of these turns of the selection, whose best passages stand beside them.
pub(super) fn confidence(
    shard: &Shard,
    selection: &Selection,
    query: &Query,
    late: Option<&LateArm>,
    dense: Option<&Arm>,
    lexical: &Arm,
    found: &[(usize, usize)],
) -> Vec<f32> {
    if let Some(late) = late {
        return by_tokens(shard, selection, query, late, found);
    }
    let Some(dense) = dense else { return by_words(shard, selection, query, found) };
    let unreachable = shard.lexical.unreachable(&query.terms);
    let part = |bm25: f32| if unreachable > 0.0 { bm25 / unreachable } else { 0.0 };
    let cosine = |passage: usize| Some(dense.raw[passage]).filter(|cosine| !cosine.is_nan());
    let of = |&(_, passage): &(usize, usize)| match cosine(passage) {
        Some(cosine) => logistic(BY_VECTOR, cosine + part(lexical.raw[passage])),
        None => logistic(BY_WORDS, part(lexical.raw[passage])),
    };
    found.iter().map(of).collect()
}

/// A turn with the question it answers, if it answers one.
fn with_question(shard: &Shard, selection: &Selection, turn: usize) -> Neighbours {
    Neighbours::of(shard, selection, &Weights::ANSWERS, turn)
}

fn by_tokens(
    shard: &Shard,
    selection: &Selection,
    query: &Query,
    late: &LateArm,
    found: &[(usize, usize)],
) -> Vec<f32> {
    let rarity: Vec<f32> =
        query.tokens.iter().map(|token| shard.lexical.rarity(token.word, TURNS_ADDED)).collect();
    let answered = |turn: usize| {
        let neighbours = with_question(shard, selection, turn);
        let mut clauses = vec![(PRIOR.0 * PRIOR.1, PRIOR.0); query.clauses.len().max(1)];
        for ((token, rarity), best) in query.tokens.iter().zip(&rarity).zip(&late.best) {
            let (sum, weight) = &mut clauses[token.clause];
            // A turn without tokens of its own may still have neighbours that answer.
            let best = neighbours.lifted(best, turn);
            *sum += rarity * best;
            *weight += rarity;
        }
        clauses.into_iter().map(|(sum, weight)| sum / weight).fold(0.0, f32::max)
    };
    found.iter().map(|(turn, _)| logistic(BY_TOKENS, answered(*turn))).collect()
}

fn by_words(shard: &Shard, selection: &Selection, query: &Query, found: &[(usize, usize)]) -> Vec<f32> {
    let neighbours: Vec<_> = found.iter().map(|(turn, _)| with_question(shard, selection, *turn)).collect();
    let mut best = vec![0.0_f32; found.len()];
    let mut has = vec![0.0_f32; selection.turns.len()];
    for clause in &query.clauses {
        let (mut parts, mut whole) = (vec![0.0; found.len()], 0.0);
        for term in clause {
            let rarity = shard.lexical.rarity(term.hash, TURNS_ADDED);
            whole += rarity;
            has.fill(0.0);
            selection.scores(shard, term.hash, |turn, _, _| has[turn] = 1.0);
            for ((part, (turn, _)), neighbours) in parts.iter_mut().zip(found).zip(&neighbours) {
                *part += rarity * neighbours.lifted(&has, *turn);
            }
        }
        if whole > 0.0 {
            best.iter_mut().zip(parts).for_each(|(best, part)| *best = best.max(part / whole));
        }
    }
    best.into_iter().map(|part| if part > 0.0 { logistic(BY_WORDS, part) } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_rises_with_what_is_answered() {
        assert!(logistic(BY_TOKENS, 0.2) < 0.05 && logistic(BY_TOKENS, 0.6) > 0.99);
        assert!(logistic(BY_WORDS, 0.1) < 0.15 && logistic(BY_WORDS, 0.9) > 0.95);
        assert!(logistic(BY_VECTOR, 0.2) < 0.1 && logistic(BY_VECTOR, 0.9) > 0.9);
    }
}
