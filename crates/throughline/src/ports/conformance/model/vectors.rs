//! A vector index as simple as can be: every vector is compared with every query.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::UserKey;
use crate::ports::{
    NearestVectors, StoreError, VectorChange, VectorConditions, VectorEntry, VectorIndex, VectorKey,
    VectorMark, VectorSet,
};

/// An index in memory. Nothing of it lasts.
#[derive(Default)]
pub struct ModelVectors(Mutex<Vec<Known>>);

struct Known {
    set: VectorSet,
    mark: VectorMark,
    entries: BTreeMap<VectorKey, VectorEntry>,
}

impl ModelVectors {
    fn sets(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses an entry, as an index does that is damaged: its mark stays.
    pub fn lose(&self, set: &VectorSet, key: VectorKey) {
        for known in self.sets().iter_mut().filter(|known| known.set == *set) {
            known.entries.remove(&key);
        }
    }
}

impl VectorIndex for ModelVectors {
    fn begin(&self, set: &VectorSet) -> Result<VectorMark, StoreError> {
        if let Some(mark) = self.mark(set)? {
            return Ok(mark);
        }
        let mark = VectorMark::default();
        self.sets().push(Known { set: set.clone(), mark, entries: BTreeMap::new() });
        Ok(mark)
    }

    fn mark(&self, set: &VectorSet) -> Result<Option<VectorMark>, StoreError> {
        Ok(self.sets().iter().find(|known| known.set == *set).map(|known| known.mark))
    }

    fn put(&self, set: &VectorSet, change: &VectorChange) -> Result<bool, StoreError> {
        let mut sets = self.sets();
        let known = sets.iter_mut().find(|known| known.set == *set && known.mark == change.before);
        let Some(known) = known else { return Ok(false) };
        known.mark = change.after;
        for key in &change.gone {
            known.entries.remove(key);
        }
        known.entries.extend(change.entries.iter().map(|entry| (entry.key, entry.clone())));
        Ok(true)
    }

    fn nearest(
        &self,
        set: &VectorSet,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
    ) -> Result<Option<NearestVectors>, StoreError> {
        let sets = self.sets();
        let Some(known) = sets.iter().find(|known| known.set == *set) else { return Ok(None) };
        let cosine = |entry: &VectorEntry| entry.vector.iter().zip(vector).map(|(x, y)| x * y).sum::<f32>();
        let admitted = known.entries.values().filter(|entry| conditions.admit(entry));
        let mut keys: Vec<(VectorKey, f32)> = admitted.map(|entry| (entry.key, cosine(entry))).collect();
        keys.sort_by(|a, b| b.1.total_cmp(&a.1));
        keys.truncate(limit);
        Ok(Some(NearestVectors { mark: known.mark, keys }))
    }

    fn keys(&self, set: &VectorSet, sink: &mut dyn FnMut(VectorKey)) -> Result<(), StoreError> {
        let sets = self.sets();
        sets.iter()
            .filter(|known| known.set == *set)
            .flat_map(|known| known.entries.keys().copied())
            .for_each(sink);
        Ok(())
    }

    fn sets(&self) -> Result<Vec<VectorSet>, StoreError> {
        Ok(Self::sets(self).iter().map(|known| known.set.clone()).collect())
    }

    fn remove(&self, set: &VectorSet) -> Result<(), StoreError> {
        Self::sets(self).retain(|known| known.set != *set);
        Ok(())
    }

    fn erase_user(&self, user: &UserKey) -> Result<(), StoreError> {
        Self::sets(self).retain(|known| known.set.scope.user != *user);
        Ok(())
    }
}
