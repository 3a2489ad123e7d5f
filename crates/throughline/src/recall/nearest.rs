//! What a first look at a large scope knows of its vectors: the cosine of every sketch, or, where the shard has left its
//! vectors to an index on another server, of the nearest passages that the index names.
//!
//! An index may lag, lack entries, hold what was deleted, or be down. So rows after its mark are searched exactly here, up to
//! [`TAIL_PASSAGES_MAX`]; what it names and the shard does not have is passed over; and an answer that is too short to be whole is
//! reported. It gives candidates only: what ranks them is read from the store.

use std::cell::Cell;
use std::collections::HashSet;

use crate::ports::{NearestVectors, StoreError, VectorIndex, VectorMark, VectorSet};

use super::candidates::scale;
use super::fusion::mean_and_deviation;
use super::rank::Ranking;
use super::request::Degraded;
use super::shard::Shard;
use super::vectors::ReadRows;

/// Passages an index is asked for: twice as many as there are turns ranked in full.
const NEAREST_PASSAGES: usize = 512;

/// Passages the index does not have yet that are searched in its place: the newest. About 12 MB, read once until more come.
pub(crate) const TAIL_PASSAGES_MAX: usize = 8_192;

/// The cosines of a first look.
pub(super) struct FirstCosines {
    /// By document number; NaN if it is not known.
    pub(super) cosines: Vec<f32>,
    /// Of all documents, estimated from a sample.
    pub(super) mean: f32,
    pub(super) deviation: f32,
}

/// The part of a vector index that has the vectors of one shard.
pub(crate) struct IndexedScope<'a> {
    index: &'a dyn VectorIndex,
    set: VectorSet,
    is_resting: bool,
    seen: Cell<Seen>,
}

/// What a search noticed about the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    pub(crate) degraded: Option<Degraded>,
    /// It could not be asked.
    pub(crate) failed: bool,
    /// It lacks entries that it says it has.
    pub(crate) incomplete: bool,
}

impl<'a> IndexedScope<'a> {
    /// One that is `resting` is not asked: it failed a moment ago.
    pub(crate) fn new(index: &'a dyn VectorIndex, set: VectorSet, is_resting: bool) -> Self {
        Self { index, set, is_resting, seen: Cell::default() }
    }

    /// What was noticed since.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.get()
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.get();
        change(&mut seen);
        self.seen.set(seen);
    }

    /// What the index finds; nothing of a set that is not there yet. None if it cannot be asked.
    fn ask(&self, ranking: &Ranking<'_>, vector: &[f32]) -> Option<NearestVectors> {
        let asked = || self.index.nearest(&self.set, vector, &ranking.filters.conditions(), NEAREST_PASSAGES);
        match (!self.is_resting).then(asked) {
            Some(Ok(found)) => {
                let nothing = || NearestVectors { mark: VectorMark::default(), keys: Vec::new() };
                return Some(found.unwrap_or_else(nothing));
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "a large scope is searched without its vector index");
                self.note(|seen| seen.failed = true);
            }
            None => {}
        }
        self.note(|seen| seen.degraded = Some(Degraded::VectorIndexFailed));
        None
    }
}

/// The cosines that a first look can know; the sample gives their scale. None if there are none.
pub(super) fn first_cosines(
    shard: &Shard,
    ranking: &Ranking<'_>,
    vector: &[f32],
    sample: &[u32],
    rows: ReadRows<'_>,
) -> Result<Option<FirstCosines>, StoreError> {
    if let Some(sketches) = shard.sketches() {
        return Ok(sketches.cosines(vector).map(|cosines| {
            let (mean, deviation) = scale(sample, &cosines);
            FirstCosines { cosines, mean, deviation }
        }));
    }
    let Some(index) = ranking.index.filter(|_| shard.is_indexed()) else { return Ok(None) };
    let Some(NearestVectors { mark, keys }) = index.ask(ranking, vector) else { return Ok(None) };
    let numbers: Vec<u64> = sample.iter().map(|document| shard.row_of(*document)).collect();
    let sampled = shard.sample.read(&numbers, shard.model, rows)?.cosines(vector, numbers.len());
    let (mean, deviation) = mean_and_deviation(&sampled, None);

    let mut cosines = vec![f32::NAN; shard.passages.len()];
    if keys.len() < NEAREST_PASSAGES && lacks_any(shard, ranking, mark, keys.len()) {
        index.note(|seen| {
            seen.incomplete = true;
            seen.degraded = Some(Degraded::VectorIndexBehind);
        });
    }
    for (key, cosine) in keys {
        if let Some(document) = shard.document(key.turn, key.passage) {
            cosines[document as usize] = cosine;
        }
    }
    let tail = tail(shard, mark, index);
    let numbers: Vec<u64> = tail.iter().map(|document| shard.row_of(*document)).collect();
    let exact = shard.tail.read(&numbers, shard.model, rows)?.cosines(vector, numbers.len());
    for (document, cosine) in tail.into_iter().zip(exact) {
        cosines[document as usize] = cosine;
    }
    Ok(Some(FirstCosines { cosines, mean, deviation }))
}

/// The documents that the index does not have yet, the newest if there are too many.
fn tail(shard: &Shard, mark: VectorMark, index: &IndexedScope<'_>) -> Vec<u32> {
    let mut tail: Vec<u32> = shard.embedded_after(mark.row).collect();
    if tail.len() > TAIL_PASSAGES_MAX {
        index.note(|seen| seen.degraded = Some(Degraded::VectorIndexBehind));
        let older = tail.len() - TAIL_PASSAGES_MAX;
        tail.select_nth_unstable_by_key(older, |document| shard.row_of(*document));
        tail.drain(..older);
        tail.sort_unstable();
    }
    tail
}

/// Whether an answer of so many is too short: more passages up to the mark meet the conditions.
fn lacks_any(shard: &Shard, ranking: &Ranking<'_>, mark: VectorMark, found: usize) -> bool {
    let tail: HashSet<u32> = shard.embedded_after(mark.row).collect();
    let wanted = super::wanted::Wanted::new(shard, ranking.filters);
    let expected = shard
        .embedded_after(0)
        .filter(|document| !tail.contains(document))
        .filter(|document| wanted.has(shard.passages[*document as usize].turn));
    expected.take(found + 1).count() > found
}
