//! What an acknowledgement means, and servers that cannot give it.

use throughline::model::ChainHash;
use throughline::ports::{ReadStore as _, StoreError, WriteStore as _};
use throughline_redis::{Durability, RedisOptions, RedisStore};

use crate::servers::Servers;
use crate::support::{options, said, scope};

fn open(servers: &Servers, durability: Durability, allow_data_loss: bool) -> Result<RedisStore, StoreError> {
    RedisStore::open(&servers.url, None, &RedisOptions { durability, allow_data_loss, ..options() })
}

#[test]
fn real_a_server_that_would_lose_writes_is_refused_unless_that_is_allowed() {
    for (name, settings, setting) in [
        ("redis-7", &["appendonly=no"][..], "appendonly yes"),
        ("redis-7", &["appendfsync=everysec"], "appendfsync always"),
        ("redis-8", &["appendfsync=no"], "appendfsync everysec"),
        ("valkey", &["appendfsync=always", "maxmemory=1gb", "maxmemory-policy=allkeys-lru"], "noeviction"),
    ] {
        let servers = Servers::start("single", name, settings);
        let error = open(&servers, Durability::Fsync, false).unwrap_err();
        assert!(error.to_string().contains(setting), "{name}: {error}");
        let store = open(&servers, Durability::Fsync, true).unwrap();
        store.append(&scope("ann"), said("a", ChainHash::ROOT)).unwrap();
    }
}

/// The write is there, and repeating it, once there is a replica, acknowledges it.
#[test]
fn real_a_write_that_too_few_replicas_have_is_an_error_and_can_be_repeated() {
    let servers = Servers::start("replicated", "redis-8", &[]);
    let one = open(&servers, Durability::Replicated { replicas: 2 }, false).unwrap();
    let ann = scope("ann");
    one.append(&ann, said("a", ChainHash::ROOT)).unwrap();
    let options = RedisOptions {
        durability: Durability::Replicated { replicas: 2 },
        acknowledge_wait_max: std::time::Duration::from_millis(100),
        call_wait_max: std::time::Duration::from_millis(500),
        ..options()
    };
    let store = RedisStore::open(&servers.url, None, &options).unwrap();
    servers.freeze(1);
    let write = || store.append(&ann, said("a", ChainHash::ROOT));
    let Err(StoreError::Unavailable(what)) = write() else { panic!("one replica is frozen") };
    assert!(what.contains("1 replicas have it"), "{what}");
    // An answer that rests on what is not acknowledged yet is an error as well.
    assert!(matches!(write(), Err(StoreError::Unavailable(_))));
    servers.thaw(1);
    let again = (0..100).find_map(|_| write().ok()).expect("both replicas are there again");
    assert_eq!(again.turns.len(), 1);
    assert_eq!(store.turns(&ann, &[1, 2]).unwrap().len(), 1);
}
