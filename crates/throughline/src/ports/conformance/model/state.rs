//! What the model of a store remembers: lists and maps, searched from end to end.

use crate::model::{
    AgentId, ChainHash, Entry, Generation, Identity, MessageHash, Profile, ProfileEpoch, Receipt, Revision,
    Scope, SessionId, TenantId, Timestamp, Tombstone, Turn, TurnId, to_millisecond,
};
use crate::ports::{
    ApiKey, Append, AppendedTurn, EmbeddingModel, EmbeddingModels, Idempotency, KnownTurn, ModelNumber,
    NumberedModel, Parent, PassageDraft, SearchRow, StoreError, UnembeddedRow,
};

use super::jobs::Jobs;
use super::usage::Usages;

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) scopes: Vec<ScopeState>,
    pub(super) generations: u64,
    pub(super) identities: Vec<(TenantId, Option<AgentId>, Identity)>,
    pub(super) schemas: Vec<(TenantId, String)>,
    pub(super) models: EmbeddingModels,
    pub(super) last_model: ModelNumber,
    pub(super) keys: Vec<ApiKey>,
    pub(super) jobs: Jobs,
    pub(super) usages: Usages,
}

#[derive(Clone)]
pub(super) struct Row {
    pub(super) search: SearchRow,
    /// The models that it does not wait for.
    pub(super) read_by: Vec<ModelNumber>,
    pub(super) outdated: bool,
}

#[derive(Clone)]
pub(super) struct ScopeState {
    pub(super) scope: Scope,
    pub(super) generation: Generation,
    /// The turn with number n stands at n - 1, its message hash with it.
    pub(super) turns: Vec<(Turn, MessageHash)>,
    pub(super) sessions: Vec<SessionId>,
    pub(super) rows: Vec<Row>,
    pub(super) last_row: u64,
    pub(super) redactions: u64,
    pub(super) profiles: Vec<Profile>,
    pub(super) receipts: Vec<Receipt>,
    pub(super) idempotency: Vec<(Idempotency, Vec<AppendedTurn>)>,
    /// The entry with number n stands at n - 1.
    pub(super) ledger: Vec<Entry>,
    pub(super) tombstones: Vec<Tombstone>,
}

impl State {
    pub(super) fn rows(&self, limit: usize, wanted: impl Fn(&Row) -> bool) -> Vec<UnembeddedRow> {
        let rows = self.scopes.iter().flat_map(|scope| {
            let found = scope.rows.iter().filter(|row| wanted(row));
            found.map(|found| UnembeddedRow { scope: scope.scope.clone(), row: found.search.clone() })
        });
        rows.take(limit).collect()
    }

    pub(super) fn numbered(&mut self, model: &EmbeddingModel) -> NumberedModel {
        self.last_model += 1;
        NumberedModel { number: self.last_model, model: model.clone() }
    }

    pub(super) fn give_up(&mut self, model: Option<&NumberedModel>) {
        let Some(&NumberedModel { number: model, .. }) = model else { return };
        let rows = self.scopes.iter_mut().flat_map(|scope| &mut scope.rows);
        rows.filter(|row| row.read_by.contains(&model)).for_each(|row| row.outdated = true);
    }

    pub(super) fn scope(&mut self, scope: &Scope) -> &mut ScopeState {
        let at = self.scopes.iter().position(|known| known.scope == *scope).unwrap_or_else(|| {
            self.generations += 1;
            self.scopes.push(ScopeState {
                scope: scope.clone(),
                generation: Generation(self.generations),
                turns: Vec::new(),
                sessions: Vec::new(),
                rows: Vec::new(),
                last_row: 0,
                redactions: 0,
                profiles: Vec::new(),
                receipts: Vec::new(),
                idempotency: Vec::new(),
                ledger: Vec::new(),
                tombstones: Vec::new(),
            });
            self.scopes.len() - 1
        });
        &mut self.scopes[at]
    }
}

impl ScopeState {
    pub(super) fn revision(&self) -> Revision {
        Revision { generation: self.generation, row: self.last_row, redactions: self.redactions }
    }

    pub(super) fn known(&self) -> impl DoubleEndedIterator<Item = KnownTurn> {
        self.turns.iter().map(|(turn, message)| KnownTurn {
            seq: turn.id.seq,
            parent: turn.parent,
            session: turn.session.clone(),
            chain: turn.chain,
            message: *message,
            role: turn.role,
            recorded: turn.recorded,
        })
    }

    pub(super) fn of_session(
        &self,
        session: Option<&SessionId>,
    ) -> impl DoubleEndedIterator<Item = KnownTurn> {
        self.known().filter(move |turn| session.is_none_or(|session| turn.session == *session))
    }

    pub(super) fn push_row(&mut self, row: SearchRow, read_by: Vec<ModelNumber>) {
        self.last_row += 1;
        self.rows.push(Row { search: SearchRow { number: self.last_row, ..row }, read_by, outdated: false });
    }

    /// The rows of a turn.
    pub(super) fn push_passages(
        &mut self,
        turn: u64,
        session: &SessionId,
        passages: Vec<PassageDraft>,
        models: &[ModelNumber],
    ) {
        let session = self.sessions.iter().position(|known| known == session).unwrap_or(0) + 1;
        let session = u32::try_from(session).unwrap_or(u32::MAX);
        for (passage, draft) in (0..).zip(passages) {
            let read_by = models.iter().filter(|model| draft.read_by.contains(model)).copied().collect();
            self.push_row(SearchRow { number: 0, turn, passage, session, body: draft.body }, read_by);
        }
    }

    pub(super) fn append(
        &mut self,
        append: Append,
        models: &[ModelNumber],
    ) -> Result<Vec<AppendedTurn>, StoreError> {
        if let Some(idempotency) = &append.idempotency
            && let Some((earlier, turns)) =
                self.idempotency.iter().find(|(known, _)| known.key == idempotency.key)
        {
            return if earlier.body == idempotency.body {
                Ok(turns.clone())
            } else {
                Err(StoreError::IdempotencyMismatch)
            };
        }
        let mut before = match append.parent {
            Parent::Head => self.of_session(Some(&append.session)).next_back(),
            Parent::Chain(ChainHash::ROOT) => None,
            Parent::Chain(chain) => Some(
                self.of_session(Some(&append.session))
                    .find(|turn| turn.chain == chain)
                    .ok_or(StoreError::Conflict)?,
            ),
        };
        let mut done = Vec::new();
        for draft in append.turns {
            let message = draft.message();
            let chain = before.as_ref().map_or(ChainHash::ROOT, |turn| turn.chain).then(message);
            let known = self.of_session(Some(&append.session)).find(|turn| turn.chain == chain);
            if let Some(known) = known {
                done.push(AppendedTurn { seq: known.seq, known: true });
                before = Some(known);
                continue;
            }
            let seq = self.turns.len() as u64 + 1;
            if !self.sessions.contains(&append.session) {
                self.sessions.push(append.session.clone());
            }
            let turn = Turn {
                id: TurnId { generation: self.generation, seq },
                session: append.session.clone(),
                parent: before.map(|turn| turn.seq),
                chain,
                role: draft.role,
                name: draft.name,
                content: draft.content,
                time: to_millisecond(draft.time),
                recorded: to_millisecond(append.now),
                metadata: draft.metadata,
            };
            self.turns.push((turn, message));
            before = self.known().next_back();
            self.push_passages(seq, &append.session, draft.passages, models);
            done.push(AppendedTurn { seq, known: false });
        }
        self.keep(append.receipt);
        if let Some(idempotency) = append.idempotency {
            self.idempotency.push((idempotency, done.clone()));
        }
        Ok(done)
    }

    pub(super) fn put_profile(
        &mut self,
        mut profile: Profile,
        now: Timestamp,
    ) -> Result<ProfileEpoch, StoreError> {
        let newest = self.profiles.last().cloned().unwrap_or_default();
        if newest.epoch != profile.epoch {
            return Err(StoreError::Conflict);
        }
        if !newest.same_content(&profile) {
            profile.epoch += 1;
            profile.changed = Some(to_millisecond(now));
            self.profiles.push(profile.clone());
        }
        Ok(profile.epoch)
    }

    pub(super) fn keep(&mut self, receipt: Option<Receipt>) {
        if let Some(receipt) = receipt.filter(|new| self.receipts.iter().all(|known| known.id != new.id)) {
            self.receipts.push(receipt);
        }
    }
}
