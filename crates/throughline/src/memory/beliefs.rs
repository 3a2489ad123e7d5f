//! What a scope's ledger comes to, kept while it stays the same: every recall and context asks for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use crate::model::{
    Entry, Evidence, MemoryKind, MemoryRecord, MemoryState, Revision, Scope, Timestamp, UserKey,
};
use crate::ports::{Opening, StoreError};
use crate::recall::{ItemMemory, Learned, Lesson};
use crate::truth;

use super::Memory;

/// Entries of all ledgers that are kept.
const ENTRIES_KEPT_MAX: usize = 200_000;

/// How long memories may be shown that time alone has ended.
const STALE_MAX: Duration = Duration::from_mins(1);

/// A ledger and the memories it comes to at a moment.
pub(super) struct Beliefs {
    pub(super) entries: Vec<Entry>,
    pub(super) memories: Vec<MemoryRecord>,
    at: Timestamp,
    /// Of which log of search rows the scope was when the ledger was read, as far as that is known: an erasure or words
    /// taken out make another.
    log: Option<Revision>,
    /// By turn: the places of the memories that rest on it.
    of_turns: HashMap<u64, Vec<usize>>,
    learned: Learned,
}

/// What was learned from a part of a turn, as far as it matters to whoever reads the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is so.
    Holds,
    /// It is so no longer.
    Ended(Timestamp),
    /// It reads like an instruction to the model.
    Quarantined,
}

impl Beliefs {
    fn new(entries: Vec<Entry>, at: Timestamp, log: Option<Revision>) -> Self {
        let memories = truth::derive(&entries, at);
        let mut of_turns: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut learned = Learned::default();
        for (place, memory) in facts(&memories) {
            for Evidence { turn, quote } in &memory.evidence {
                let places = of_turns.entry(*turn).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
                let lesson = learned.0.entry(*turn).or_default();
                if memory.holds_at(at) {
                    lesson.holds = lesson.holds.max(truth::weight(memory, at));
                } else if is_over(memory, at) {
                    lesson.over_bytes = lesson.over_bytes.max(u32::try_from(quote.len()).unwrap_or(u32::MAX));
                }
            }
        }
        learned.0.retain(|_, lesson| *lesson != Lesson::default());
        Self { entries, memories, at, log, of_turns, learned }
    }

    /// What was learned from turns, as far as ranking goes.
    pub(super) fn learned(&self) -> &Learned {
        &self.learned
    }

    /// The memories that rest on words of a turn.
    pub(super) fn resting_on(&self, turn: u64, words: &str) -> Vec<ItemMemory> {
        let places = self.of_turns.get(&turn).map_or(&[][..], Vec::as_slice);
        let memories = places.iter().map(|place| &self.memories[*place]);
        memories
            .filter(|memory| {
                let mut own = memory.evidence.iter().filter(|evidence| evidence.turn == turn);
                own.any(|evidence| words.contains(&evidence.quote))
            })
            .map(|memory| ItemMemory { id: memory.id, state: memory.state, valid_to: memory.valid_to })
            .collect()
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        !age.is_negative() && age.unsigned_abs() <= STALE_MAX
    }

    /// Whether it was read when the scope's rows were of this log; `or_unknown` if one of the two is not known.
    fn is_of(&self, log: Option<Revision>, or_unknown: bool) -> bool {
        self.log.zip(log).map_or(or_unknown, |(known, now)| known.same_log(now))
    }

    /// The number of the newest entry, 0 for none.
    pub(super) fn end(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.number)
    }

    /// Of each turn that something was learned from: its quotes, and what has become of what they say.
    pub(super) fn by_turn(&self) -> HashMap<u64, Vec<(&str, Standing)>> {
        let mut by_turn: HashMap<u64, Vec<(&str, Standing)>> = HashMap::new();
        for (_, memory) in facts(&self.memories) {
            let standing = match (memory.state, memory.valid_to) {
                (MemoryState::Quarantined, _) => Standing::Quarantined,
                (MemoryState::Active, _) => Standing::Holds,
                (MemoryState::Superseded | MemoryState::Retracted | MemoryState::Expired, Some(end)) => {
                    Standing::Ended(end)
                }
                _ => continue,
            };
            for evidence in &memory.evidence {
                by_turn.entry(evidence.turn).or_default().push((&evidence.quote, standing));
            }
        }
        by_turn
    }
}

/// The memories that say something of the turns they rest on, with their places. A summary repeats what others say.
fn facts(memories: &[MemoryRecord]) -> impl Iterator<Item = (usize, &MemoryRecord)> {
    memories.iter().enumerate().filter(|(_, memory)| memory.kind != MemoryKind::Summary)
}

/// Whether words that a memory rests on mislead by now: they were meant for the present and are so no longer, or never were, or must not be used.
/// What happened stays true when its day is over, and what was history when it was told still is.
fn is_over(memory: &MemoryRecord, now: Timestamp) -> bool {
    let ended = memory.valid_to.is_some_and(|end| memory.said_last < end && end <= now);
    match memory.state {
        MemoryState::Quarantined | MemoryState::Contested => true,
        MemoryState::Superseded | MemoryState::Retracted => memory.valid_to.is_some_and(|end| end <= now),
        MemoryState::Expired => ended && memory.kind != MemoryKind::Event,
        MemoryState::Active => false,
    }
}

/// Beliefs by scope, the least recently used dropped first.
pub(super) struct BeliefsCache(Mutex<Kept>);

struct Kept {
    scopes: LruCache<Scope, Arc<Beliefs>>,
    entries: usize,
}

impl BeliefsCache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Kept { scopes: LruCache::unbounded(), entries: 0 }))
    }

    fn get(&self, scope: &Scope, end: u64) -> Option<Arc<Beliefs>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.scopes.get(scope).filter(|beliefs| beliefs.end() == end).cloned()
    }

    fn keep(&self, scope: &Scope, beliefs: &Arc<Beliefs>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entries += beliefs.entries.len();
        if let Some(before) = kept.scopes.put(scope.clone(), beliefs.clone()) {
            kept.entries -= before.entries.len();
        }
        while kept.entries > ENTRIES_KEPT_MAX {
            let Some((_, dropped)) = kept.scopes.pop_lru() else { break };
            kept.entries -= dropped.entries.len();
        }
    }

    /// Drops what is kept of a user.
    pub(super) fn forget_user(&self, user: &UserKey) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes: Vec<Scope> =
            kept.scopes.iter().map(|(scope, _)| scope).filter(|scope| scope.user == *user).cloned().collect();
        for scope in scopes {
            if let Some(dropped) = kept.scopes.pop(&scope) {
                kept.entries -= dropped.entries.len();
            }
        }
    }
}

impl Memory {
    /// What the scope's ledger comes to now. Read from the store only if somebody has written to it since.
    pub(super) fn beliefs(&self, scope: &Scope) -> Result<Arc<Beliefs>, StoreError> {
        self.beliefs_at(scope, self.store.ledger_end(scope)?, None)
    }

    /// The same, where a request knows already how far the ledger has come.
    pub(super) fn beliefs_of(&self, scope: &Scope, opening: &Opening) -> Result<Arc<Beliefs>, StoreError> {
        self.beliefs_at(scope, opening.ledger_end, opening.revision)
    }

    fn beliefs_at(&self, scope: &Scope, end: u64, log: Option<Revision>) -> Result<Arc<Beliefs>, StoreError> {
        let now = self.now();
        if end == 0 {
            // There is nothing to keep.
            return Ok(Arc::new(Beliefs::new(Vec::new(), now, log)));
        }
        let kept = self.beliefs.get(scope, end);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh(now) && kept.is_of(log, true)) {
            return Ok(kept.clone());
        }
        // Time alone changes what the same entries come to.
        let entries = match kept.filter(|kept| kept.is_of(log, false)) {
            Some(kept) => kept.entries.clone(),
            None => self.ledger(scope)?,
        };
        let beliefs = Arc::new(Beliefs::new(entries, now, log));
        self.beliefs.keep(scope, &beliefs);
        Ok(beliefs)
    }
}
