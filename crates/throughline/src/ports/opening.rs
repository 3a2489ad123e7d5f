//! What a request begins with: all it needs to know of its scope, asked of the store at once.

use crate::model::{ChainHash, Identity, Profile, Revision, Scope, SessionId, Tombstone, Turn};
use crate::ports::{EmbeddingModels, KnownTurn, LedgerStore, ReadStore, SearchRow, StoreError};

/// New search rows that come with an opening; of more, none does. They have some KiB each at most.
pub const OPENING_ROWS_MAX: usize = 512;

/// New turns that come with an opening, the oldest first.
pub const OPENING_TURNS_MAX: usize = 128;

/// Bytes of turns that come with an opening.
pub const OPENING_TURN_BYTES_MAX: usize = 256 * 1024;

/// What is wanted; nothing else is looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpeningAsk<'a> {
    /// The conversation, if the caller names one: turns are looked for in it alone.
    pub session: Option<&'a SessionId>,
    /// The chains of what was said, the newest last, for [`Opening::thread`].
    pub chains: &'a [ChainHash],
    /// How many turns of the thread at most.
    pub thread_max: usize,
    /// For [`Opening::news`].
    pub since: Option<Since>,
    /// Whether what stands before a conversation is wanted: see [`Prefix`].
    pub prefix: bool,
    /// Whether tombstones are wanted.
    pub tombstones: bool,
}

/// How far the caller's copies of a scope have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Since {
    /// The number of the newest search row.
    pub row: u64,
    /// The number of the newest turn.
    pub turn: u64,
}

/// What came after the caller's copies were made, if these are of the log that [`Opening::revision`] is of.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// What was asked for.
    pub since: Since,
    /// All rows after it, rising, up to [`Opening::revision`].
    pub rows: Vec<SearchRow>,
    /// Turns after it, rising; perhaps not all.
    pub turns: Vec<Turn>,
}

/// What stands before a conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prefix {
    /// The agent's own identity, else the tenant's.
    pub identity: Option<Identity>,
    /// The JSON Schema of the tenant's own profile slots.
    pub slot_schema: Option<String>,
    /// The newest profile.
    pub profile: Profile,
    /// Whether another program has written its copy since: see [`LedgerStore::profile_edit`].
    pub is_edited: bool,
}

/// A scope as a request finds it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Opening {
    /// How far its search rows have come; none if nothing was ever written to it.
    pub revision: Option<Revision>,
    /// The models whose vectors are kept.
    pub models: EmbeddingModels,
    /// The number of the newest entry of its ledger, 0 for none.
    pub ledger_end: u64,
    /// The newest turn that has the last of the chains that any turn has, and those before it in its conversation, nearest
    /// first.
    pub thread: Vec<KnownTurn>,
    /// The newest turn of the session that was named.
    pub head: Option<KnownTurn>,
    /// None if not asked for, or if there is too much of it or the store is near: then it is read by itself.
    pub news: Option<News>,
    /// If asked for.
    pub prefix: Option<Prefix>,
    /// If asked for.
    pub tombstones: Vec<Tombstone>,
}

/// Reads of several things at once.
pub trait OpeningStore: ReadStore + LedgerStore {
    /// What a request needs of its scope.
    ///
    /// A store that is asked over a network answers in one round trip, and what belongs to the scope is of one moment. Here
    /// each part is read by itself: what is of the scope may be of several moments, and the caller must be right all the same.
    fn opening(&self, scope: &Scope, ask: &OpeningAsk<'_>) -> Result<Opening, StoreError> {
        let chains = ask.chains;
        let found = if chains.is_empty() {
            None
        } else {
            self.turns_by_chain(scope, ask.session, chains)?.into_iter().rev().flatten().next()
        };
        let thread = found.map(|turn| self.lineage(scope, turn.seq, ask.thread_max)).transpose()?;
        let head = ask.session.map(|session| self.session_head(scope, session)).transpose()?.flatten();
        let prefix = || -> Result<Prefix, StoreError> {
            let own = scope.agent.as_ref().map(|agent| self.identity(scope.tenant(), Some(agent), None));
            let identity = match own.transpose()?.flatten() {
                Some(own) => Some(own),
                None => self.identity(scope.tenant(), None, None)?,
            };
            let slot_schema = self.slot_schema(scope.tenant())?;
            let is_edited = self.profile_edit(scope)?.is_some();
            Ok(Prefix { identity, slot_schema, profile: self.profile(scope, None)?, is_edited })
        };
        Ok(Opening {
            revision: self.revision(scope)?,
            models: self.embedding_models()?,
            ledger_end: self.ledger_end(scope)?,
            thread: thread.unwrap_or_default(),
            head,
            news: None,
            prefix: ask.prefix.then(prefix).transpose()?,
            tombstones: if ask.tombstones { self.tombstones(scope)? } else { Vec::new() },
        })
    }
}
