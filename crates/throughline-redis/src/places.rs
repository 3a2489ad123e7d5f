//! Where receipts and memories are, which are asked for by their id alone: lists of scopes under each id, in slots of their own.

use throughline::codec::decode_receipt;
use throughline::model::{MemoryId, Receipt, ReceiptId, Scope, TenantId};

use crate::client::Call;
use crate::error::Fault;
use crate::keys::{Part, ScopeKeys, escaped};
use crate::reply;
use crate::scope::Meta;
use crate::script::LOCATE;
use crate::store::RedisStore;

/// What is asked for by its id alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    Receipt([u8; 16]),
    Memory([u8; 16]),
}

impl Thing {
    fn list(self) -> &'static str {
        match self {
            Self::Receipt(_) => "receipts",
            Self::Memory(_) => "memories",
        }
    }

    fn id(self) -> [u8; 16] {
        match self {
            Self::Receipt(id) | Self::Memory(id) => id,
        }
    }

    /// Ids are unique in a tenant at most.
    fn field(self, tenant: &TenantId) -> Vec<u8> {
        [&self.id()[..], escaped(tenant.as_str()).as_bytes()].concat()
    }
}

/// A scope as it was when its writer read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) place: String,
    pub(crate) generation: u64,
    /// 0 if it was not there.
    pub(crate) version: u64,
}

impl RedisStore {
    fn change_place(&self, what: &str, tenant: &TenantId, thing: Thing, seen: &Seen) -> Call {
        let Seen { place, generation, version } = seen;
        let (generation, version) = (format!("{generation:016x}"), version.to_string());
        let scope = [place.as_str(), &generation, &version].map(|part| part.as_bytes().to_vec());
        let arguments = [what.into(), thing.field(tenant)].into_iter().chain(scope).collect();
        Call::script(&LOCATE, &[self.keys.places(thing.list(), &thing.id())], arguments)
    }

    /// Notes that a scope is about to have it.
    pub(crate) fn place_call(&self, tenant: &TenantId, thing: Thing, seen: &Seen) -> Call {
        self.change_place("+", tenant, thing, seen)
    }

    /// Takes the note away, unless whoever read the scope later has made it anew.
    pub(crate) fn unplace_call(&self, tenant: &TenantId, thing: Thing, seen: &Seen) -> Call {
        self.change_place("-", tenant, thing, seen)
    }

    /// The scopes that may have it.
    fn places(&self, tenant: &TenantId, thing: Thing) -> Result<Vec<(Scope, ScopeKeys)>, Fault> {
        let key = self.keys.places(thing.list(), &thing.id());
        let lines = reply::text(self.client.read(Call::plain("HGET", &key, &[&thing.field(tenant)]))?)?;
        let place = |line: &str| self.keys.scope_at(line.split('\t').next().unwrap_or_default());
        lines.unwrap_or_default().lines().map(place).collect()
    }

    pub(crate) fn receipt(
        &self,
        tenant: &TenantId,
        id: ReceiptId,
    ) -> Result<Option<(Scope, Receipt)>, Fault> {
        let id = id.0.as_bytes();
        for (scope, keys) in self.places(tenant, Thing::Receipt(*id))? {
            let body = self.client.read(Call::plain("HGET", &keys.key(Part::Receipts), &[id]))?;
            if let Some(body) = reply::bytes(body)? {
                return Ok(Some((scope, decode_receipt(&body)?)));
            }
        }
        Ok(None)
    }

    /// Of several the scope that was made first.
    pub(crate) fn memory_scope(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Scope>, Fault> {
        let id = id.0.as_bytes();
        let mut first: Option<(u64, Scope)> = None;
        for (scope, keys) in self.places(tenant, Thing::Memory(*id))? {
            let calls = [
                Call::plain("HEXISTS", &keys.key(Part::Claims), &[id]),
                Call::plain("HGETALL", &keys.key(Part::Meta), &[]),
            ];
            let [has, meta] = reply::answers(redis::Value::Array(self.client.read_all(&calls)?))?;
            let ordinal = Meta::read(meta)?.ordinal;
            if reply::number::<u64>(has)? == 1 && first.as_ref().is_none_or(|(known, _)| ordinal < *known) {
                first = Some((ordinal, scope));
            }
        }
        Ok(first.map(|(_, scope)| scope))
    }
}
