//! The ledger of the model of a store, and its forgetting.

use std::collections::BTreeMap;

use crate::model::{Act, Author, Claim, Entry, MemoryId, Scope, TenantId, Tombstone, to_millisecond};
use crate::ports::{
    EntryDraft, Forget, Forgotten, LedgerAppend, LedgerStore, ModelNumber, RedactedTurn, StoreError,
};

use super::ModelStore;
use super::state::ScopeState;

fn claim(entry: &Entry) -> Option<&Claim> {
    match &entry.act {
        Act::Claimed(claim) => Some(claim),
        _ => None,
    }
}

/// As a store keeps it.
fn kept(act: Act) -> Act {
    match act {
        Act::Claimed(claim) => Act::Claimed(Box::new(Claim {
            said: to_millisecond(claim.said),
            valid_from: to_millisecond(claim.valid_from),
            valid_to: claim.valid_to.map(to_millisecond),
            ..*claim
        })),
        Act::Rewound(to) => Act::Rewound(to_millisecond(to)),
        act => act,
    }
}

impl ScopeState {
    fn ledger_end(&self) -> u64 {
        self.ledger.len() as u64
    }

    fn expect_end(&self, after: u64) -> Result<(), StoreError> {
        if self.ledger_end() == after { Ok(()) } else { Err(StoreError::Conflict) }
    }

    fn push_entry(&mut self, draft: EntryDraft) {
        let known = |id| self.ledger.iter().filter_map(claim).any(|claim| claim.id == id);
        if let Act::Claimed(claim) = &draft.act
            && known(claim.id)
        {
            return;
        }
        let recorded = to_millisecond(draft.recorded);
        let recorded = self.ledger.last().map_or(recorded, |last| recorded.max(last.recorded));
        let number = self.ledger_end() + 1;
        self.ledger.push(Entry { number, recorded, by: draft.by, act: kept(draft.act) });
    }

    fn forget(&mut self, forget: Forget, models: &[ModelNumber]) -> Result<Forgotten, StoreError> {
        let Forget { after, tombstones, entries, turns, receipts, profile, now } = forget;
        self.expect_end(after)?;
        let mut forgotten = Forgotten::default();
        for tombstone in tombstones {
            if self.tombstones.iter().all(|known| known.hash != tombstone.hash) {
                let forgotten = to_millisecond(tombstone.forgotten);
                self.tombstones.push(Tombstone { forgotten, ..tombstone });
            }
        }
        for entry in &mut self.ledger {
            if entries.contains(&entry.number) && claim(entry).is_some() {
                entry.act = Act::Forgotten;
                forgotten.claims += 1;
            }
        }
        let turns: BTreeMap<u64, RedactedTurn> = turns.into_iter().map(|turn| (turn.seq, turn)).collect();
        let mut redacted = Vec::new();
        for turn in turns.into_values() {
            let Some((known, _)) = self.turns.iter_mut().find(|(known, _)| known.id.seq == turn.seq) else {
                continue;
            };
            known.name = turn.name;
            known.content = turn.content;
            known.metadata = turn.metadata;
            let session = known.session.clone();
            let before = self.rows.len();
            self.rows.retain(|row| row.search.turn != turn.seq);
            forgotten.passages += (before - self.rows.len()) as u64;
            self.push_passages(turn.seq, &session, turn.passages, models);
            redacted.push(turn.seq);
        }
        forgotten.turns = redacted.len() as u64;
        self.redactions += u64::from(!redacted.is_empty());
        let before = self.receipts.len();
        self.receipts.retain(|receipt| {
            let cites = receipt.items.iter().any(|item| redacted.contains(&item.turn));
            !cites && !receipts.contains(&receipt.id)
        });
        forgotten.receipts = (before - self.receipts.len()) as u64;
        if let Some(profile) = profile {
            self.put_profile(profile, now)?;
        }
        forgotten.profiles = self.profiles.len().saturating_sub(1) as u64;
        self.profiles.drain(..self.profiles.len().saturating_sub(1));
        self.push_entry(EntryDraft { recorded: now, by: Author::Operator, act: Act::Forgotten });
        Ok(forgotten)
    }
}

impl LedgerStore for ModelStore {
    fn ledger(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        Ok(self.read(scope, |scope| {
            scope.ledger.iter().filter(|entry| entry.number > after).take(limit).cloned().collect()
        }))
    }

    fn ledger_end(&self, scope: &Scope) -> Result<u64, StoreError> {
        Ok(self.read(scope, ScopeState::ledger_end))
    }

    fn memory_scope(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Scope>, StoreError> {
        let state = self.state();
        let mut scopes = state.scopes.iter().filter(|scope| scope.scope.tenant() == tenant);
        let found = scopes.find(|scope| scope.ledger.iter().filter_map(claim).any(|claim| claim.id == id));
        Ok(found.map(|found| found.scope.clone()))
    }

    fn append_ledger(&self, scope: &Scope, append: LedgerAppend) -> Result<u64, StoreError> {
        self.write(|state| {
            let LedgerAppend { after, entries, profile, job, now } = append;
            let known = state.scope(scope);
            known.expect_end(after)?;
            for draft in entries {
                known.push_entry(draft);
            }
            if let Some(profile) = profile {
                known.put_profile(profile, now)?;
            }
            let end = known.ledger_end();
            if let Some(done) = job {
                state.jobs.end(scope, done, now)?;
            }
            Ok(end)
        })
    }

    fn tombstones(&self, scope: &Scope) -> Result<Vec<Tombstone>, StoreError> {
        let mut tombstones = self.read(scope, |scope| scope.tombstones.clone());
        tombstones.sort_by_key(|tombstone| (tombstone.forgotten, tombstone.hash));
        Ok(tombstones)
    }

    fn forget(&self, scope: &Scope, forget: Forget) -> Result<Forgotten, StoreError> {
        self.write(|state| {
            let models = state.models.numbers();
            let forgotten = state.scope(scope).forget(forget, &models)?;
            state.jobs.forget_failures(scope);
            Ok(forgotten)
        })
    }

    fn lift_tombstone(&self, scope: &Scope, hash: [u8; 16]) -> Result<bool, StoreError> {
        self.write(|state| {
            let Some(known) = state.scopes.iter_mut().find(|known| known.scope == *scope) else {
                return Ok(false);
            };
            let before = known.tombstones.len();
            known.tombstones.retain(|tombstone| tombstone.hash != hash);
            Ok(known.tombstones.len() < before)
        })
    }
}
