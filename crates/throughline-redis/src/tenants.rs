//! What belongs to a tenant and none of its users: versions of identities, and the JSON Schema of own profile slots.

use redis::Value;
use throughline::model::{AgentId, Identity, IdentityVersion, Scope, TenantId, Timestamp};
use throughline::ports::{ALL_DAYS, StoreError, TenantRecord};

use crate::bytes::{Packed, Unpacked};
use crate::client::Call;
use crate::commit::{Attempt, Changes, View};
use crate::error::Fault;
use crate::journal::time;
use crate::keys::{escaped, unescaped};
use crate::reply;
use crate::store::RedisStore;

const SCHEMA: &str = "schema";

/// The field of an identity's newest version; older ones stand under their numbers.
fn newest_field(agent: Option<&AgentId>) -> String {
    format!("identity:{}", agent.map(|agent| escaped(agent.as_str())).unwrap_or_default())
}

fn version_field(agent: Option<&AgentId>, version: IdentityVersion) -> String {
    format!("{}:{version}", newest_field(agent))
}

fn pack(identity: &Identity) -> Vec<u8> {
    let Identity { version, text, created } = identity;
    Packed::default().u32(*version).i64(created.as_millisecond()).bytes(text.as_bytes()).0
}

fn read(record: &[u8]) -> Result<Identity, Fault> {
    let mut read = Unpacked::new("an identity", record);
    let (version, created) = (read.u32()?, time(read.i64()?)?);
    let text = String::from_utf8(read.rest().to_vec());
    let text = text.map_err(|_| Fault::Damaged("an identity is no text".into()))?;
    Ok(Identity { version, text, created })
}

/// The agent's own identity, else the tenant's, and the schema: from the answer to [`RedisStore::tenant_call`].
pub(crate) fn read_prefix(answer: Value) -> Result<(Option<Identity>, Option<String>), Fault> {
    let [own, tenants, schema] = reply::answers(answer)?;
    let identity = match reply::bytes(own)? {
        Some(own) => Some(own),
        None => reply::bytes(tenants)?,
    };
    Ok((identity.map(|record| read(&record)).transpose()?, reply::text(schema)?))
}

impl RedisStore {
    /// Asks for what stands before every conversation of the tenant, or of the scope's agent.
    pub(crate) fn tenant_call(&self, scope: &Scope) -> Call {
        let (own, tenants) = (newest_field(scope.agent.as_ref()), newest_field(None));
        let fields = [own.as_bytes(), tenants.as_bytes(), SCHEMA.as_bytes()];
        Call::plain("HMGET", &self.keys.tenant(scope.tenant()), &fields)
    }

    pub(crate) fn identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        version: Option<IdentityVersion>,
    ) -> Result<Option<Identity>, Fault> {
        let names = [version_field(agent, version.unwrap_or(0)), newest_field(agent)];
        for record in self.fields(&self.keys.tenant(tenant), &names)?.into_iter().flatten() {
            let found = read(&record)?;
            if version.is_none_or(|version| found.version == version) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    pub(crate) fn put_identity(
        &self,
        tenant: &TenantId,
        agent: Option<&AgentId>,
        text: &str,
        now: Timestamp,
    ) -> Result<Identity, Fault> {
        let key = self.keys.tenant(tenant);
        let newest = newest_field(agent);
        self.client.write_unit(&self.turnstile, &key, || {
            self.expect_in_use()?;
            let view = View::default().ask("HMGET", &key, &[b"v", newest.as_bytes()]);
            let [answer] = reply::answers(self.client.read(view.call())?)?;
            let [unit, known] = reply::answers(answer)?;
            let unit = if unit == Value::Nil { None } else { Some(reply::number(unit)?) };
            let known = reply::bytes(known)?.map(|record| read(&record)).transpose()?;
            let mut changes = Changes::of(&key);
            let identity = match known {
                Some(known) if known.text == text => known,
                known => {
                    let last = known.as_ref().map_or(0, |known| known.version);
                    let version = last.checked_add(1).ok_or_else(|| {
                        StoreError::Full(format!("an identity cannot have more than {last} versions"))
                    })?;
                    if let Some(known) = known {
                        changes.set(&key, version_field(agent, last), pack(&known));
                    }
                    let created = time(now.as_millisecond())?;
                    let identity = Identity { version, text: text.to_owned(), created };
                    changes.set(&key, newest.as_str(), pack(&identity));
                    identity
                }
            };
            Ok(match self.client.commit(unit, changes)? {
                Attempt::Done(()) => Attempt::Done(identity),
                Attempt::Again => Attempt::Again,
            })
        })
    }

    /// All of a tenant.
    pub(crate) fn tenant_record(&self, tenant: TenantId) -> Result<TenantRecord, Fault> {
        let (mut slot_schema, mut identities) = (None, Vec::new());
        let all = self.client.read(Call::plain("HGETALL", &self.keys.tenant(&tenant), &[]))?;
        for (field, record) in reply::pairs(all)? {
            let field = String::from_utf8_lossy(&field).into_owned();
            if field == SCHEMA {
                slot_schema = Some(String::from_utf8_lossy(&record).into_owned());
            } else if let Some(agent) = field.strip_prefix("identity:") {
                let agent = agent.split(':').next().unwrap_or_default();
                let agent = (!agent.is_empty()).then(|| AgentId::new(unescaped(agent))).transpose()?;
                identities.push((agent, read(&record)?));
            }
        }
        identities.sort_by(|a, b| (&a.0, a.1.version).cmp(&(&b.0, b.1.version)));
        let usage = self.tenant_usage(&tenant, &ALL_DAYS)?;
        Ok(TenantRecord { tenant, slot_schema, identities, usage })
    }

    /// Put a tenant of another store in place of what is here.
    pub(crate) fn restore_tenant_calls(&self, record: &TenantRecord) -> Vec<Call> {
        let key = self.keys.tenant(&record.tenant);
        let mut calls = vec![Call::plain("DEL", &key, &[])];
        let set = |field: &str, value: &[u8]| Call::plain("HSET", &key, &[field.as_bytes(), value]);
        calls.extend(record.slot_schema.as_ref().map(|schema| set(SCHEMA, schema.as_bytes())));
        for (at, (agent, identity)) in record.identities.iter().enumerate() {
            let is_newest = record.identities.get(at + 1).is_none_or(|(next, _)| next != agent);
            let field = if is_newest {
                newest_field(agent.as_ref())
            } else {
                version_field(agent.as_ref(), identity.version)
            };
            calls.push(set(&field, &pack(identity)));
        }
        calls
    }

    pub(crate) fn slot_schema(&self, tenant: &TenantId) -> Result<Option<String>, Fault> {
        let key = self.keys.tenant(tenant);
        reply::text(self.client.read(Call::plain("HGET", &key, &[SCHEMA.as_bytes()]))?)
    }

    pub(crate) fn put_slot_schema(&self, tenant: &TenantId, schema: Option<&str>) -> Result<(), Fault> {
        self.expect_in_use()?;
        let key = self.keys.tenant(tenant);
        let call = match schema {
            Some(schema) => Call::plain("HSET", &key, &[SCHEMA.as_bytes(), schema.as_bytes()]),
            None => Call::plain("HDEL", &key, &[SCHEMA.as_bytes()]),
        };
        self.client.write(call).map(|_| ())
    }
}
