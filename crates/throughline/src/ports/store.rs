//! Where memory is kept. Reading and writing are traits apart, so that search cannot change anything.
//!
//! Every method takes a [`Scope`], or a user or document with its tenant: there is no way to ask for a user alone.
//! Methods block. A write has happened, durably and whole, when its method returns `Ok`; after an error it has
//! happened whole or not at all, and repeating it is safe.

use thiserror::Error;

use crate::model::{
    AgentId, ChainHash, Content, Generation, Identity, IdentityVersion, MessageHash, Profile, ProfileEpoch,
    Receipt, ReceiptId, Revision, Role, Scope, SessionId, TenantId, Timestamp, Turn, UserKey,
};
use crate::ports::EmbeddingModel;

/// Why a store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Cannot be reached, or too busy: the same call may work later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// No room left.
    #[error("the store is full: {0}")]
    Full(String),
    /// Opened, but cannot be written to.
    #[error("the store cannot be written to: {0}")]
    ReadOnly(String),
    /// What is kept there cannot be understood.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// Made by a newer version of this software.
    #[error(
        "{store} has schema {found}, this version knows up to {known}; use a newer version of throughline"
    )]
    NewerSchema {
        /// Which store, such as its file.
        store: String,
        /// Its schema.
        found: u32,
        /// The newest one this code can read.
        known: u32,
    },
    /// Somebody else changed it first; read again and repeat.
    #[error("somebody else changed it in the meantime")]
    Conflict,
    /// An idempotency key came with two different bodies.
    #[error("the idempotency key was used before with another body")]
    IdempotencyMismatch,
}

/// The number under which a store keeps an embedding model; each row names the ones its vectors are of. A number is
/// never given twice.
pub type ModelNumber = u16;

/// The number of a store's first model: what is written before there is one waits for its vectors.
pub const FIRST_MODEL: ModelNumber = 1;

/// An embedding model and its number in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedModel {
    /// Its number.
    pub number: ModelNumber,
    /// Which one it is.
    pub model: EmbeddingModel,
}

/// The models whose vectors are kept, at most two: the one that serves, and beside it one that comes or one that served
/// before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmbeddingModels {
    /// Queries are embedded with it and its vectors are searched. None as long as the store never had a model.
    pub serving: Option<NumberedModel>,
    /// A switch to it is under way: it serves as soon as no row waits for its vectors.
    pub coming: Option<NumberedModel>,
    /// It served before; a rollback returns to it.
    pub previous: Option<NumberedModel>,
}

impl EmbeddingModels {
    /// All of them, the one that serves first.
    pub fn iter(&self) -> impl Iterator<Item = &NumberedModel> {
        self.serving.iter().chain(&self.coming).chain(&self.previous)
    }

    /// Their numbers. Without any model it is the first one's, for which rows wait already.
    pub fn numbers(&self) -> Vec<ModelNumber> {
        let numbers: Vec<_> = self.iter().map(|known| known.number).collect();
        if numbers.is_empty() { vec![FIRST_MODEL] } else { numbers }
    }

    /// The model whose vectors [`ReadStore::unembedded_count`] counts the lack of: the one that comes, else the one
    /// that serves, else the first.
    pub fn awaited(&self) -> ModelNumber {
        self.coming.as_ref().or(self.serving.as_ref()).map_or(FIRST_MODEL, |known| known.number)
    }
}

/// What a rollback did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolledBack {
    /// Nothing: no switch was under way, and no model served before.
    Nothing,
    /// The switch to this model is off; the one that served goes on.
    Cancelled(NumberedModel),
    /// This model serves again, as it did before; the one it replaces is now the previous one.
    Restored(NumberedModel),
}

/// What a new turn follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The newest turn of the session, whichever that is when the write happens.
    Head,
    /// The turn of the session with this chain; [`ChainHash::ROOT`] begins the conversation (again).
    Chain(ChainHash),
}

/// A passage about to be written: the search row's body, which only the engine reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageDraft {
    /// The encoded row.
    pub body: Vec<u8>,
    /// The models whose vectors it has. It waits for every other one that serves or comes, see
    /// [`ReadStore::unembedded`].
    pub read_by: Vec<ModelNumber>,
}

/// A turn about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnDraft {
    /// Who said it.
    pub role: Role,
    /// The speaker's name.
    pub name: Option<String>,
    /// What was said.
    pub content: Content,
    /// When it was said.
    pub time: Timestamp,
    /// The caller's JSON object.
    pub metadata: Option<String>,
    /// Its search rows.
    pub passages: Vec<PassageDraft>,
    /// Set where forgotten words were taken out of it: the hash of what was said, which chain and message hash go by.
    pub said: Option<MessageHash>,
}

impl TurnDraft {
    /// The hash of what was said, whatever of it is kept.
    pub fn message(&self) -> MessageHash {
        self.said.unwrap_or_else(|| MessageHash::of(self.role, self.content.hashed()))
    }
}

/// Makes a repeated append harmless: the second one returns what the first did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key, unique in the scope.
    pub key: String,
    /// A hash of what was asked; another one under the same key is refused.
    pub body: [u8; 16],
}

/// Turns of one session, written in one step with all that belongs to them: search rows, the session's waiting
/// learning job, the receipt of the context they were answered with.
///
/// A turn whose chain the session has already is not written again; its number is returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The conversation.
    pub session: SessionId,
    /// What the first turn follows; each other turn follows the one before.
    pub parent: Parent,
    /// In order.
    pub turns: Vec<TurnDraft>,
    /// Set where the caller may repeat the call.
    pub idempotency: Option<Idempotency>,
    /// Kept with the turns.
    pub receipt: Option<Receipt>,
    /// The time of writing.
    pub now: Timestamp,
}

/// One turn of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendedTurn {
    /// Its number in the scope.
    pub seq: u64,
    /// Whether it was there before.
    pub known: bool,
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The scope's generation, for turn ids.
    pub generation: Generation,
    /// In the order of the draft.
    pub turns: Vec<AppendedTurn>,
}

/// A search row: one passage of a turn. Rows of a scope are a log: a changed row gets a new number, so reading what
/// came after a number brings a copy up to date. A row replaces any earlier one of the same turn and passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRow {
    /// Its number in the scope, from 1, rising.
    pub number: u64,
    /// The turn's number.
    pub turn: u64,
    /// The passage's number in the turn, from 0.
    pub passage: u32,
    /// The session's number in the scope, from 1.
    pub session: u32,
    /// The encoded row.
    pub body: Vec<u8>,
}

/// A row that waits to be rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnembeddedRow {
    /// Whose.
    pub scope: Scope,
    /// The row.
    pub row: SearchRow,
}

/// A row that got a vector, or lost those nobody needs. It is dropped silently if the row it replaces is no longer
/// there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedRow {
    /// Whose.
    pub scope: Scope,
    /// The row it replaces.
    pub number: u64,
    /// The new body.
    pub body: Vec<u8>,
    /// The models for whose vectors it waits no longer: they have read it, or refused to.
    pub read_by: Vec<ModelNumber>,
}

/// A turn's place in its conversation, without its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTurn {
    /// Its number.
    pub seq: u64,
    /// The number of the turn it follows.
    pub parent: Option<u64>,
    /// The conversation.
    pub session: SessionId,
    /// The chain up to and with it.
    pub chain: ChainHash,
    /// Role and content.
    pub message: MessageHash,
    /// Who said it.
    pub role: Role,
    /// When it was written.
    pub recorded: Timestamp,
}

/// Which turns to list, by rising number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnsPage {
    /// Only this conversation's.
    pub session: Option<SessionId>,
    /// Only turns with a higher number.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// A conversation, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// Its name.
    pub session: SessionId,
    /// Its number in the scope: sessions are listed by it, rising.
    pub number: u32,
    /// How many turns it has.
    pub turns: u64,
    /// The earliest time of a turn.
    pub first: Timestamp,
    /// The latest time of a turn.
    pub last: Timestamp,
}

/// What an erasure took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Scopes of the user.
    pub scopes: u64,
    /// Conversations.
    pub sessions: u64,
    /// Turns of the journal.
    pub turns: u64,
    /// Search rows.
    pub passages: u64,
    /// Versions of the profile.
    pub profiles: u64,
    /// Receipts.
    pub receipts: u64,
    /// Claims of the ledger.
    pub claims: u64,
    /// Learning jobs.
    pub jobs: u64,
    /// Counts of what was spent for the user, one for each day and stage. The tenant's stay.
    pub usages: u64,
}

/// Reads.
pub trait ReadStore: Send + Sync {
    /// How far the scope's search rows have come; none if nothing was ever written to it.
    fn revision(&self, scope: &Scope) -> Result<Option<Revision>, StoreError>;

    /// Hands over the rows after number `after` in rising order and returns the revision they lead to, read in one
    /// consistent view. None if the scope does not exist.
    fn search_rows(
        &self,
        scope: &Scope,
        after: u64,
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<Option<Revision>, StoreError>;

    /// Hands over the rows with these numbers, given in rising order, in that order; one that is not there is left out.
    fn search_rows_at(
        &self,
        scope: &Scope,
        numbers: &[u64],
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<(), StoreError>;

    /// Turns by number, in the order asked; one that is not there is left out.
    fn turns(&self, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, StoreError>;

    /// Turns by rising number.
    fn turns_page(&self, scope: &Scope, page: &TurnsPage) -> Result<Vec<Turn>, StoreError>;

    /// Conversations by rising number, those after number `after`.
    fn sessions(&self, scope: &Scope, after: u32, limit: usize) -> Result<Vec<SessionSummary>, StoreError>;

    /// The newest turn of a session.
    fn session_head(&self, scope: &Scope, session: &SessionId) -> Result<Option<KnownTurn>, StoreError>;

    /// For each chain the newest turn that has it, in `session` if one is given.
    fn turns_by_chain(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        chains: &[ChainHash],
    ) -> Result<Vec<Option<KnownTurn>>, StoreError>;

    /// Turns with this role and content, newest first.
    fn turns_by_message(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        message: MessageHash,
        limit: usize,
    ) -> Result<Vec<KnownTurn>, StoreError>;

    /// The turn and those before it in its conversation, nearest first, at most `limit`.
    fn lineage(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<KnownTurn>, StoreError>;

    /// The profile: its newest version, or the one of an epoch. The empty profile if there is none.
    fn profile(&self, scope: &Scope, epoch: Option<ProfileEpoch>) -> Result<Profile, StoreError>;

    /// A tenant's identity, or the one of an agent of its own: the newest, or a version.
    fn identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        version: Option<IdentityVersion>,
    ) -> Result<Option<Identity>, StoreError>;

    /// A receipt and the scope it belongs to.
    fn receipt(&self, tenant: &TenantId, id: ReceiptId) -> Result<Option<(Scope, Receipt)>, StoreError>;

    /// Hands over all receipts of a scope, in no particular order.
    fn receipts(&self, scope: &Scope, sink: &mut dyn FnMut(Receipt)) -> Result<(), StoreError>;

    /// The JSON Schema of the tenant's own profile slots.
    fn slot_schema(&self, tenant: &TenantId) -> Result<Option<String>, StoreError>;

    /// Rows that wait for a vector of this model, scope by scope, oldest first within one, of any tenant: for the
    /// back-fill alone. A model that served before has such rows too: they would wait after a rollback.
    fn unembedded(&self, model: ModelNumber, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError>;

    /// The scopes whose newest search row has this number or a higher one, in no particular order. Goes through the list of all
    /// scopes: for what is done in the background.
    fn large_scopes(&self, row_min: u64) -> Result<Vec<Scope>, StoreError>;

    /// How many rows wait for a vector of the model that comes, or of the one that serves if none comes.
    fn unembedded_count(&self) -> Result<u64, StoreError>;

    /// Rows that may hold vectors of a model that was given up, in the order of [`unembedded`](Self::unembedded).
    /// [`WriteStore::put_embedded`] takes them off this list.
    fn outdated(&self, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError>;

    /// How many sessions wait to be learned from, with those that are being learned from; dead jobs wait for nothing.
    fn outbox_count(&self) -> Result<u64, StoreError>;

    /// The models whose vectors are kept. Asked at every recall, since another process may have changed them.
    fn embedding_models(&self) -> Result<EmbeddingModels, StoreError>;

    /// 32 random bytes, made with the store: the key of fence marks and of key hashes.
    fn secret(&self) -> Result<[u8; 32], StoreError>;
}

/// Writes.
pub trait WriteStore: Send + Sync {
    /// Appends turns to the journal, see [`Append`]. Creates scope and session where needed.
    fn append(&self, scope: &Scope, append: Append) -> Result<Appended, StoreError>;

    /// Adds vectors to rows, or takes them out, each a new row in place of the old. It waits for the models that the
    /// old one waited for, without those that have now read it.
    fn put_embedded(&self, rows: Vec<EmbeddedRow>) -> Result<(), StoreError>;

    /// Writes a profile's next version if the newest is still `profile.epoch`, else [`StoreError::Conflict`].
    /// Returns the new epoch. Creates the scope where needed.
    fn put_profile(
        &self,
        scope: &Scope,
        profile: Profile,
        now: Timestamp,
    ) -> Result<ProfileEpoch, StoreError>;

    /// Adds a version of the identity; the same text as the newest version adds none.
    fn put_identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        text: &str,
        now: Timestamp,
    ) -> Result<Identity, StoreError>;

    /// Keeps a receipt of a context without an exchange. Creates the scope where needed.
    fn put_receipt(&self, scope: &Scope, receipt: Receipt) -> Result<(), StoreError>;

    /// Sets or takes away the JSON Schema of the tenant's own profile slots.
    fn put_slot_schema(&self, tenant: &TenantId, schema: Option<&str>) -> Result<(), StoreError>;

    /// Lets the store's first model serve; if there is one already, changes nothing. Returns what is then the case.
    fn claim_embedding_model(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError>;

    /// Begins a switch: the model comes, and rows wait for its vectors. Returns what is then the case.
    ///
    /// The model that serves goes on. A model that was coming, or that served before, is given up, unless it is this
    /// one: then only those rows wait that it has not read. If the model serves already, what was coming is given up
    /// and nothing comes. In a store without a model it serves at once.
    fn begin_switch(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError>;

    /// Lets the model that comes serve, and keeps the one that served as the previous one, if it is this model that
    /// comes and no row waits for its vectors. Returns whether that was so.
    fn complete_switch(&self, coming: ModelNumber) -> Result<bool, StoreError>;

    /// Gives up the model that comes; if none does, the previous one serves again, and rows it has not read wait for
    /// its vectors.
    fn roll_back_switch(&self) -> Result<RolledBack, StoreError>;

    /// Gives up the previous model. Returns which it was.
    fn forget_previous_model(&self) -> Result<Option<NumberedModel>, StoreError>;

    /// Takes away everything of a user, in every scope. When it returns, nobody finds any of it in the store any more. The embedded
    /// store's files hold none of it then; a server's may until it reuses the space, see the store's own page.
    fn erase_user(&self, user: &UserKey) -> Result<Erased, StoreError>;
}

/// A credential of a tenant. The key itself is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part, by which it is listed and revoked.
    pub id: String,
    /// Whom it speaks for.
    pub tenant: TenantId,
    /// What people call it.
    pub label: String,
    /// Keyed hash of the secret part.
    pub hash: [u8; 32],
    /// When it was made.
    pub created: Timestamp,
    /// When it stopped being accepted.
    pub revoked: Option<Timestamp>,
}

/// Credentials.
pub trait KeyStore: Send + Sync {
    /// Adds a key.
    fn put_key(&self, key: ApiKey) -> Result<(), StoreError>;

    /// A key by its id, revoked ones too.
    fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError>;

    /// All keys, oldest first.
    fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Stops accepting a key. False if there is none of that id, or it was revoked before.
    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;
}
