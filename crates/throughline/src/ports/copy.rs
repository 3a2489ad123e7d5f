//! Copying a store into another, of whatever engine: what the other ports do not tell, and writing all of it as it was.
//!
//! Most of a store is read through the ports that serve it; here is only the rest. A copy keeps every number, id, time,
//! hash and generation, so that nobody who asks can tell the two stores apart. [`crate::copy`] puts it together.

use crate::model::{
    AgentId, Entry, Generation, Identity, MessageHash, Profile, Receipt, Scope, TenantId, Timestamp,
    Tombstone, Turn, UserKey,
};

use super::{
    ApiKey, AppendedTurn, DayUsage, EmbeddingModels, Job, JobNumber, ModelNumber, SearchRow, Store,
    StoreError,
};

/// Why nobody but a copy may write to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transit {
    /// It is being filled by a copy of the store with this mark.
    Filling(String),
    /// What was in it is now in this other store, named for people.
    Moved(String),
}

impl Transit {
    /// As stores keep it.
    pub fn text(&self) -> String {
        match self {
            Self::Filling(from) => format!("filling {from}"),
            Self::Moved(to) => format!("moved {to}"),
        }
    }

    /// From what [`text`](Self::text) made.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        match text.split_once(' ') {
            Some(("filling", from)) => Ok(Self::Filling(from.to_owned())),
            Some(("moved", to)) => Ok(Self::Moved(to.to_owned())),
            _ => Err(StoreError::Corrupt(format!(
                "what is said of copies of it is `{text}`, which is nothing"
            ))),
        }
    }

    /// What a writer is told.
    pub fn refusal(&self) -> StoreError {
        StoreError::ReadOnly(match self {
            Self::Filling(_) => {
                "it is being filled by `throughline store copy`; repeat that command until it has switched"
                    .into()
            }
            Self::Moved(to) => format!(
                "its memory has moved to {to}; use that store, or take this one back into use with `throughline store reopen`"
            ),
        })
    }
}

/// What belongs to no user. Cannot be shown: the secret is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreRecord {
    /// See [`ReadStore::secret`](super::ReadStore::secret).
    pub secret: [u8; 32],
    /// The models whose vectors are kept.
    pub models: EmbeddingModels,
    /// The number of a model that was given last, 0 for none.
    pub last_model: ModelNumber,
    /// The number of a job that was given last, 0 for none.
    pub last_job: JobNumber,
    /// The place of a scope that was given last, 0 for none; see [`ScopeRecord::place`].
    pub last_place: u64,
    /// In the order in which they are listed.
    pub keys: Vec<ApiKey>,
    /// By name. Only those of whom the store has anything that belongs to none of their users.
    pub tenants: Vec<TenantRecord>,
}

/// What belongs to a tenant and none of its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRecord {
    /// Which.
    pub tenant: TenantId,
    /// The JSON Schema of its own profile slots.
    pub slot_schema: Option<String>,
    /// Every version, the tenant's own first, then by agent; each by rising version.
    pub identities: Vec<(Option<AgentId>, Identity)>,
    /// What it has spent in all.
    pub usage: Vec<DayUsage>,
}

/// Scopes, in an order of the store's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopesPage {
    /// Some of them. One that was made meanwhile may come later as well.
    pub scopes: Vec<Scope>,
    /// What to go on after; none if that was the end.
    pub next: Option<String>,
}

/// A scope without what is read from it page by page.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeRecord {
    /// Which of two scopes was there first: it has the lower place.
    pub place: u64,
    /// For turn ids.
    pub generation: Generation,
    /// The newest number of a turn; so on for the others. 0 before the first.
    pub last_turn: u64,
    /// Of a search row.
    pub last_row: u64,
    /// Of a session.
    pub last_session: u64,
    /// Of an entry of the ledger.
    pub last_entry: u64,
    /// Of an idempotency key.
    pub last_key: u64,
    /// How often words were taken out of its search rows.
    pub redactions: u64,
    /// How many there are.
    pub receipts: u64,
    /// Its learning jobs, by rising number.
    pub jobs: Vec<CopiedJob>,
}

/// A turn, with the hash that only stores keep.
#[derive(Debug, Clone, PartialEq)]
pub struct CopiedTurn {
    /// As it is read.
    pub turn: Turn,
    /// Of what was said, whatever of it is kept.
    pub message: MessageHash,
}

impl CopiedTurn {
    /// Whether words were taken out of it.
    pub fn is_redacted(&self) -> bool {
        self.message != MessageHash::of(self.turn.role, self.turn.content.hashed())
    }
}

/// A search row, and which models have read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedRow {
    /// As it is read.
    pub row: SearchRow,
    /// Of the models that are kept those that have read it; it waits for the others.
    pub read_by: Vec<ModelNumber>,
    /// Whether it may hold vectors of a model that was given up.
    pub is_outdated: bool,
}

/// A learning job, with what only stores keep.
#[derive(Debug, Clone, PartialEq)]
pub struct CopiedJob {
    /// As it is read.
    pub job: Job,
    /// How many of the session's turns it has.
    pub count: u64,
    /// When the newest of them was written.
    pub newest: Timestamp,
    /// Until when it is a worker's, if one has it.
    pub lease_until: Timestamp,
    /// See [`ClaimedJob::token`](super::ClaimedJob::token).
    pub token: u64,
}

/// An idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedKey {
    /// Its number in the scope, from 1, rising.
    pub number: u64,
    /// The caller's.
    pub key: String,
    /// The hash of what was asked.
    pub body: [u8; 16],
    /// What was answered.
    pub turns: Vec<AppendedTurn>,
    /// When.
    pub created: Timestamp,
}

/// One thing of a scope.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Turns come by rising number, and so do what they belong to and what belongs to them: sessions are made of them.
    Turn(CopiedTurn),
    /// After the scope's turns.
    Row(CopiedRow),
    /// By rising number.
    Entry(Entry),
    /// One version, by rising epoch.
    Profile(Profile),
    /// In no particular order.
    Receipt(Receipt),
    /// In no particular order.
    Tombstone(Tombstone),
    /// By rising number.
    Key(CopiedKey),
    /// After the scope's turns. One of a session that is not there is left out: it was read from a scope that changed.
    Job(CopiedJob),
    /// The user's, and so the same in each of their scopes.
    Usage(DayUsage),
}

/// Tells one state of a scope from all others.
pub type ScopeMark = [u8; 16];

/// Some of a scope, written in one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restore {
    /// Set with the first records: takes away what is there of the scope, and makes it anew.
    pub begin: Option<ScopeRecord>,
    /// What is added to what was restored before.
    pub records: Vec<Record>,
    /// Set with the last: the scope is whole, as its source was when it had this mark.
    pub mark: Option<ScopeMark>,
}

/// A store that can be copied, and be a copy.
///
/// Reading is not one view: who copies a scope looks before whether it changed since, and copies it again.
/// [`restore_store`](Self::restore_store), [`restore`](Self::restore) and [`drop_user`](Self::drop_user) work only while the store
/// is [`Transit::Filling`], and no other write does.
pub trait CopyStore: Store {
    /// Why nobody but a copy may write to it; none if anybody may.
    fn transit(&self) -> Result<Option<Transit>, StoreError>;

    /// Sets it. When this returns, no write is under way that did not know of it, but for those that
    /// [`settle`](Self::settle) waits for.
    fn set_transit(&self, transit: Option<&Transit>) -> Result<(), StoreError>;

    /// Returns when no write to this scope is under way that did not know what [`set_transit`](Self::set_transit) set.
    fn settle(&self, scope: &Scope) -> Result<(), StoreError> {
        let _ = scope;
        Ok(())
    }

    /// What belongs to no user.
    fn store_record(&self) -> Result<StoreRecord, StoreError>;

    /// Scopes after a page's [`next`](ScopesPage::next), at first after none. Each that is there throughout comes at least once.
    fn scopes(&self, after: Option<&str>, limit: usize) -> Result<ScopesPage, StoreError>;

    /// What can be told of a scope at once; none if it is not there.
    fn scope_record(&self, scope: &Scope) -> Result<Option<ScopeRecord>, StoreError>;

    /// Search rows after number `after`, by rising number.
    fn copied_rows(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedRow>, StoreError>;

    /// Idempotency keys after number `after`, by rising number.
    fn copied_keys(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedKey>, StoreError>;

    /// The mark its source had when the scope was restored whole; none if it was not.
    fn restored(&self, scope: &Scope) -> Result<Option<ScopeMark>, StoreError>;

    /// Puts this in place of what is there, but for scopes. Models are to be there before the rows they have read.
    fn restore_store(&self, record: &StoreRecord) -> Result<(), StoreError>;

    /// Writes some of a scope, see [`Restore`]. After an error it may have happened; then the scope is begun again.
    fn restore(&self, scope: &Scope, restore: Restore) -> Result<(), StoreError>;

    /// Takes a user away who is gone from the source, as far as [`erase_user`](super::WriteStore::erase_user) does.
    fn drop_user(&self, user: &UserKey) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transit_reads_back_as_it_was_kept() {
        for transit in [Transit::Filling("ab12".into()), Transit::Moved("redis://a b:1".into())] {
            assert_eq!(Transit::parse(&transit.text()), Ok(transit));
        }
        assert!(matches!(Transit::parse("?"), Err(StoreError::Corrupt(_))));
    }
}
