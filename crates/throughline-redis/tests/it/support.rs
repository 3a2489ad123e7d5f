//! Stores on the servers that the environment names, each under a prefix of its own.

use throughline_redis::{Durability, RedisOptions, RedisStore};

/// `NAME=URL` of each server, separated by spaces.
const SERVERS: &str = "THROUGHLINE_TEST_REDIS_URLS";

/// The URL of the server with this name.
pub(crate) fn url(name: &str) -> String {
    let all = std::env::var(SERVERS)
        .unwrap_or_else(|_| panic!("{SERVERS} is not set: run `cargo xtask test --only real`"));
    let found = all.split_whitespace().find_map(|server| server.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{SERVERS} names no server `{name}`: {all}")).to_owned()
}

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

pub(crate) fn open(name: &str) -> RedisStore {
    RedisStore::open(&url(name), &options()).expect("a store")
}
