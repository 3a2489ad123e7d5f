//! API keys: one hash for the whole store, since they are few.

use throughline::model::{TenantId, Timestamp};
use throughline::ports::{ApiKey, StoreError};

use crate::bytes::{Packed, Unpacked};
use crate::client::Call;
use crate::commit::{Attempt, Changes, field, version};
use crate::error::Fault;
use crate::journal::time;
use crate::keys::Key;
use crate::reply;
use crate::store::RedisStore;

fn id_field(id: &str) -> String {
    format!("={id}")
}

fn pack(key: &ApiKey) -> Vec<u8> {
    let ApiKey { tenant, label, hash, created, revoked, .. } = key;
    let record = Packed::default().i64(created.as_millisecond()).bytes(hash).name(tenant.as_str());
    let record = match revoked {
        None => record.u8(0),
        Some(revoked) => record.u8(1).i64(revoked.as_millisecond()),
    };
    record.bytes(label.as_bytes()).0
}

fn read(id: &str, record: &[u8]) -> Result<ApiKey, Fault> {
    let mut read = Unpacked::new("an API key", record);
    let (created, hash, tenant) = (time(read.i64()?)?, read.array()?, TenantId::new(read.name()?)?);
    let revoked = if read.u8()? == 1 { Some(time(read.i64()?)?) } else { None };
    let label = String::from_utf8_lossy(read.rest()).into_owned();
    Ok(ApiKey { id: id.to_owned(), tenant, label, hash, created, revoked })
}

impl RedisStore {
    fn credentials(&self) -> Key {
        self.keys.global("keys", "keys")
    }

    /// Changes a key by `change`, which gets what is there and returns what to write and what to answer.
    fn change_key<T>(
        &self,
        id: &str,
        change: impl Fn(Option<ApiKey>) -> Result<(Option<ApiKey>, T), Fault>,
    ) -> Result<T, Fault> {
        let key = self.credentials();
        self.client.write_unit(&self.turnstile, &key, || {
            self.expect_in_use()?;
            let fields = reply::pairs(self.client.read(Call::plain("HGETALL", &key, &[]))?)?;
            let known = field(&fields, &id_field(id)).map(|record| read(id, record)).transpose()?;
            let (written, answer) = change(known)?;
            let mut changes = Changes::of(&key);
            let Some(written) = written else { return Ok(Attempt::Done(answer)) };
            changes.set(&key, id_field(id), pack(&written));
            Ok(match self.client.commit(version(&fields)?, changes)? {
                Attempt::Done(()) => Attempt::Done(answer),
                Attempt::Again => Attempt::Again,
            })
        })
    }

    /// Put these in place of those that are here.
    pub(crate) fn restore_keys_calls(&self, keys: &[ApiKey]) -> Vec<Call> {
        let hash = self.credentials();
        let set = |key: &ApiKey| Call::plain("HSET", &hash, &[id_field(&key.id).as_bytes(), &pack(key)]);
        std::iter::once(Call::plain("DEL", &hash, &[])).chain(keys.iter().map(set)).collect()
    }

    pub(crate) fn put_key(&self, key: &ApiKey) -> Result<(), Fault> {
        self.change_key(&key.id, |known| match known {
            Some(_) => Err(Fault::Store(StoreError::Conflict)),
            None => Ok((Some(key.clone()), ())),
        })
    }

    pub(crate) fn key(&self, id: &str) -> Result<Option<ApiKey>, Fault> {
        let field = id_field(id);
        let record = self.client.read(Call::plain("HGET", &self.credentials(), &[field.as_bytes()]))?;
        reply::bytes(record)?.map(|record| read(id, &record)).transpose()
    }

    pub(crate) fn api_keys(&self) -> Result<Vec<ApiKey>, Fault> {
        let fields = reply::pairs(self.client.read(Call::plain("HGETALL", &self.credentials(), &[]))?)?;
        let mut keys = Vec::new();
        for (field, record) in fields {
            let field = String::from_utf8_lossy(&field).into_owned();
            if let Some(id) = field.strip_prefix('=') {
                keys.push(read(id, &record)?);
            }
        }
        keys.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(keys)
    }

    pub(crate) fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, Fault> {
        self.change_key(id, |known| {
            Ok(match known.filter(|key| key.revoked.is_none()) {
                None => (None, false),
                Some(key) => (Some(ApiKey { revoked: Some(now), ..key }), true),
            })
        })
    }
}
