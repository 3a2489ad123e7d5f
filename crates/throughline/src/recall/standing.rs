//! Standing statements of a scope: they are shown for what they are, so similarity only orders them.

use super::rank::Parts;
use super::selection::Selection;
use super::shard::Shard;
use super::top;
use super::wanted::Wanted;

/// What the latest statement is ahead of the first, in deviations of one arm: of two that contradict each other the later
/// holds, yet one that is about the question comes before a later one that is not.
const RECENCY: f32 = 1.0;

/// A passage with a standing statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    pub(crate) turn: u64,
    pub(crate) bytes: (u32, u32),
    pub(crate) score: f32,
}

/// The `limit` best of the wanted turns, best first; among equals the later said.
pub(super) fn rank(
    shard: &Shard,
    selection: &Selection,
    parts: &Parts,
    wanted: &Wanted,
    limit: usize,
) -> Vec<Standing> {
    let turn = |document: u32| &shard.turns[shard.passages[document as usize].turn as usize];
    if limit == 0 {
        return Vec::new();
    }
    let is_wanted = |document: &u32| wanted.has(shard.passages[*document as usize].turn);
    let mut documents: Vec<u32> = shard.standing.iter().copied().filter(is_wanted).collect();
    documents.sort_unstable_by_key(|document| (turn(*document).time_ms, turn(*document).seq, *document));
    let latest = documents.len().saturating_sub(1).max(1) as f32;
    // A turn that a large scope's first look passed over is taken for an average one.
    let relevance = |document| {
        let found = selection.passage(shard, document);
        found.map_or(0.0, |(turn, passage)| parts.alone(turn, passage))
    };
    let scored = documents
        .iter()
        .zip(0_u32..)
        .map(|(document, order)| (relevance(*document) + RECENCY * order as f32 / latest, order));
    top::top(scored.collect(), limit)
        .into_iter()
        .map(|(score, order)| {
            let document = documents[order as usize];
            let bytes = shard.passages[document as usize].bytes;
            Standing { turn: turn(document).seq, bytes, score }
        })
        .collect()
}
