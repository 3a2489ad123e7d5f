//! Hot shards, within a budget of bytes, each as new as the store whenever it is used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lru::LruCache;

use crate::model::{Revision, Scope, UserKey};
use crate::ports::{ModelNumber, News, ReadStore, Since, StoreError};

use super::shard::Shard;

type Shared = Arc<RwLock<Shard>>;

struct Cached {
    shard: Shared,
    bytes: usize,
}

struct Hot {
    shards: LruCache<Scope, Cached>,
    bytes: usize,
}

/// One shard's vectors take at most this part of the budget; a larger scope's are read from the store.
const VECTORS_PART: usize = 4;

/// Shards by scope, the least recently used dropped first.
pub(crate) struct ShardCache {
    hot: Mutex<Hot>,
    bytes_max: usize,
    /// From so many turns on a shard's vectors are a vector index's.
    pub(crate) indexed_turns_min: usize,
}

impl ShardCache {
    /// An empty cache. A single shard larger than the budget is still searched, and dropped afterwards.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let hot = Mutex::new(Hot { shards: LruCache::unbounded(), bytes: 0 });
        Self { hot, bytes_max, indexed_turns_min: usize::MAX }
    }

    /// Bytes the shards take.
    pub(crate) fn bytes(&self) -> usize {
        self.hot().bytes
    }

    /// How far the scope's shard has come; the beginning if there is none.
    pub(crate) fn since(&self, scope: &Scope) -> Since {
        let shard = self.hot().shards.get(scope).map(|cached| cached.shard.clone());
        let Some(shard) = shard else { return Since::default() };
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        Since { row: shard.revision.row, turn: shard.newest_turn }
    }

    /// Runs `search` on the scope's shard, brought up to `revision` by the news or, where these do not join on, from the
    /// store. None if the scope does not exist.
    ///
    /// Searches of one scope run side by side; only catching up excludes them. No lock is held on the cache
    /// while the store is read.
    pub(crate) fn with<T>(
        &self,
        store: &dyn ReadStore,
        scope: &Scope,
        model: Option<ModelNumber>,
        (revision, news): (Option<Revision>, Option<&News>),
        search: impl FnOnce(&Shard) -> T,
    ) -> Result<Option<T>, StoreError> {
        let Some(revision) = revision else {
            self.forget(scope);
            return Ok(None);
        };
        let empty = || Shard::new(revision, model, self.bytes_max / VECTORS_PART, self.indexed_turns_min);
        let cached = self.hot().shards.get(scope).map(|cached| cached.shard.clone());
        let shard = cached.unwrap_or_else(|| Arc::new(RwLock::new(empty())));
        {
            let read = shard.read().unwrap_or_else(PoisonError::into_inner);
            let same = read.revision.same_log(revision) && read.model == model;
            if same && read.revision.row >= revision.row {
                return Ok(Some(search(&read)));
            }
        }
        let (found, bytes) = {
            let mut write = shard.write().unwrap_or_else(PoisonError::into_inner);
            if !write.revision.same_log(revision) || write.model != model {
                *write = empty();
            }
            let after = write.revision.row;
            let now = if let Some(news) = news.filter(|news| news.since.row <= after) {
                news.rows.iter().filter(|row| row.number > after).for_each(|row| write.apply(row));
                Some(revision)
            } else {
                store.search_rows(scope, after, &mut |row| write.apply(&row))?
            };
            if now.is_none_or(|now| !now.same_log(write.revision)) {
                // Erased (and perhaps made again) or redacted between the two reads: nothing of it may be shown.
                drop(write);
                self.forget(scope);
                return Ok(None);
            }
            (search(&write), write.heap_bytes())
        };
        self.keep(scope, shard, bytes);
        Ok(Some(found))
    }

    /// Drops the shards of a user.
    pub(crate) fn forget_user(&self, user: &UserKey) {
        let mut hot = self.hot();
        let scopes: Vec<Scope> =
            hot.shards.iter().map(|(scope, _)| scope).filter(|scope| scope.user == *user).cloned().collect();
        for scope in scopes {
            hot.drop_shard(&scope);
        }
    }

    fn forget(&self, scope: &Scope) {
        self.hot().drop_shard(scope);
    }

    fn keep(&self, scope: &Scope, shard: Shared, bytes: usize) {
        let mut hot = self.hot();
        hot.drop_shard(scope);
        hot.bytes += bytes;
        hot.shards.put(scope.clone(), Cached { shard, bytes });
        while hot.bytes > self.bytes_max {
            let Some((_, dropped)) = hot.shards.pop_lru() else { break };
            hot.bytes -= dropped.bytes;
        }
    }

    fn hot(&self) -> MutexGuard<'_, Hot> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hot {
    fn drop_shard(&mut self, scope: &Scope) {
        if let Some(dropped) = self.shards.pop(scope) {
            self.bytes -= dropped.bytes;
        }
    }
}
