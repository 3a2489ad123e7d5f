//! The names of all keys; docs/redis.md lists them with what they hold.
//!
//! Everything of one user has one hash tag, `{user}` or `{tenant:user}`, and so one slot: any write to a scope, and the
//! erasure of a user, is one step of one node. Lists that span users have tags of their own, which begin with `=` and so
//! cannot be a user's: `=` is escaped in names.

use std::fmt::Write as _;

use throughline::model::{AgentId, AppId, RunId, Scope, TenantId, UserId, UserKey};

use crate::error::Fault;

/// Lists of scopes are kept in so many parts, each in a slot of its own.
pub(crate) const BUCKETS: u16 = 64;

/// Places of receipts and memories are kept in so many parts, so that each is a small hash.
const PLACES: u16 = 1024;

const SLOTS: u16 = 16_384;

/// The longest prefix of keys, in bytes.
const PREFIX_BYTES_MAX: usize = 64;

/// The part of a Cluster that a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(pub(crate) u16);

/// A key with its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) slot: Slot,
}

/// What stands before every key, and before those of the structured memory that other programs read.
#[derive(Debug, Clone)]
pub(crate) struct Prefixes {
    pub(crate) store: String,
    pub(crate) memory: String,
}

/// The keys of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ScopeKeys {
    prefix: String,
    /// `{tag}` and what follows of agent, app and run: names the scope in lists.
    pub(crate) place: String,
    slot: Slot,
}

/// What a scope has under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Meta,
    Turns,
    Sessions,
    Chains,
    Messages,
    Rows,
    Ledger,
    Claims,
    Tombstones,
    Profiles,
    Receipts,
    Idempotency,
    Jobs,
}

impl Part {
    pub(crate) const ALL: [Self; 13] = [
        Self::Meta,
        Self::Turns,
        Self::Sessions,
        Self::Chains,
        Self::Messages,
        Self::Rows,
        Self::Ledger,
        Self::Claims,
        Self::Tombstones,
        Self::Profiles,
        Self::Receipts,
        Self::Idempotency,
        Self::Jobs,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Turns => "turns",
            Self::Sessions => "sessions",
            Self::Chains => "chains",
            Self::Messages => "messages",
            Self::Rows => "rows",
            Self::Ledger => "ledger",
            Self::Claims => "claims",
            Self::Tombstones => "tombstones",
            Self::Profiles => "profiles",
            Self::Receipts => "receipts",
            Self::Idempotency => "idempotency",
            Self::Jobs => "jobs",
        }
    }
}

impl Prefixes {
    /// Why a text cannot stand before keys.
    pub(crate) fn check(prefix: &str) -> Result<(), String> {
        if prefix.len() > PREFIX_BYTES_MAX {
            return Err(format!("the key prefix `{prefix}` is longer than {PREFIX_BYTES_MAX} bytes"));
        }
        if prefix.chars().any(|c| c == '{' || c == '}' || c.is_control() || c.is_whitespace()) {
            return Err(format!("the key prefix `{prefix}` has a brace, a space or a control character"));
        }
        Ok(())
    }

    /// A key of the whole store, in a slot of its own.
    pub(crate) fn global(&self, tag: &str, name: &str) -> Key {
        let tag = format!("={tag}");
        Key { name: format!("{}{{{tag}}}:{name}", self.store), slot: slot_of(&tag) }
    }

    /// One of the parts that lists of scopes are kept in.
    pub(crate) fn bucket(&self, bucket: u16, name: &str) -> Key {
        self.global(&format!("scopes{bucket:02}"), name)
    }

    /// Where the places of what has this id are kept.
    pub(crate) fn places(&self, kind: &str, id: &[u8]) -> Key {
        self.global(&format!("{kind}{:03x}", crc16(id) % PLACES), kind)
    }

    /// What belongs to a tenant and none of its users.
    pub(crate) fn tenant(&self, tenant: &TenantId) -> Key {
        self.global(&format!("tenant:{}", escaped(tenant.as_str())), "tenant")
    }

    pub(crate) fn scope(&self, scope: &Scope) -> ScopeKeys {
        let tag = tag(&scope.user);
        let mut place = format!("{{{tag}}}");
        for (kind, name) in [
            ("agent", scope.agent.as_ref().map(AgentId::as_str)),
            ("app", scope.app.as_ref().map(AppId::as_str)),
            ("run", scope.run.as_ref().map(RunId::as_str)),
        ] {
            if let Some(name) = name {
                let _ = write!(place, "/{kind}={}", escaped(name));
            }
        }
        ScopeKeys { prefix: self.store.clone(), place, slot: slot_of(&tag) }
    }

    /// The scope of a place in a list.
    pub(crate) fn scope_at(&self, place: &str) -> Result<(Scope, ScopeKeys), Fault> {
        let scope = parse_place(place)?;
        let keys = self.scope(&scope);
        Ok((scope, keys))
    }

    /// A key that all scopes of a user share.
    pub(crate) fn user(&self, user: &UserKey, name: &str) -> Key {
        let tag = tag(user);
        Key { name: format!("{}{{{tag}}}:{name}", self.store), slot: slot_of(&tag) }
    }

    /// The JSON document of a scope's structured memory, which any program may read.
    pub(crate) fn memory(&self, scope: &ScopeKeys) -> Key {
        Key { name: format!("{}user:{}:memory", self.memory, scope.place), slot: scope.slot }
    }
}

impl ScopeKeys {
    pub(crate) fn key(&self, part: Part) -> Key {
        Key { name: format!("{}{}:{}", self.prefix, self.place, part.name()), slot: self.slot }
    }

    /// A key of something that a scope may have several of.
    pub(crate) fn own(&self, name: &str) -> Key {
        Key { name: format!("{}{}:{name}", self.prefix, self.place), slot: self.slot }
    }

    /// Several of them.
    pub(crate) fn keys<const N: usize>(&self, parts: [Part; N]) -> [Key; N] {
        parts.map(|part| self.key(part))
    }

    /// The part of the lists of scopes that all scopes of this user are in.
    pub(crate) fn bucket(&self) -> u16 {
        self.slot.0 % BUCKETS
    }
}

/// Of a store with one tenant the user's name alone.
fn tag(user: &UserKey) -> String {
    let name = escaped(user.user.as_str());
    if user.tenant == TenantId::single() { name } else { format!("{}:{name}", escaped(user.tenant.as_str())) }
}

const ESCAPED: [char; 6] = ['%', ':', '{', '}', '/', '='];

/// So that a name cannot end its part of a key.
pub(crate) fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if ESCAPED.contains(&c) {
            let _ = write!(text, "%{:02X}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

pub(crate) fn unescaped(text: &str) -> String {
    ESCAPED
        .iter()
        .rev()
        .fold(text.to_owned(), |text, c| text.replace(&format!("%{:02X}", u32::from(*c)), &c.to_string()))
}

fn parse_place(place: &str) -> Result<Scope, Fault> {
    let damaged = || Fault::Damaged(format!("a list of scopes has `{place}`, which is none"));
    let (tag, path) = place.strip_prefix('{').and_then(|rest| rest.split_once('}')).ok_or_else(damaged)?;
    let user = match tag.split_once(':') {
        Some((tenant, user)) => {
            UserKey { tenant: TenantId::new(unescaped(tenant))?, user: UserId::new(unescaped(user))? }
        }
        None => UserKey { tenant: TenantId::single(), user: UserId::new(unescaped(tag))? },
    };
    let mut scope = Scope { user, agent: None, app: None, run: None };
    for part in path.split('/').skip(1) {
        match part.split_once('=') {
            Some(("agent", name)) => scope.agent = Some(AgentId::new(unescaped(name))?),
            Some(("app", name)) => scope.app = Some(AppId::new(unescaped(name))?),
            Some(("run", name)) => scope.run = Some(RunId::new(unescaped(name))?),
            _ => return Err(damaged()),
        }
    }
    Ok(scope)
}

fn slot_of(tag: &str) -> Slot {
    Slot(crc16(tag.as_bytes()) % SLOTS)
}

/// CRC-16/XMODEM, by which a Cluster assigns keys to slots.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes() -> Prefixes {
        Prefixes { store: "tl:".into(), memory: String::new() }
    }

    fn user(tenant: &str, user: &str) -> Scope {
        Scope::of(TenantId::new(tenant).unwrap(), UserId::new(user).unwrap())
    }

    #[test]
    fn slots_are_those_of_a_cluster() {
        // From the specification of Redis Cluster.
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot_of("foo"), Slot(12182));
    }

    #[test]
    fn keys_are_readable_and_of_one_slot_for_all_scopes_of_a_user() {
        let keys = prefixes();
        let plain = user("acme", "ann");
        let agent = Scope { agent: Some(AgentId::new("x/1").unwrap()), ..plain.clone() };
        assert_eq!(keys.scope(&plain).key(Part::Turns).name, "tl:{acme:ann}:turns");
        assert_eq!(keys.scope(&agent).key(Part::Turns).name, "tl:{acme:ann}/agent=x%2F1:turns");
        assert_eq!(keys.scope(&plain).slot, keys.scope(&agent).slot);
        assert_eq!(keys.user(&plain.user, "scopes").slot, keys.scope(&agent).slot);
        let single = keys.scope(&user("default", "ann"));
        assert_eq!(keys.memory(&single).name, "user:{ann}:memory");
    }

    #[test]
    fn a_scope_is_found_again_from_its_place_whatever_its_names() {
        let keys = prefixes();
        for name in ["ann", "a:b", "{x}", "%25", "a/b=c", "=jobs", "%3A", "Zoë 例"] {
            for tenant in ["default", "acme", "a:b"] {
                let scope = Scope {
                    agent: Some(AgentId::new(name).unwrap()),
                    run: Some(RunId::new(name).unwrap()),
                    ..user(tenant, name)
                };
                let place = keys.scope(&scope).place;
                assert_eq!(keys.scope_at(&place).unwrap().0, scope, "{place}");
                assert!(!place.starts_with("{="), "{place}");
            }
        }
    }

    #[test]
    fn two_users_never_have_one_tag() {
        let tags: std::collections::HashSet<_> =
            [user("a", "b:c"), user("a:b", "c"), user("default", "a:b"), user("a", "b")]
                .iter()
                .map(|scope| tag(&scope.user))
                .collect();
        assert_eq!(tags.len(), 4);
    }
}
