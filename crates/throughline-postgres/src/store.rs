//! The store: calls to a server, and the ports' methods handed to the module that knows them.

use throughline::model::{
    AgentId, ChainHash, Identity, IdentityVersion, MessageHash, Profile, ProfileEpoch, Receipt, ReceiptId,
    Revision, Scope, SessionId, TenantId, Timestamp, Turn, UserKey,
};
use throughline::ports::{
    ApiKey, Append, Appended, Connections, EmbeddedRow, EmbeddingModel, EmbeddingModels, Erased, KeyStore,
    KnownTurn, ModelNumber, NumberedModel, Opening, OpeningAsk, OpeningStore, ReadStore, RolledBack,
    SearchRow, SessionSummary, StoreError, TurnsPage, UnembeddedRow, WatchStore, WriteStore,
};
use tokio_postgres::Row;

use crate::address::Address;
use crate::calls::Calls;
use crate::options::PostgresOptions;
use crate::{
    append, credentials, embedding, erase, identities, jobs, journal, models, opening, profiles, receipts,
    replication, schema, scopes, search,
};

mod copy;
mod learning;
mod usage;

/// A store on a Postgres server. Shared between threads by reference.
pub struct PostgresStore {
    calls: Calls,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("place", &self.calls.place()).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens the store of a database: `postgres://USER@HOST:PORT/DATABASE`, with libpq's parameters. Makes the schema where it is
    /// missing, and brings an older one to the newest.
    ///
    /// `password` goes before one in the URL. Each error names the place, never a credential, and says what to do.
    pub fn open(url: &str, password: Option<&str>, options: &PostgresOptions) -> Result<Self, StoreError> {
        let calls = Calls::new(Address::read(url, password, options)?, options)?;
        schema::bring_up(&calls)?;
        Ok(Self { calls })
    }

    /// Whether the database has a store. Makes none.
    pub fn exists(url: &str, password: Option<&str>, options: &PostgresOptions) -> Result<bool, StoreError> {
        let calls = Calls::new(Address::read(url, password, options)?, options)?;
        Ok(calls.read(schema::found)?.is_some())
    }

    /// Where it is, for people: no credential is in it.
    pub fn place(&self) -> &str {
        self.calls.place()
    }

    fn hand_over(&self, rows: &[Row], sink: &mut dyn FnMut(SearchRow)) -> Result<(), StoreError> {
        for row in rows {
            sink(search::search_row(row).map_err(|fault| fault.at(self.place()))?);
        }
        Ok(())
    }
}

impl OpeningStore for PostgresStore {
    fn opening(&self, scope: &Scope, ask: &OpeningAsk<'_>) -> Result<Opening, StoreError> {
        self.calls.read(async |c| opening::opening(c, scope, ask).await)
    }
}

impl ReadStore for PostgresStore {
    fn revision(&self, scope: &Scope) -> Result<Option<Revision>, StoreError> {
        self.calls.read(async |c| search::revision(c, scope).await)
    }

    fn search_rows(
        &self,
        scope: &Scope,
        after: u64,
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<Option<Revision>, StoreError> {
        let (revision, rows) = self.calls.read(async |c| search::rows(c, scope, after).await)?;
        self.hand_over(&rows, sink)?;
        Ok(revision)
    }

    fn search_rows_at(
        &self,
        scope: &Scope,
        numbers: &[u64],
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<(), StoreError> {
        let rows = self.calls.read(async |c| search::rows_at(c, scope, numbers).await)?;
        self.hand_over(&rows, sink)
    }

    fn turns(&self, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, StoreError> {
        self.calls.read(async |c| journal::turns(c, scope, seqs).await)
    }

    fn turns_page(&self, scope: &Scope, page: &TurnsPage) -> Result<Vec<Turn>, StoreError> {
        self.calls.read(async |c| journal::turns_page(c, scope, page).await)
    }

    fn sessions(&self, scope: &Scope, after: u32, limit: usize) -> Result<Vec<SessionSummary>, StoreError> {
        self.calls.read(async |c| journal::sessions(c, scope, after, limit).await)
    }

    fn session_head(&self, scope: &Scope, session: &SessionId) -> Result<Option<KnownTurn>, StoreError> {
        self.calls.read(async |c| journal::session_head(c, scope, session).await)
    }

    fn turns_by_chain(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        chains: &[ChainHash],
    ) -> Result<Vec<Option<KnownTurn>>, StoreError> {
        self.calls.read(async |c| journal::turns_by_chain(c, scope, session, chains).await)
    }

    fn turns_by_message(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        message: MessageHash,
        limit: usize,
    ) -> Result<Vec<KnownTurn>, StoreError> {
        self.calls.read(async |c| journal::turns_by_message(c, scope, session, message, limit).await)
    }

    fn lineage(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<KnownTurn>, StoreError> {
        self.calls.read(async |c| journal::lineage(c, scope, seq, limit).await)
    }

    fn profile(&self, scope: &Scope, epoch: Option<ProfileEpoch>) -> Result<Profile, StoreError> {
        self.calls.read(async |c| profiles::profile(c, scope, epoch).await)
    }

    fn identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        version: Option<IdentityVersion>,
    ) -> Result<Option<Identity>, StoreError> {
        self.calls.read(async |c| identities::identity(c, tenant, agent, version).await)
    }

    fn receipt(&self, tenant: &TenantId, id: ReceiptId) -> Result<Option<(Scope, Receipt)>, StoreError> {
        self.calls.read(async |c| receipts::receipt(c, tenant, id).await)
    }

    fn receipts(&self, scope: &Scope, sink: &mut dyn FnMut(Receipt)) -> Result<(), StoreError> {
        self.calls.read(async |c| receipts::receipts(c, scope).await)?.into_iter().for_each(sink);
        Ok(())
    }

    fn slot_schema(&self, tenant: &TenantId) -> Result<Option<String>, StoreError> {
        self.calls.read(async |c| profiles::slot_schema(c, tenant).await)
    }

    fn unembedded(&self, model: ModelNumber, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        self.calls.read(async |c| embedding::unembedded(c, model, limit).await)
    }

    fn large_scopes(&self, row_min: u64) -> Result<Vec<Scope>, StoreError> {
        self.calls.read(async |c| scopes::large(c, row_min).await)
    }

    fn unembedded_count(&self) -> Result<u64, StoreError> {
        self.calls.read(embedding::unembedded_count)
    }

    fn outdated(&self, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        self.calls.read(async |c| embedding::outdated(c, limit).await)
    }

    fn outbox_count(&self) -> Result<u64, StoreError> {
        self.calls.read(jobs::sessions)
    }

    fn embedding_models(&self) -> Result<EmbeddingModels, StoreError> {
        self.calls.read(models::models)
    }

    fn secret(&self) -> Result<[u8; 32], StoreError> {
        self.calls.read(schema::secret)
    }
}

impl WriteStore for PostgresStore {
    fn append(&self, scope: &Scope, append: Append) -> Result<Appended, StoreError> {
        append::append(&self.calls, scope, &append)
    }

    fn put_embedded(&self, rows: Vec<EmbeddedRow>) -> Result<(), StoreError> {
        embedding::put_embedded(&self.calls, &rows)
    }

    fn put_profile(
        &self,
        scope: &Scope,
        profile: Profile,
        now: Timestamp,
    ) -> Result<ProfileEpoch, StoreError> {
        profiles::put(&self.calls, scope, &profile, now)
    }

    fn put_identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        text: &str,
        now: Timestamp,
    ) -> Result<Identity, StoreError> {
        identities::put(&self.calls, tenant, agent, text, now)
    }

    fn put_receipt(&self, scope: &Scope, receipt: Receipt) -> Result<(), StoreError> {
        receipts::put(&self.calls, scope, &receipt)
    }

    fn put_slot_schema(&self, tenant: &TenantId, schema: Option<&str>) -> Result<(), StoreError> {
        profiles::put_slot_schema(&self.calls, tenant, schema)
    }

    fn claim_embedding_model(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        models::claim(&self.calls, model)
    }

    fn begin_switch(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        models::begin(&self.calls, model)
    }

    fn complete_switch(&self, coming: ModelNumber) -> Result<bool, StoreError> {
        models::complete(&self.calls, coming)
    }

    fn roll_back_switch(&self) -> Result<RolledBack, StoreError> {
        models::roll_back(&self.calls)
    }

    fn forget_previous_model(&self) -> Result<Option<NumberedModel>, StoreError> {
        models::forget_previous(&self.calls)
    }

    fn erase_user(&self, user: &UserKey) -> Result<Erased, StoreError> {
        erase::erase_user(&self.calls, user)
    }
}

impl KeyStore for PostgresStore {
    fn put_key(&self, key: ApiKey) -> Result<(), StoreError> {
        credentials::put(&self.calls, &key)
    }

    fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        self.calls.read(async |c| credentials::key(c, id).await)
    }

    fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.calls.read(credentials::keys)
    }

    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        credentials::revoke(&self.calls, id, now)
    }
}

impl WatchStore for PostgresStore {
    fn connections(&self) -> Connections {
        self.calls.connections()
    }

    fn replication_lag_bytes(&self) -> Result<Option<u64>, StoreError> {
        self.calls.read(replication::lag_bytes)
    }
}
