//! What a model made of passages: their whole vectors and their tokens, for the dense and the late arm.
//!
//! Most shards hold the vectors of all their passages. One that would grow too large holds only its sketches and reads those of
//! the passages it looks at from the store, see [`Source`].

use std::sync::{Arc, Mutex, PoisonError};

use crate::ports::{ModelNumber, SearchRow, StoreError};

use super::dense::{DenseIndex, QuantizedVector};
use super::late::{LateIndex, TokenSketch};
use super::passage_row::PassageRow;
use super::selection::Selection;
use super::shard::Shard;

/// Reads these rows, rising by number, from the store; those that are no longer there are left out.
pub(crate) type ReadRows<'a> = &'a dyn Fn(&[u64], &mut dyn FnMut(SearchRow)) -> Result<(), StoreError>;

/// Vectors and tokens by passage number.
#[derive(Debug, Default)]
pub(crate) struct Vectors {
    dense: DenseIndex,
    late: LateIndex,
}

impl Vectors {
    /// Adds the next passage.
    pub(super) fn push(&mut self, vector: Option<&QuantizedVector>, tokens: Option<&TokenSketch>) {
        let dimensions = vector.map_or(0, |vector| vector.values.len());
        self.dense.push(vector);
        self.late.push(tokens, dimensions);
    }

    /// Gives a passage what it did not have.
    ///
    /// # Panics
    /// If there is no such passage.
    pub(super) fn set(
        &mut self,
        passage: usize,
        vector: Option<&QuantizedVector>,
        tokens: Option<&TokenSketch>,
    ) {
        let Some(vector) = vector else { return };
        self.dense.set(passage, vector);
        if let Some(tokens) = tokens {
            self.late.set(passage, tokens, vector.values.len());
        }
    }

    /// The signs of all whole vectors, as if each were one token.
    pub(super) fn sketches(&self) -> LateIndex {
        self.dense.sketches()
    }

    /// The cosine of each passage, NaN where there is none.
    pub(super) fn cosines(&self, query: &[f32], passages: usize) -> Vec<f32> {
        let mut cosines = vec![f32::NAN; passages];
        self.dense.score(query, &counted(passages), &mut cosines);
        cosines
    }

    /// Bytes of heap they take.
    pub(super) fn heap_bytes(&self) -> usize {
        self.dense.heap_bytes() + self.late.heap_bytes()
    }
}

/// Where the vectors of a selection's passages stand.
pub(super) enum Source<'a> {
    /// In the shard, by document number.
    Shard(&'a Vectors),
    /// Read for this search, by place in the selection: the sample's, then the others'.
    Read(Arc<Vectors>, Vectors),
}

impl<'a> Source<'a> {
    /// Of this selection; reads what the shard does not hold.
    pub(super) fn of(
        shard: &'a Shard,
        selection: &Selection,
        rows: ReadRows<'_>,
    ) -> Result<Self, StoreError> {
        if let Some(vectors) = shard.vectors() {
            return Ok(Self::Shard(vectors));
        }
        let numbers: Vec<u64> = selection.passages.iter().map(|document| shard.row_of(*document)).collect();
        let (sample, others) = numbers.split_at(selection.sampled_passages());
        let sample = shard.sample.read(sample, shard.model, rows)?;
        Ok(Self::Read(sample, read(others, shard.model, rows)?))
    }

    /// The cosine of each passage of the selection, NaN where there is none.
    pub(super) fn cosines(&self, query: &[f32], selection: &Selection) -> Vec<f32> {
        let mut cosines = vec![f32::NAN; selection.passages.len()];
        match self {
            Self::Shard(vectors) => vectors.dense.score(query, &selection.passages, &mut cosines),
            Self::Read(sample, others) => {
                let (first, last) = cosines.split_at_mut(selection.sampled_passages());
                sample.dense.score(query, &counted(first.len()), first);
                others.dense.score(query, &counted(last.len()), last);
            }
        }
        cosines
    }

    /// For each token of the query the best cosine of each passage of the selection, NaN for those without tokens. None
    /// if no passage has tokens of the query's dimensions.
    pub(super) fn best_tokens(&self, query: &[&[f32]], selection: &Selection) -> Option<Vec<Vec<f32>>> {
        match self {
            Self::Shard(vectors) => vectors.late.best(query, &selection.passages),
            Self::Read(sample, others) => {
                let sampled = selection.sampled_passages();
                let rest = selection.passages.len() - sampled;
                let (first, last) =
                    (sample.late.best(query, &counted(sampled)), others.late.best(query, &counted(rest)));
                if first.is_none() && last.is_none() {
                    return None;
                }
                let missing = |count| vec![vec![f32::NAN; count]; query.len()];
                let mut rows = first.unwrap_or_else(|| missing(sampled));
                rows.iter_mut()
                    .zip(last.unwrap_or_else(|| missing(rest)))
                    .for_each(|(row, more)| row.extend(more));
                Some(rows)
            }
        }
    }
}

fn counted(passages: usize) -> Vec<u32> {
    (0..u32::try_from(passages).unwrap_or(u32::MAX)).collect()
}

/// The vectors of these rows, in their order. A row that was replaced in the meantime has none until the shard has caught up.
fn read(numbers: &[u64], model: Option<ModelNumber>, rows: ReadRows<'_>) -> Result<Vectors, StoreError> {
    let mut vectors = Vectors::default();
    for _ in numbers {
        vectors.push(None, None);
    }
    let Some(model) = model else { return Ok(vectors) };
    let mut order: Vec<(u64, usize)> = numbers.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let rising: Vec<u64> = order.iter().map(|(number, _)| *number).collect();
    rows(&rising, &mut |row| {
        let found = order.binary_search_by_key(&row.number, |(number, _)| *number);
        if let (Ok(at), Ok(passage)) = (found, PassageRow::decode(&row.body)) {
            vectors.set(order[at].1, passage.vector(model), passage.tokens(model));
        }
    })?;
    Ok(vectors)
}

/// The vectors of rows that were asked for last, such as the sample's: the same ones are nearly always asked for again.
#[derive(Default)]
pub(super) struct LastRead(Mutex<Option<(Vec<u64>, Arc<Vectors>)>>);

impl LastRead {
    /// The vectors of these rows, in their order; those that are not here are read.
    pub(super) fn read(
        &self,
        numbers: &[u64],
        model: Option<ModelNumber>,
        rows: ReadRows<'_>,
    ) -> Result<Arc<Vectors>, StoreError> {
        match self.of(numbers) {
            Some(known) => Ok(known),
            // Nothing must not drive out what is needed again.
            None if numbers.is_empty() => Ok(Arc::default()),
            None => Ok(self.keep(numbers.to_vec(), read(numbers, model, rows)?)),
        }
    }

    /// Those of these rows, if they are here. A changed row has another number, so they are never old.
    fn of(&self, rows: &[u64]) -> Option<Arc<Vectors>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(known, _)| known == rows).map(|(_, vectors)| vectors.clone())
    }

    /// Bytes of heap it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map_or(0, |(rows, vectors)| size_of_val(&rows[..]) + vectors.heap_bytes())
    }

    fn keep(&self, rows: Vec<u64>, vectors: Vectors) -> Arc<Vectors> {
        let vectors = Arc::new(vectors);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((rows, vectors.clone()));
        vectors
    }
}
