//! Turns at hand, within a budget of bytes, so that what was found before is shown without asking the store for it again.
//!
//! A turn never changes but when words are taken out of it, and that makes another log of its scope's rows, as does an
//! erasure. So turns are kept under the log they were read for, and given out only for the same one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::model::{Revision, Scope, Turn, UserKey};

/// One scope's turns take at most this part of the budget; then they are collected anew.
const SCOPE_PART: usize = 4;

/// What a turn takes beside its words, about.
const TURN_OVERHEAD_BYTES: usize = 256;

struct OfScope {
    log: Revision,
    turns: HashMap<u64, Arc<Turn>>,
    bytes: usize,
}

struct Kept {
    scopes: LruCache<Scope, OfScope>,
    bytes: usize,
}

/// Turns by scope, the least recently used scope dropped first.
pub(crate) struct TurnCache {
    kept: Mutex<Kept>,
    bytes_max: usize,
}

impl TurnCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { kept: Mutex::new(Kept { scopes: LruCache::unbounded(), bytes: 0 }), bytes_max }
    }

    /// Those of these turns that are at hand, by number.
    pub(crate) fn get(&self, scope: &Scope, log: Revision, seqs: &[u64]) -> HashMap<u64, Arc<Turn>> {
        let mut kept = self.kept();
        let Some(of_scope) = kept.scopes.get(scope).filter(|known| known.log.same_log(log)) else {
            return HashMap::new();
        };
        seqs.iter().filter_map(|seq| Some((*seq, of_scope.turns.get(seq)?.clone()))).collect()
    }

    /// Keeps turns that were read when the scope's rows were of this log, or later.
    pub(crate) fn keep(&self, scope: &Scope, log: Revision, turns: impl IntoIterator<Item = Arc<Turn>>) {
        let mut turns = turns.into_iter().peekable();
        if turns.peek().is_none() {
            return;
        }
        let mut kept = self.kept();
        let before = kept.take(scope);
        let before =
            before.filter(|before| before.log.same_log(log) && before.bytes < self.bytes_max / SCOPE_PART);
        let mut of_scope = before.unwrap_or_else(|| OfScope { log, turns: HashMap::new(), bytes: 0 });
        for turn in turns {
            let bytes = bytes(&turn);
            if of_scope.turns.insert(turn.id.seq, turn).is_none() {
                of_scope.bytes += bytes;
            }
        }
        kept.bytes += of_scope.bytes;
        kept.scopes.put(scope.clone(), of_scope);
        while kept.bytes > self.bytes_max {
            let Some((_, dropped)) = kept.scopes.pop_lru() else { break };
            kept.bytes -= dropped.bytes;
        }
    }

    /// Drops what is kept of a user.
    pub(crate) fn forget_user(&self, user: &UserKey) {
        let mut kept = self.kept();
        let scopes: Vec<Scope> =
            kept.scopes.iter().map(|(scope, _)| scope).filter(|scope| scope.user == *user).cloned().collect();
        for scope in scopes {
            kept.take(&scope);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn take(&mut self, scope: &Scope) -> Option<OfScope> {
        let taken = self.scopes.pop(scope)?;
        self.bytes -= taken.bytes;
        Some(taken)
    }
}

fn bytes(turn: &Turn) -> usize {
    let Turn { content, metadata, .. } = turn;
    TURN_OVERHEAD_BYTES
        + content.text.len()
        + content.json.as_ref().map_or(0, String::len)
        + metadata.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ChainHash, Content, Generation, Role, SessionId, TenantId, Timestamp, TurnId, UserId,
    };

    fn scope(user: &str) -> Scope {
        Scope::of(TenantId::single(), UserId::new(user).unwrap())
    }

    fn log(redactions: u64) -> Revision {
        Revision { generation: Generation(1), row: 7, redactions }
    }

    fn turn(seq: u64, text: &str) -> Arc<Turn> {
        Arc::new(Turn {
            id: TurnId { generation: Generation(1), seq },
            session: SessionId::new("s").unwrap(),
            parent: None,
            chain: ChainHash::ROOT,
            role: Role::User,
            name: None,
            content: Content::text(text),
            time: Timestamp::UNIX_EPOCH,
            recorded: Timestamp::UNIX_EPOCH,
            metadata: None,
        })
    }

    fn numbers(turns: &HashMap<u64, Arc<Turn>>) -> Vec<u64> {
        let mut numbers: Vec<u64> = turns.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn turns_are_given_out_until_words_are_taken_out_of_the_scope() {
        let cache = TurnCache::new(10_000);
        cache.keep(&scope("ann"), log(0), [turn(1, "a"), turn(2, "b")]);
        let later = Revision { row: 9, ..log(0) };
        assert_eq!(numbers(&cache.get(&scope("ann"), later, &[1, 2, 3])), [1, 2]);
        assert_eq!(numbers(&cache.get(&scope("bob"), later, &[1])), Vec::<u64>::new());
        assert_eq!(numbers(&cache.get(&scope("ann"), log(1), &[1, 2])), Vec::<u64>::new());
        // A call that began before that keeps what it read under the log it knew, and nobody later is shown it.
        cache.keep(&scope("ann"), log(1), [turn(1, "a")]);
        cache.keep(&scope("ann"), log(0), [turn(2, "b")]);
        assert_eq!(numbers(&cache.get(&scope("ann"), log(1), &[1, 2])), Vec::<u64>::new());
    }

    #[test]
    fn the_least_recently_used_scope_goes_first() {
        let cache = TurnCache::new(2_500);
        let text = "x".repeat(500);
        for user in ["ann", "bob", "eve"] {
            cache.keep(&scope(user), log(0), [turn(1, &text)]);
            cache.get(&scope("ann"), log(0), &[1]);
        }
        cache.keep(&scope("kim"), log(0), [turn(1, &text)]);
        let there = |user| !cache.get(&scope(user), log(0), &[1]).is_empty();
        assert_eq!(["ann", "bob", "eve", "kim"].map(there), [true, false, true, true]);
        cache.forget_user(&scope("ann").user);
        assert!(!there("ann"));
    }
}
