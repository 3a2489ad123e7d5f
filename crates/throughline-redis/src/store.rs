//! The store: opening it, and the ports' methods, handed to the modules that know them.

use std::time::Duration;

use rand::RngCore as _;
use throughline::model::{
    AgentId, ChainHash, Identity, IdentityVersion, MessageHash, Profile, ProfileEpoch, Receipt, ReceiptId,
    Revision, Scope, SessionId, TenantId, Timestamp, Turn, UserKey,
};
use throughline::ports::{
    ApiKey, Append, Appended, Connections, EmbeddedRow, EmbeddingModel, EmbeddingModels, Erased, KeyStore,
    KnownTurn, ModelNumber, NumberedModel, Opening, OpeningAsk, OpeningStore, ReadStore, RolledBack,
    SearchRow, SessionSummary, StoreError, TurnsPage, UnembeddedRow, WatchStore, WriteStore,
};

use crate::client::{Call, Client};
use crate::commit::Turnstile;
use crate::durable;
use crate::embedding::Cursors;
use crate::error::Fault;
use crate::keys::{Key, Prefixes};
use crate::options::RedisOptions;
use crate::pool::{Limits, Pools};
use crate::reply;
use crate::topology::Topology;
use crate::url::StoreUrl;

mod copy;
mod learning;

/// How keys and records are laid out; a store with a higher number is a newer version's.
const SCHEMA: u32 = 1;

/// A store on Redis or Valkey. Any number of processes may have it open.
pub struct RedisStore {
    pub(crate) client: Client,
    pub(crate) keys: Prefixes,
    pub(crate) turnstile: Turnstile,
    pub(crate) cursors: Cursors,
    /// Whether writes are acknowledged by more than the server's memory.
    pub(crate) is_acknowledged: bool,
    pub(crate) wipe_wait_max: Option<Duration>,
    url: StoreUrl,
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore").field("url", &self.url).field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Opens the store that a URL names, and makes it if it is not there.
    ///
    /// The URL is one of `redis://host:port`, `rediss://host:port`, `redis+sentinel://host:port,host:port/primary` and
    /// `redis+cluster://host:port,host:port`. A server that would lose what it acknowledges is refused, with an error that
    /// says which setting to change. `password` is used in place of one in the URL.
    pub fn open(url: &str, password: Option<&str>, options: &RedisOptions) -> Result<Self, StoreError> {
        let (url, mut client) = connect(url, password, options)?;
        let is_acknowledged = durable::prepare(&mut client, options)?;
        let keys = Prefixes { store: options.key_prefix.clone(), memory: options.memory_prefix.clone() };
        begin(&client, &store_key(&keys), &url)?;
        let (turnstile, cursors) = (Turnstile::default(), Cursors::default());
        let wipe_wait_max = options.wipe_wait_max;
        Ok(Self { client, keys, turnstile, cursors, is_acknowledged, wipe_wait_max, url })
    }

    /// Whether there is a store yet. Makes none.
    pub fn exists(url: &str, password: Option<&str>, options: &RedisOptions) -> Result<bool, StoreError> {
        let (_, client) = connect(url, password, options)?;
        let keys = Prefixes { store: options.key_prefix.clone(), memory: options.memory_prefix.clone() };
        let found = client.read(Call::plain("EXISTS", &store_key(&keys), &[]))?;
        Ok(reply::number::<u64>(found)? > 0)
    }
}

/// Where the store keeps what it is.
fn store_key(keys: &Prefixes) -> Key {
    keys.global("store", "store")
}

pub(crate) fn connect(
    url: &str,
    password: Option<&str>,
    options: &RedisOptions,
) -> Result<(StoreUrl, Client), StoreError> {
    let mut url = StoreUrl::parse(url).map_err(StoreError::Unavailable)?;
    if let Some(password) = password {
        url.password = Some(password.to_owned());
    }
    for prefix in [&options.key_prefix, &options.memory_prefix] {
        Prefixes::check(prefix).map_err(StoreError::Unavailable)?;
    }
    if url.tls {
        // Without one the first connection would panic; who has set one already keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let limits = Limits {
        connections_max: options.connections_max.max(1),
        connect_wait_max: options.connect_wait_max,
        // An answer may come after that of the disk or of replicas.
        answer_wait_max: options.answer_wait_max + options.acknowledge_wait_max,
    };
    let topology = Topology::new(url.servers.clone());
    let client = Client::new(Pools::new(url.clone(), limits), topology, options.call_wait_max);
    Ok((url, client))
}

/// Makes the store if it is not there, and refuses a newer version's.
fn begin(client: &Client, key: &Key, url: &StoreUrl) -> Result<(), Fault> {
    let mut drawn = [0_u8; 32];
    rand::rng().fill_bytes(&mut drawn);
    client.write_all(&[
        Call::plain("HSETNX", key, &[b"schema", SCHEMA.to_string().as_bytes()]),
        Call::plain("HSETNX", key, &[b"secret", &drawn]),
    ])?;
    let found = reply::number(client.read(Call::plain("HGET", key, &[b"schema"]))?)?;
    if found > SCHEMA {
        return Err(Fault::Store(StoreError::NewerSchema { store: url.to_string(), found, known: SCHEMA }));
    }
    Ok(())
}

impl RedisStore {
    pub(crate) fn secret(&self) -> Result<[u8; 32], Fault> {
        let key = store_key(&self.keys);
        let secret = reply::bytes(self.client.read(Call::plain("HGET", &key, &[b"secret"]))?)?;
        let secret = secret.and_then(|secret| secret.try_into().ok());
        secret.ok_or_else(|| Fault::Damaged(format!("{} has no secret", key.name)))
    }

    /// Puts the secret of another store in place of this one's.
    pub(crate) fn secret_call(&self, secret: &[u8; 32]) -> Call {
        Call::plain("HSET", &store_key(&self.keys), &[b"secret", secret])
    }
}

impl OpeningStore for RedisStore {
    fn opening(&self, scope: &Scope, ask: &OpeningAsk<'_>) -> Result<Opening, StoreError> {
        Ok(self.opening(scope, ask)?)
    }
}

impl ReadStore for RedisStore {
    fn revision(&self, scope: &Scope) -> Result<Option<Revision>, StoreError> {
        Ok(self.revision(scope)?)
    }

    fn search_rows(
        &self,
        scope: &Scope,
        after: u64,
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<Option<Revision>, StoreError> {
        Ok(self.search_rows(scope, after, sink)?)
    }

    fn search_rows_at(
        &self,
        scope: &Scope,
        numbers: &[u64],
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<(), StoreError> {
        Ok(self.search_rows_at(scope, numbers, sink)?)
    }

    fn turns(&self, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, StoreError> {
        Ok(self.turns(scope, seqs)?)
    }

    fn turns_page(&self, scope: &Scope, page: &TurnsPage) -> Result<Vec<Turn>, StoreError> {
        Ok(self.turns_page(scope, page)?)
    }

    fn sessions(&self, scope: &Scope, after: u32, limit: usize) -> Result<Vec<SessionSummary>, StoreError> {
        Ok(self.sessions(scope, after, limit)?)
    }

    fn session_head(&self, scope: &Scope, session: &SessionId) -> Result<Option<KnownTurn>, StoreError> {
        Ok(self.session_head(scope, session)?)
    }

    fn turns_by_chain(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        chains: &[ChainHash],
    ) -> Result<Vec<Option<KnownTurn>>, StoreError> {
        Ok(self.turns_by_chain(scope, session, chains)?)
    }

    fn turns_by_message(
        &self,
        scope: &Scope,
        session: Option<&SessionId>,
        message: MessageHash,
        limit: usize,
    ) -> Result<Vec<KnownTurn>, StoreError> {
        Ok(self.turns_by_message(scope, session, message, limit)?)
    }

    fn lineage(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<KnownTurn>, StoreError> {
        Ok(self.lineage(scope, seq, limit)?)
    }

    fn profile(&self, scope: &Scope, epoch: Option<ProfileEpoch>) -> Result<Profile, StoreError> {
        Ok(self.profile(scope, epoch)?)
    }

    fn identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        version: Option<IdentityVersion>,
    ) -> Result<Option<Identity>, StoreError> {
        Ok(self.identity(tenant, agent, version)?)
    }

    fn receipt(&self, tenant: &TenantId, id: ReceiptId) -> Result<Option<(Scope, Receipt)>, StoreError> {
        Ok(self.receipt(tenant, id)?)
    }

    fn receipts(&self, scope: &Scope, sink: &mut dyn FnMut(Receipt)) -> Result<(), StoreError> {
        Ok(self.receipts(scope, sink)?)
    }

    fn slot_schema(&self, tenant: &TenantId) -> Result<Option<String>, StoreError> {
        Ok(self.slot_schema(tenant)?)
    }

    fn unembedded(&self, model: ModelNumber, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        Ok(self.unembedded(model, limit)?)
    }

    fn large_scopes(&self, row_min: u64) -> Result<Vec<Scope>, StoreError> {
        Ok(self.large_scopes(row_min)?)
    }

    fn unembedded_count(&self) -> Result<u64, StoreError> {
        Ok(self.unembedded_count()?)
    }

    fn outdated(&self, limit: usize) -> Result<Vec<UnembeddedRow>, StoreError> {
        Ok(self.outdated(limit)?)
    }

    fn outbox_count(&self) -> Result<u64, StoreError> {
        Ok(self.outbox_count()?)
    }

    fn embedding_models(&self) -> Result<EmbeddingModels, StoreError> {
        Ok(self.models()?.models)
    }

    fn secret(&self) -> Result<[u8; 32], StoreError> {
        Ok(self.secret()?)
    }
}

impl WriteStore for RedisStore {
    fn append(&self, scope: &Scope, append: Append) -> Result<Appended, StoreError> {
        Ok(self.append(scope, &append)?)
    }

    /// One commit for each scope.
    fn put_embedded(&self, rows: Vec<EmbeddedRow>) -> Result<(), StoreError> {
        Ok(self.put_embedded(rows)?)
    }

    fn put_profile(
        &self,
        scope: &Scope,
        profile: Profile,
        now: Timestamp,
    ) -> Result<ProfileEpoch, StoreError> {
        Ok(self.put_profile(scope, &profile, now)?)
    }

    fn put_identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        text: &str,
        now: Timestamp,
    ) -> Result<Identity, StoreError> {
        Ok(self.put_identity(tenant, agent, text, now)?)
    }

    fn put_receipt(&self, scope: &Scope, receipt: Receipt) -> Result<(), StoreError> {
        Ok(self.put_receipt(scope, &receipt)?)
    }

    fn put_slot_schema(&self, tenant: &TenantId, schema: Option<&str>) -> Result<(), StoreError> {
        Ok(self.put_slot_schema(tenant, schema)?)
    }

    fn claim_embedding_model(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        Ok(self.claim_model(model)?)
    }

    fn begin_switch(&self, model: &EmbeddingModel) -> Result<EmbeddingModels, StoreError> {
        Ok(self.begin_switch(model)?)
    }

    fn complete_switch(&self, coming: ModelNumber) -> Result<bool, StoreError> {
        Ok(self.complete_switch(coming)?)
    }

    fn roll_back_switch(&self) -> Result<RolledBack, StoreError> {
        Ok(self.roll_back_switch()?)
    }

    fn forget_previous_model(&self) -> Result<Option<NumberedModel>, StoreError> {
        Ok(self.forget_previous_model()?)
    }

    fn erase_user(&self, user: &UserKey) -> Result<Erased, StoreError> {
        let erased = self.erase_user(user)?;
        self.wipe()?;
        Ok(erased)
    }
}

impl KeyStore for RedisStore {
    fn put_key(&self, key: ApiKey) -> Result<(), StoreError> {
        Ok(self.put_key(&key)?)
    }

    fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.key(id)?)
    }

    fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.api_keys()?)
    }

    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.revoke_key(id, now)?)
    }
}

impl WatchStore for RedisStore {
    fn connections(&self) -> Connections {
        self.client.pools.connections()
    }

    fn replication_lag_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.replication_lag_bytes()?)
    }
}
