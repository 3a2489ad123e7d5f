//! The vector index of large scopes: written from the log of search rows, compared with it, and made again from it.
//!
//! Any number of processes may do this at once: whoever finds the mark of a set moved by another leaves that set to it. What a
//! process does not come to, because it dies or the index is down, is still in the log. The protocol that keeps an erased user
//! from coming back is in [`VectorIndex`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{Generation, Revision, Scope, UserKey};
use crate::ports::{
    ModelNumber, SearchRow, StoreError, VECTOR_CHANGES_MAX, VectorChange, VectorEntry, VectorIndex,
    VectorKey, VectorMark, VectorSet,
};
use crate::recall::{IndexedScope, PassageRow, Seen};

use super::{Memory, MemoryError};

/// How long recall leaves an index alone that could not be asked, so that not every one waits for it in vain.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// An index, and what recall has noticed about it.
pub(super) struct Vectors {
    index: Arc<dyn VectorIndex>,
    scope_turns_min: usize,
    rests_until: Mutex<Option<Instant>>,
    /// Scopes whose sets lack what they say they have.
    suspects: Mutex<HashSet<Scope>>,
}

/// How far the index is with one scope and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorsStatus {
    /// Whose vectors, and by which model.
    pub set: VectorSet,
    /// The number of the scope's newest search row.
    pub row: u64,
    /// The number up to which the index has all; none if it has nothing.
    pub indexed: Option<u64>,
}

/// How the index differs from the store for one scope and model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorsCheck {
    /// How far it is.
    pub status: VectorsStatus,
    /// Entries that it says it has and does not.
    pub missing: usize,
    /// Entries of passages that the store does not have.
    pub stale: usize,
}

/// What a set lacks and has too much.
struct Difference {
    mark: VectorMark,
    revision: Revision,
    /// Numbers of search rows, rising.
    missing: Vec<u64>,
    stale: Vec<VectorKey>,
}

impl Vectors {
    fn suspects(&self) -> MutexGuard<'_, HashSet<Scope>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rests_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As a search of this scope sees it.
    pub(super) fn of(
        &self,
        scope: &Scope,
        generation: Generation,
        model: Option<ModelNumber>,
    ) -> Option<IndexedScope<'_>> {
        let set = VectorSet { scope: scope.clone(), generation, model: model? };
        let is_resting = self.rests_until().is_some_and(|until| Instant::now() < until);
        Some(IndexedScope::new(&*self.index, set, is_resting))
    }

    /// Takes up what a search has noticed.
    pub(super) fn note(&self, scope: &Scope, seen: Seen) {
        if seen.failed {
            *self.rests_until() = Some(Instant::now() + REST_AFTER_FAILURE);
        }
        if seen.incomplete && self.suspects().insert(scope.clone()) {
            tracing::warn!("the vector index lacks entries of a scope; they are put back");
        }
    }

    /// Takes a user away whom the store has no longer.
    pub(super) fn erase_user(&self, user: &UserKey) -> Result<(), StoreError> {
        self.suspects().retain(|scope| scope.user != *user);
        self.index.erase_user(user).map_err(|error| {
            StoreError::Unavailable(format!(
                "nothing of the user is in the store any more, but the vector index has not confirmed it ({error}); erase the \
                 user again"
            ))
        })
    }
}

impl Memory {
    /// Leaves the vectors of scopes with so many turns, and more than 8,192, to an index. It has to be written to by
    /// [`index_vectors`](Self::index_vectors), in this process or another; nobody writes to it otherwise.
    #[must_use]
    pub fn with_vectors(mut self, index: Arc<dyn VectorIndex>, scope_turns_min: usize) -> Self {
        self.shards.indexed_turns_min = scope_turns_min;
        let (rests_until, suspects) = (Mutex::default(), Mutex::default());
        self.vectors = Some(Vectors { index, scope_turns_min, rests_until, suspects });
        self
    }

    /// Whether there is an index.
    pub fn has_vectors(&self) -> bool {
        self.vectors.is_some()
    }

    /// Brings the index a step nearer to the store, for every large scope: at most [`VECTOR_CHANGES_MAX`] rows of each, and
    /// whatever recall has found missing. Returns how many rows were looked at; 0 if it is up to date. After an error it is as
    /// it was, or a step further: call again later.
    pub fn index_vectors(&self) -> Result<usize, MemoryError> {
        let Some(vectors) = &self.vectors else { return Ok(0) };
        let mut rows = 0;
        let suspects: Vec<Scope> = vectors.suspects().iter().cloned().collect();
        for scope in suspects {
            for set in self.sets_of(&scope)? {
                rows += self.mend(vectors, &set)?;
            }
            vectors.suspects().remove(&scope);
        }
        for set in self.wanted_sets(vectors)? {
            rows += self.catch_up(vectors, &set)?;
        }
        Ok(rows)
    }

    /// Takes away sets that nobody needs: of scopes erased or made again or no longer large, and of models given up.
    /// Returns how many.
    pub fn sweep_vectors(&self) -> Result<usize, MemoryError> {
        let Some(vectors) = &self.vectors else { return Ok(0) };
        let mut swept = 0;
        for set in vectors.index.sets()? {
            let is_large = self
                .store
                .revision(&set.scope)?
                .is_some_and(|revision| revision.row >= vectors.scope_turns_min as u64);
            if !is_large || !self.sets_of(&set.scope)?.contains(&set) {
                vectors.index.remove(&set)?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// How far the index is with each large scope.
    pub fn vectors_status(&self) -> Result<Vec<VectorsStatus>, MemoryError> {
        let Some(vectors) = &self.vectors else { return Ok(Vec::new()) };
        self.wanted_sets(vectors)?.into_iter().map(|set| self.status_of(vectors, set)).collect()
    }

    /// Compares the index with the store, entry by entry, for one scope or for every large one; with `repair` it puts back what
    /// is missing and takes away what is too much. Reads all search rows of the scope.
    pub fn check_vectors(
        &self,
        scope: Option<&Scope>,
        repair: bool,
    ) -> Result<Vec<VectorsCheck>, MemoryError> {
        let Some(vectors) = &self.vectors else { return Ok(Vec::new()) };
        let mut checks = Vec::new();
        for set in self.wanted_sets(vectors)?.into_iter().filter(|set| scope.is_none_or(|s| *s == set.scope))
        {
            let difference = self.difference(vectors, &set)?;
            let (missing, stale) =
                difference.as_ref().map_or((0, 0), |found| (found.missing.len(), found.stale.len()));
            if let Some(difference) = difference.filter(|_| repair) {
                self.make_good(vectors, &set, difference)?;
            }
            checks.push(VectorsCheck { status: self.status_of(vectors, set)?, missing, stale });
        }
        Ok(checks)
    }

    /// Empties the sets of one scope or of every large one, so that [`index_vectors`](Self::index_vectors) writes them anew.
    /// Returns how many. Until then recall there goes by words and by the newest passages' vectors.
    pub fn empty_vectors(&self, scope: Option<&Scope>) -> Result<usize, MemoryError> {
        let Some(vectors) = &self.vectors else { return Ok(0) };
        let mut emptied = 0;
        for set in self.wanted_sets(vectors)?.iter().filter(|set| scope.is_none_or(|s| *s == set.scope)) {
            vectors.index.remove(set)?;
            emptied += 1;
        }
        Ok(emptied)
    }

    fn status_of(&self, vectors: &Vectors, set: VectorSet) -> Result<VectorsStatus, MemoryError> {
        let row = self.store.revision(&set.scope)?.map_or(0, |revision| revision.row);
        let indexed = vectors.index.mark(&set)?.map(|mark| mark.row);
        Ok(VectorsStatus { set, row, indexed })
    }

    /// The sets there should be, scope by scope.
    fn wanted_sets(&self, vectors: &Vectors) -> Result<Vec<VectorSet>, MemoryError> {
        let mut scopes = self.store.large_scopes(vectors.scope_turns_min as u64)?;
        scopes.sort();
        let sets: Result<Vec<_>, _> = scopes.iter().map(|scope| self.sets_of(scope)).collect();
        Ok(sets?.concat())
    }

    /// One for each model whose vectors are kept; none if the scope is gone.
    fn sets_of(&self, scope: &Scope) -> Result<Vec<VectorSet>, MemoryError> {
        let Some(Revision { generation, .. }) = self.store.revision(scope)? else { return Ok(Vec::new()) };
        let models = self.store.embedding_models()?;
        let set = |model| VectorSet { scope: scope.clone(), generation, model };
        Ok(models.iter().map(|known| set(known.number)).collect())
    }

    /// Makes the set, unless the scope's life is over.
    fn begin(&self, vectors: &Vectors, set: &VectorSet) -> Result<Option<VectorMark>, MemoryError> {
        let mark = vectors.index.begin(set)?;
        let alive = self.store.revision(&set.scope)?.is_some_and(|now| now.generation == set.generation);
        if !alive {
            vectors.index.remove(set)?;
        }
        Ok(alive.then_some(mark))
    }

    /// Puts the next rows of the log.
    fn catch_up(&self, vectors: &Vectors, set: &VectorSet) -> Result<usize, MemoryError> {
        let mark = match vectors.index.mark(set)? {
            Some(mark) => Some(mark),
            None => self.begin(vectors, set)?,
        };
        let Some(mark) = mark else { return Ok(0) };
        // After the mark: another process may be ahead of what was known here before.
        let revision = self.store.revision(&set.scope)?.filter(|now| now.generation == set.generation);
        let Some(revision) = revision else { return Ok(0) };
        if mark.row > revision.row {
            tracing::warn!(
                "the store has fewer rows of a scope than the vector index: it was set back, and the index begins anew"
            );
            vectors.index.remove(set)?;
            return Ok(0);
        }
        // Of nothing nothing was forgotten.
        if mark.redactions != revision.redactions && mark.row > 0 {
            return self.mend(vectors, set);
        }
        let to = revision.row.min(mark.row + VECTOR_CHANGES_MAX as u64);
        if to <= mark.row {
            return Ok(0);
        }
        let numbers: Vec<u64> = (mark.row + 1..=to).collect();
        let after = VectorMark { row: to, redactions: revision.redactions };
        let entries = self.entries(set, &numbers)?;
        let change = VectorChange { before: mark, after, entries, gone: Vec::new() };
        Ok(if vectors.index.put(set, &change)? { numbers.len() } else { 0 })
    }

    /// Makes the set what it says it is. Returns how many entries that took.
    fn mend(&self, vectors: &Vectors, set: &VectorSet) -> Result<usize, MemoryError> {
        match self.difference(vectors, set)? {
            Some(difference) => self.make_good(vectors, set, difference),
            None => Ok(0),
        }
    }

    /// None if there is no set, or nothing to compare it with. What another process does meanwhile moves the mark, so that
    /// nothing is made good by what is then wrong.
    fn difference(&self, vectors: &Vectors, set: &VectorSet) -> Result<Option<Difference>, MemoryError> {
        let Some(mark) = vectors.index.mark(set)? else { return Ok(None) };
        let mut stored: HashMap<VectorKey, u64> = HashMap::new();
        let revision = self.store.search_rows(&set.scope, 0, &mut |row| {
            if entry(&row, set.model).is_some() {
                stored.insert(VectorKey { turn: row.turn, passage: row.passage }, row.number);
            }
        })?;
        let Some(revision) = revision.filter(|now| now.generation == set.generation) else { return Ok(None) };
        let mut stale = Vec::new();
        let mut indexed = HashSet::new();
        vectors.index.keys(set, &mut |key| {
            if indexed.insert(key) && !stored.contains_key(&key) {
                stale.push(key);
            }
        })?;
        let missing = stored.into_iter().filter(|(key, row)| *row <= mark.row && !indexed.contains(key));
        let mut missing: Vec<u64> = missing.map(|(_, row)| row).collect();
        missing.sort_unstable();
        Ok(Some(Difference { mark, revision, missing, stale }))
    }

    fn make_good(
        &self,
        vectors: &Vectors,
        set: &VectorSet,
        difference: Difference,
    ) -> Result<usize, MemoryError> {
        let Difference { mark, revision, missing, stale } = difference;
        for gone in stale.chunks(VECTOR_CHANGES_MAX) {
            let change = VectorChange { before: mark, after: mark, entries: Vec::new(), gone: gone.to_vec() };
            if !vectors.index.put(set, &change)? {
                return Ok(0);
            }
        }
        for numbers in missing.chunks(VECTOR_CHANGES_MAX) {
            let entries = self.entries(set, numbers)?;
            let change = VectorChange { before: mark, after: mark, entries, gone: Vec::new() };
            if !vectors.index.put(set, &change)? {
                return Ok(0);
            }
        }
        let after = VectorMark { redactions: revision.redactions, ..mark };
        if after != mark {
            vectors.index.put(set, &VectorChange { before: mark, after, ..VectorChange::default() })?;
        }
        Ok(missing.len() + stale.len() + usize::from(after != mark))
    }

    /// The entries of these rows, as far as they are there and have the model's vector.
    fn entries(&self, set: &VectorSet, numbers: &[u64]) -> Result<Vec<VectorEntry>, MemoryError> {
        let mut entries: Vec<VectorEntry> = Vec::with_capacity(numbers.len());
        self.store.search_rows_at(&set.scope, numbers, &mut |row| entries.extend(entry(&row, set.model)))?;
        // A passage has one row, but a store may be read while it is replaced.
        let mut seen = HashSet::new();
        entries.retain(|entry| seen.insert(entry.key));
        Ok(entries)
    }
}

/// None if the row has no vector of the model, or cannot be read.
fn entry(row: &SearchRow, model: ModelNumber) -> Option<VectorEntry> {
    let passage = PassageRow::decode(&row.body).ok()?;
    let vector = passage.vector(model)?.components();
    Some(VectorEntry {
        key: VectorKey { turn: row.turn, passage: row.passage },
        role: passage.role,
        time_ms: passage.time_ms,
        vector,
        tags: passage.tags,
    })
}

#[cfg(test)]
mod tests;
