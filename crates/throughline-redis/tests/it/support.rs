//! Stores on the servers that the environment names, each under a prefix of its own.

use throughline::model::{ChainHash, Content, Role, Scope, SessionId, TenantId, Timestamp, UserId};
use throughline::ports::{Append, FIRST_MODEL, Parent, PassageDraft, TurnDraft};
use throughline_redis::{Durability, RedisOptions, RedisStore};

/// `NAME=URL` of each running server, separated by spaces.
const URLS: &str = "THROUGHLINE_TEST_REDIS_URLS";

/// Keys that no other test has.
pub(crate) fn options() -> RedisOptions {
    let own = format!("t{}:", uuid::Uuid::now_v7().simple());
    RedisOptions {
        key_prefix: own.clone(),
        memory_prefix: own,
        durability: Durability::Memory,
        ..RedisOptions::default()
    }
}

/// A running server.
pub(crate) fn url(name: &str) -> String {
    let all = std::env::var(URLS)
        .unwrap_or_else(|_| panic!("{URLS} is not set: run `cargo xtask test --only stores`"));
    let found = all.split_whitespace().find_map(|server| server.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{URLS} names no server `{name}`: {all}")).to_owned()
}

/// A fresh store on a running server.
pub(crate) fn open(name: &str) -> RedisStore {
    RedisStore::open(&url(name), None, &options()).expect("a store")
}

pub(crate) fn scope(user: &str) -> Scope {
    Scope::of(TenantId::single(), UserId::new(user).expect("a user's name"))
}

/// One turn of the session `s` with one passage, after the turn with this chain.
pub(crate) fn said(text: &str, after: ChainHash) -> Append {
    let passages = vec![PassageDraft { body: text.as_bytes().to_vec(), read_by: vec![FIRST_MODEL] }];
    let turn = TurnDraft {
        role: Role::User,
        name: None,
        content: Content::text(text),
        time: Timestamp::UNIX_EPOCH,
        metadata: None,
        passages,
        said: None,
    };
    Append {
        session: SessionId::new("s").expect("a session's name"),
        parent: Parent::Chain(after),
        turns: vec![turn],
        idempotency: None,
        receipt: None,
        now: Timestamp::UNIX_EPOCH,
    }
}
