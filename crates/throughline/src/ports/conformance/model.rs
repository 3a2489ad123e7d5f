//! A store as simple as can be: lists in memory, searched from end to end. It is what the others are compared with,
//! and must never become clever.

mod jobs;
mod ledger;
mod state;
mod usage;
mod vectors;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{
    Act, AgentId, ChainHash, Identity, IdentityVersion, MessageHash, Profile, ProfileEpoch, Receipt,
    ReceiptId, Revision, Scope, SessionId, TenantId, Timestamp, Turn, UserKey, to_millisecond,
};
use crate::ports::{
    ApiKey, Append, Appended, EmbeddedRow, EmbeddingModel, EmbeddingModels, Erased, KeyStore, KnownTurn,
    ModelNumber, NumberedModel, OpeningStore, ReadStore, RolledBack, SearchRow, SessionSummary, StoreError,
    TurnsPage, UnembeddedRow, WriteStore,
};

use self::state::{ScopeState, State};

pub use self::vectors::ModelVectors;

/// A store in memory. Nothing of it lasts, and it is slow with much in it.
#[derive(Default)]
pub struct ModelStore(Mutex<State>);

impl ModelStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T: Default>(&self, scope: &Scope, read: impl FnOnce(&ScopeState) -> T) -> T {
        self.state().scopes.iter().find(|known| known.scope == *scope).map(read).unwrap_or_default()
    }

    /// All of it or nothing.
    fn write<T>(&self, change: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut state = self.state();
        let mut changed = state.clone();
        let done = change(&mut changed)?;
        *state = changed;
        Ok(done)
    }
}

impl OpeningStore for ModelStore {}

impl ReadStore for ModelStore {
    fn revision(&self, scope: &Scope) -> Result<Option<Revision>, StoreError> {
        Ok(self.read(scope, |scope| Some(scope.revision())))
    }

    fn search_rows(
        &self,
        scope: &Scope,
        after: u64,
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<Option<Revision>, StoreError> {
        Ok(self.read(scope, |scope| {
            let rows = scope.rows.iter().map(|known| &known.search);
            rows.filter(|row| row.number > after).for_each(|row| sink(row.clone()));
            Some(scope.revision())
        }))
    }

    fn search_rows_at(
        &self,
        scope: &Scope,
        numbers: &[u64],
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<(), StoreError> {
        self.read(scope, |scope| {
            let rows = scope.rows.iter().map(|known| &known.search);
            rows.filter(|row| numbers.contains(&row.number)).for_each(|row| sink(row.clone()));
        });
        Ok(())
    }

    fn turns(&self, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, StoreError> {
        Ok(self.read(scope, |scope| {
            let turn = |seq: &u64| {
                scope.turns.iter().find(|(turn, _)| turn.id.seq == *seq).map(|(turn, _)| turn.clone())
            };
            seqs.iter().filter_map(turn).collect()
        }))
    }

    fn turns_page(&self, scope: &Scope, page: &TurnsPage) -> Result<Vec<Turn>, StoreError> {
        Ok(self.read(scope, |scope| {
            let turns = scope.turns.iter().map(|(turn, _)| turn).filter(|turn| turn.id.seq > page.after);
            let turns =
                turns.filter(|turn| page.session.as_ref().is_none_or(|session| turn.session == *session));
            turns.take(page.limit).cloned().collect()
        }))
    }

    fn sessions(&self, scope: &Scope, after: u32, limit: usize) -> Result<Vec<SessionSummary>, StoreError> {
        Ok(self.read(scope, |scope| {
            let summary = |(number, session): (u32, &SessionId)| {
                let times: Vec<Timestamp> = scope
                    .turns
                    .iter()
                    .filter(|(turn, _)| turn.session == *session)
                    .map(|(turn, _)| turn.time)
                    .collect();
                Some(SessionSummary {
                    session: session.clone(),
                    number,
                    turns: times.len() as u64,
                    first: times.iter().min().copied()?,
                    last: times.iter().max().copied()?,
                })
            };
            let sessions = (1..).zip(&scope.sessions).filter(|(number, _)| *number > after);
            sessions.take(limit).filter_map(summary).collect()
        }))
    }

    fn session_head(&self, scope: &Scope, session: &SessionId) -> Result<Option<KnownTurn>, StoreError> {
        Ok(self.read(scope, |scope| scope.of_session(Some(session)).next_back()))
    }

    fn turns_by_chain(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        chains: &[ChainHash],
    ) -> Result<Vec<Option<KnownTurn>>, StoreError> {
        let find = |chain: &ChainHash| {
            self.read(scope, |scope| scope.of_session(session).rev().find(|turn| turn.chain == *chain))
        };
        Ok(chains.iter().map(find).collect())
    }

    fn turns_by_message(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        message: MessageHash,
        limit: usize,
    ) -> Result<Vec<KnownTurn>, StoreError> {
        Ok(self.read(scope, |scope| {
            scope.of_session(session).rev().filter(|turn| turn.message == message).take(limit).collect()
        }))
    }

    fn lineage(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<KnownTurn>, StoreError> {
        Ok(self.read(scope, |scope| {
            let turn = |seq: u64| scope.known().find(|turn| turn.seq == seq);
            std::iter::successors(turn(seq), |later| later.parent.and_then(turn)).take(limit).collect()
        }))
    }

    fn profile(&self, scope: &Scope, epoch: Option<ProfileEpoch>) -> Result<Profile, StoreError> {
        Ok(self.read(scope, |scope| match epoch {
            None => scope.profiles.last().cloned().unwrap_or_default(),
            Some(epoch) => {
                scope.profiles.iter().find(|known| known.epoch == epoch).cloned().unwrap_or_default()
            }
        }))
    }

    fn identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        version: Option<IdentityVersion>,
    ) -> Result<Option<Identity>, StoreError> {
        let state = self.state();
        let mut versions =
            state.identities.iter().rev().filter(|(t, a, _)| t == tenant && a.as_ref() == agent);
        let found =
            versions.find(|(_, _, identity)| version.is_none_or(|version| identity.version == version));
        Ok(found.map(|(_, _, identity)| identity.clone()))
    }

    fn receipt(&self, tenant: &TenantId, id: ReceiptId) -> Result<Option<(Scope, Receipt)>, StoreError> {
        let state = self.state();
        let mut scopes = state.scopes.iter().filter(|scope| scope.scope.tenant() == tenant);
        Ok(scopes.find_map(|scope| {
            let receipt = scope.receipts.iter().find(|receipt| receipt.id == id)?;
            Some((scope.scope.clone(), receipt.clone()))
        }))
    }

    fn receipts(&self, scope: &Scope, sink: &mut dyn FnMut(Receipt)) -> Result<(), StoreError> {
        self.read(scope, |scope| scope.receipts.iter().cloned().for_each(sink));
        Ok(())
    }

    fn slot_schema(&self, tenant: &TenantId) -> Result<Option<String>, StoreError> {
        Ok(self.state().schemas.iter().find(|(known, _)| known == tenant).map(|(_, schema)| schema.clone()))
    }

    fn unembedded(&self, model: ModelNumber, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        let state = self.state();
        let kept = state.models.numbers().contains(&model);
        Ok(state.rows(limit, |row| kept && !row.read_by.contains(&model)))
    }

    fn large_scopes(&self, row_min: u64) -> Result<Vec<Scope>, StoreError> {
        let state = self.state();
        let large = state.scopes.iter().filter(|known| known.revision().row >= row_min);
        Ok(large.map(|known| known.scope.clone()).collect())
    }

    fn unembedded_count(&self) -> Result<u64, StoreError> {
        let awaited = self.state().models.awaited();
        Ok(self.unembedded(awaited, usize::MAX)?.len() as u64)
    }

    fn outdated(&self, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        Ok(self.state().rows(limit, |row| row.outdated))
    }

    fn outbox_count(&self) -> Result<u64, StoreError> {
        Ok(self.state().jobs.sessions())
    }

    fn embedding_models(&self) -> Result<EmbeddingModels, StoreError> {
        Ok(self.state().models.clone())
    }

    fn secret(&self) -> Result<[u8; 32], StoreError> {
        Ok([7; 32])
    }
}

impl WriteStore for ModelStore {
    fn append(&self, scope: &Scope, append: Append) -> Result<Appended, StoreError> {
        self.write(|state| {
            let models = state.models.numbers();
            let (session, now) = (append.session.clone(), to_millisecond(append.now));
            let known = state.scope(scope);
            let first_new = known.turns.len() as u64 + 1;
            let (generation, turns) = (known.generation, known.append(append, &models)?);
            let new = (first_new..=known.turns.len() as u64).map(|turn| (turn, now)).collect();
            state.jobs.wait(scope, &session, new, now);
            Ok(Appended { generation, turns })
        })
    }

    fn put_embedded(&self, rows: Vec<EmbeddedRow>) -> Result<(), StoreError> {
        self.write(|state| {
            let models = state.models.numbers();
            for EmbeddedRow { scope, number, body, read_by } in rows {
                let Some(scope) = state.scopes.iter_mut().find(|known| known.scope == scope) else {
                    continue;
                };
                if let Some(at) = scope.rows.iter().position(|known| known.search.number == number) {
                    let mut old = scope.rows.remove(at);
                    old.read_by.extend(models.iter().filter(|model| read_by.contains(model)));
                    scope.push_row(SearchRow { body, ..old.search }, old.read_by);
                }
            }
            Ok(())
        })
    }

    fn put_profile(
        &self,
        scope: &Scope,
        profile: Profile,
        now: Timestamp,
    ) -> Result<ProfileEpoch, StoreError> {
        let newest = self.profile(scope, None)?;
        if newest.epoch == profile.epoch && newest.same_content(&profile) {
            return Ok(newest.epoch);
        }
        self.write(|state| state.scope(scope).put_profile(profile, now))
    }

    fn put_identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        text: &str,
        now: Timestamp,
    ) -> Result<Identity, StoreError> {
        let newest = self.identity(tenant, agent, None)?;
        self.write(|state| match newest {
            Some(newest) if newest.text == text => Ok(newest),
            newest => {
                let version = newest.map_or(0, |newest| newest.version) + 1;
                let identity = Identity { version, text: text.to_owned(), created: to_millisecond(now) };
                state.identities.push((tenant.clone(), agent.cloned(), identity.clone()));
                Ok(identity)
            }
        })
    }

    fn put_receipt(&self, scope: &Scope, receipt: Receipt) -> Result<(), StoreError> {
        self.write(|state| {
            state.scope(scope).keep(Some(receipt));
            Ok(())
        })
    }

    fn put_slot_schema(&self, tenant: &TenantId, schema: Option<&str>) -> Result<(), StoreError> {
        self.write(|state| {
            state.schemas.retain(|(known, _)| known != tenant);
            state.schemas.extend(schema.map(|schema| (tenant.clone(), schema.to_owned())));
            Ok(())
        })
    }

    fn claim_embedding_model(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        self.write(|state| {
            if state.models.serving.is_none() {
                state.models.serving = Some(state.numbered(model));
            }
            Ok(state.models.clone())
        })
    }

    fn begin_switch(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        self.write(|state| {
            if state.models.serving.as_ref().is_some_and(|serving| serving.model == *model) {
                let coming = state.models.coming.take();
                state.give_up(coming.as_ref());
                return Ok(state.models.clone());
            }
            let beside = state.models.coming.take().or_else(|| state.models.previous.take());
            state.models.coming = match beside {
                Some(beside) if beside.model == *model => Some(beside),
                beside => {
                    state.give_up(beside.as_ref());
                    Some(state.numbered(model))
                }
            };
            if state.models.serving.is_none() {
                state.models.serving = state.models.coming.take();
            }
            Ok(state.models.clone())
        })
    }

    fn complete_switch(&self, coming: ModelNumber) -> Result<bool, StoreError> {
        let waits = !self.unembedded(coming, 1)?.is_empty();
        self.write(|state| {
            let models = &mut state.models;
            if waits || models.coming.as_ref().is_none_or(|known| known.number != coming) {
                return Ok(false);
            }
            models.previous = std::mem::replace(&mut models.serving, models.coming.take());
            Ok(true)
        })
    }

    fn roll_back_switch(&self) -> Result<RolledBack, StoreError> {
        self.write(|state| {
            if let Some(coming) = state.models.coming.take() {
                state.give_up(Some(&coming));
                return Ok(RolledBack::Cancelled(coming));
            }
            let Some(previous) = state.models.previous.take() else { return Ok(RolledBack::Nothing) };
            state.models.previous = state.models.serving.replace(previous.clone());
            Ok(RolledBack::Restored(previous))
        })
    }

    fn forget_previous_model(&self) -> Result<Option<NumberedModel>, StoreError> {
        self.write(|state| {
            let previous = state.models.previous.take();
            state.give_up(previous.as_ref());
            Ok(previous)
        })
    }

    fn erase_user(&self, user: &UserKey) -> Result<Erased, StoreError> {
        self.write(|state| {
            let mut erased = Erased::default();
            for scope in state.scopes.iter().filter(|scope| scope.scope.user == *user) {
                erased.scopes += 1;
                erased.sessions += scope.sessions.len() as u64;
                erased.turns += scope.turns.len() as u64;
                erased.passages += scope.rows.len() as u64;
                erased.profiles += scope.profiles.len() as u64;
                erased.receipts += scope.receipts.len() as u64;
                let claims = scope.ledger.iter().filter(|entry| matches!(entry.act, Act::Claimed(_)));
                erased.claims += claims.count() as u64;
            }
            erased.jobs = state.jobs.erase(user);
            erased.usages = state.usages.erase(user);
            state.scopes.retain(|scope| scope.scope.user != *user);
            Ok(erased)
        })
    }
}

impl KeyStore for ModelStore {
    fn put_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.write(|state| {
            if state.keys.iter().any(|known| known.id == key.id) {
                return Err(StoreError::Conflict);
            }
            state.keys.push(key);
            Ok(())
        })
    }

    fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.state().keys.iter().find(|key| key.id == id).cloned())
    }

    fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys = self.state().keys.clone();
        keys.sort_by_key(|key| key.created);
        Ok(keys)
    }

    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|state| {
            let key = state.keys.iter_mut().find(|key| key.id == id && key.revoked.is_none());
            Ok(key.map(|key| key.revoked = Some(to_millisecond(now))).is_some())
        })
    }
}
