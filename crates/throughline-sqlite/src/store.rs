//! The store: one writing thread, a pool of readers, and the ports' methods handed to the module that knows them.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use throughline::model::{
    AgentId, ChainHash, Identity, IdentityVersion, MessageHash, Profile, ProfileEpoch, Receipt, ReceiptId,
    Revision, Scope, SessionId, TenantId, Timestamp, Turn, UserKey,
};
use throughline::ports::{
    ApiKey, Append, Appended, EmbeddedRow, EmbeddingModel, EmbeddingModels, Erased, KeyStore, KnownTurn,
    ModelNumber, NumberedModel, OpeningStore, ReadStore, RolledBack, SearchRow, SessionSummary, StoreError,
    TurnsPage, UnembeddedRow, WriteStore,
};

use crate::error::Fault;
use crate::options::SqliteOptions;
use crate::readers::Readers;
use crate::scrub::{self, Means};
use crate::writer::Writer;
use crate::{
    append, connection, credentials, embedding, erase, identities, jobs, journal, models, profiles, receipts,
    scopes, search,
};

mod copy;
mod learning;
mod usage;

/// The embedded store. Shared between threads by reference; dropping it finishes the queued writes.
pub struct SqliteStore {
    // Before the readers: fields are dropped in order, and the last connection to close tidies the log away.
    writer: Writer,
    readers: Readers,
    file: PathBuf,
    means: Means,
    options: SqliteOptions,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in a data directory; makes directory (mode 0700), file (0600) and schema where they are
    /// missing, and brings an older schema to the newest. An erasure that a crash interrupted is finished first.
    ///
    /// Each error names the file and says what to do.
    pub fn open(directory: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let file = connection::prepare(directory)?;
        let at = |fault: Fault| fault.at(&file);
        let writing = connection::writer(&file, &options).map_err(at)?;
        let reading: Vec<_> = (0..options.readers.max(1))
            .map(|_| connection::reader(&file, &options))
            .collect::<Result<_, _>>()
            .map_err(at)?;
        let note = scrub::pending(&writing).map_err(at)?;
        let means = scrub::means(&writing).map_err(at)?;
        let writer = Writer::start(writing, file.clone(), options.write_queue_max, options.queue_wait_max)
            .map_err(|error| {
                StoreError::Unavailable(format!("the writing thread cannot be started: {error}"))
            })?;
        let readers = Readers::new(reading, options.queue_wait_max, file.clone());
        if let Some(note) = note {
            tracing::info!(file = %file.display(), "finishing an erasure that was interrupted");
            scrub::finish(&writer, means, note, options.erase_wait_max)?;
        }
        Ok(Self { writer, readers, file, means, options })
    }

    /// Runs a write in a transaction, unless the store is not in use.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(move |connection| {
            crate::copy::expect_in_use(connection)?;
            work(connection)
        })
    }

    fn scrub(&self, note: i64) -> Result<(), StoreError> {
        scrub::finish(&self.writer, self.means, note, self.options.erase_wait_max)
    }

    /// The file that holds everything.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// A read of a file costs no round trip: each part is read by itself.
impl OpeningStore for SqliteStore {}

impl ReadStore for SqliteStore {
    fn revision(&self, scope: &Scope) -> Result<Option<Revision>, StoreError> {
        self.readers.read(|c| search::revision(c, scope))
    }

    fn search_rows(
        &self,
        scope: &Scope,
        after: u64,
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<Option<Revision>, StoreError> {
        self.readers.read(|c| search::rows(c, scope, after, sink))
    }

    fn search_rows_at(
        &self,
        scope: &Scope,
        numbers: &[u64],
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<(), StoreError> {
        self.readers.read(|c| search::rows_at(c, scope, numbers, sink))
    }

    fn turns(&self, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, StoreError> {
        self.readers.read(|c| journal::turns(c, scope, seqs))
    }

    fn turns_page(&self, scope: &Scope, page: &TurnsPage) -> Result<Vec<Turn>, StoreError> {
        self.readers.read(|c| journal::turns_page(c, scope, page))
    }

    fn sessions(&self, scope: &Scope, after: u32, limit: usize) -> Result<Vec<SessionSummary>, StoreError> {
        self.readers.read(|c| journal::sessions(c, scope, after, limit))
    }

    fn session_head(&self, scope: &Scope, session: &SessionId) -> Result<Option<KnownTurn>, StoreError> {
        self.readers.read(|c| journal::session_head(c, scope, session))
    }

    fn turns_by_chain(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        chains: &[ChainHash],
    ) -> Result<Vec<Option<KnownTurn>>, StoreError> {
        self.readers.read(|c| journal::turns_by_chain(c, scope, session, chains))
    }

    fn turns_by_message(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        message: MessageHash,
        limit: usize,
    ) -> Result<Vec<KnownTurn>, StoreError> {
        self.readers.read(|c| journal::turns_by_message(c, scope, session, message, limit))
    }

    fn lineage(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<KnownTurn>, StoreError> {
        self.readers.read(|c| journal::lineage(c, scope, seq, limit))
    }

    fn profile(&self, scope: &Scope, epoch: Option<ProfileEpoch>) -> Result<Profile, StoreError> {
        self.readers.read(|c| profiles::profile(c, scope, epoch))
    }

    fn identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        version: Option<IdentityVersion>,
    ) -> Result<Option<Identity>, StoreError> {
        self.readers.read(|c| identities::identity(c, tenant, agent, version))
    }

    fn receipt(&self, tenant: &TenantId, id: ReceiptId) -> Result<Option<(Scope, Receipt)>, StoreError> {
        self.readers.read(|c| receipts::receipt(c, tenant, id))
    }

    fn receipts(&self, scope: &Scope, sink: &mut dyn FnMut(Receipt)) -> Result<(), StoreError> {
        self.readers.read(|c| receipts::receipts(c, scope, sink))
    }

    fn slot_schema(&self, tenant: &TenantId) -> Result<Option<String>, StoreError> {
        self.readers.read(|c| profiles::slot_schema(c, tenant))
    }

    fn unembedded(&self, model: ModelNumber, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        self.readers.read(|c| embedding::unembedded(c, model, limit))
    }

    fn large_scopes(&self, row_min: u64) -> Result<Vec<Scope>, StoreError> {
        self.readers.read(|c| scopes::large(c, row_min))
    }

    fn unembedded_count(&self) -> Result<u64, StoreError> {
        self.readers.read(embedding::unembedded_count)
    }

    fn outdated(&self, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        self.readers.read(|c| embedding::outdated(c, limit))
    }

    fn outbox_count(&self) -> Result<u64, StoreError> {
        self.readers.read(jobs::sessions)
    }

    fn embedding_models(&self) -> Result<EmbeddingModels, StoreError> {
        self.readers.read(models::models)
    }

    fn secret(&self) -> Result<[u8; 32], StoreError> {
        self.readers
            .read(|c| Ok(c.query_row("SELECT value FROM meta WHERE name = 'secret'", [], |row| row.get(0))?))
    }
}

impl WriteStore for SqliteStore {
    fn append(&self, scope: &Scope, append: Append) -> Result<Appended, StoreError> {
        let scope = scope.clone();
        self.write(move |c| append::append(c, &scope, append))
    }

    fn put_embedded(&self, rows: Vec<EmbeddedRow>) -> Result<(), StoreError> {
        self.write(move |c| embedding::put_embedded(c, &rows))
    }

    fn put_profile(
        &self,
        scope: &Scope,
        profile: Profile,
        now: Timestamp,
    ) -> Result<ProfileEpoch, StoreError> {
        let scope = scope.clone();
        self.write(move |c| profiles::put(c, &scope, profile, now))
    }

    fn put_identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        text: &str,
        now: Timestamp,
    ) -> Result<Identity, StoreError> {
        let (tenant, agent, text) = (tenant.clone(), agent.cloned(), text.to_owned());
        self.write(move |c| identities::put(c, &tenant, agent.as_ref(), &text, now))
    }

    fn put_receipt(&self, scope: &Scope, receipt: Receipt) -> Result<(), StoreError> {
        let scope = scope.clone();
        self.write(move |c| {
            let scope = crate::scopes::find_or_create(c, &scope)?;
            receipts::put(c, scope.number, &receipt)
        })
    }

    fn put_slot_schema(&self, tenant: &TenantId, schema: Option<&str>) -> Result<(), StoreError> {
        let (tenant, schema) = (tenant.clone(), schema.map(str::to_owned));
        self.write(move |c| profiles::put_slot_schema(c, &tenant, schema.as_deref()))
    }

    fn claim_embedding_model(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        let model = model.clone();
        self.write(move |c| models::claim(c, &model))
    }

    fn begin_switch(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        let model = model.clone();
        self.write(move |c| models::begin(c, &model))
    }

    fn complete_switch(&self, coming: ModelNumber) -> Result<bool, StoreError> {
        self.write(move |c| models::complete(c, coming))
    }

    fn roll_back_switch(&self) -> Result<RolledBack, StoreError> {
        self.write(models::roll_back)
    }

    fn forget_previous_model(&self) -> Result<Option<NumberedModel>, StoreError> {
        self.write(models::forget_previous)
    }

    /// Takes the rows away in one transaction, then wipes the file of what SQLite left of them, which reads it
    /// whole. An error after the first step says so; repeating the call, or opening the store again, finishes it.
    fn erase_user(&self, user: &UserKey) -> Result<Erased, StoreError> {
        let user = user.clone();
        let (erased, note) = self.write(move |c| erase::erase_user(c, &user))?;
        self.scrub(note)?;
        Ok(erased)
    }
}

impl KeyStore for SqliteStore {
    fn put_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.write(move |c| credentials::put(c, &key))
    }

    fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        self.readers.read(|c| credentials::key(c, id))
    }

    fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.readers.read(credentials::keys)
    }

    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |c| credentials::revoke(c, &id, now))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use throughline::model::{Content, Role, UserId};
    use throughline::ports::{Parent, TurnDraft};

    use super::*;

    #[test]
    fn an_erasure_that_was_not_finished_is_finished_by_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        // As an error leaves it: rows taken away, and the note that the file is still to be wiped.
        store.writer.write(scrub::note).unwrap();
        assert_eq!(crate::doctor::doctor(directory.path()).findings.len(), 1);
        let user = UserKey { tenant: TenantId::single(), user: UserId::new("ann").unwrap() };
        store.erase_user(&user).unwrap();
        assert_eq!(crate::doctor::doctor(directory.path()).findings, []);
    }

    #[test]
    fn without_sqlites_page_table_an_erasure_rewrites_the_file_and_leaves_nothing_either() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        assert_eq!(store.means, Means::Pages, "this workspace builds SQLite with its page table");
        store.means = Means::Vacuum;
        let scope = |user: &str| Scope::of(TenantId::single(), UserId::new(user).unwrap());
        let held = |user: &str| {
            let mut grep = Command::new("grep");
            grep.args(["-r", "-q", "-a", "-F", user]).arg(directory.path()).status().unwrap().success()
        };
        for round in 0..40 {
            for user in ["the first user", "the second user", "the third user"] {
                let turn = TurnDraft {
                    role: Role::User,
                    name: None,
                    content: Content::text(user.repeat(1 + round * 17 % 60)),
                    time: Timestamp::UNIX_EPOCH,
                    metadata: None,
                    passages: vec![],
                    said: None,
                };
                let append = Append {
                    session: SessionId::new(user).unwrap(),
                    parent: Parent::Head,
                    turns: vec![turn],
                    idempotency: None,
                    receipt: None,
                    now: Timestamp::UNIX_EPOCH,
                };
                store.append(&scope(user), append).unwrap();
            }
        }
        assert!(held("the second user"));
        store.erase_user(&scope("the second user").user).unwrap();
        assert!(!held("the second user"));
        assert!(held("the first user") && held("the third user"));
        drop(store);
        assert_eq!(crate::doctor::doctor(directory.path()).findings, []);
    }
}
