//! Slots that are moved from node to node while they are written to.

use throughline_redis::RedisStore;

use crate::load::loses_nothing;
use crate::servers::{Ask as _, Servers};
use crate::support::options;

/// Moves a slot as `redis-cli --cluster reshard` does, one key after the other.
fn move_slot(servers: &Servers, slot: &str, from: usize, to: usize) {
    let name = |at: usize| {
        redis::from_redis_value::<String>(servers.ask(at, &["CLUSTER", "MYID"]).unwrap()).unwrap()
    };
    let (from_name, to_name) = (name(from), name(to));
    servers.ask(to, &["CLUSTER", "SETSLOT", slot, "IMPORTING", &from_name]).unwrap();
    servers.ask(from, &["CLUSTER", "SETSLOT", slot, "MIGRATING", &to_name]).unwrap();
    let port = servers.nodes[to].port.to_string();
    loop {
        let keys = servers.ask(from, &["CLUSTER", "GETKEYSINSLOT", slot, "1"]).unwrap();
        let keys: Vec<String> = redis::from_redis_value(keys).unwrap();
        let Some(key) = keys.first() else { break };
        servers.ask(from, &["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]).unwrap();
    }
    for at in [to, from, 0, 1, 2] {
        servers.ask(at, &["CLUSTER", "SETSLOT", slot, "NODE", &to_name]).unwrap();
    }
}

#[test]
fn real_slots_are_moved_while_they_are_written_to() {
    let servers = Servers::start("cluster", "redis-7", &["appendfsync=everysec"]);
    let options = options();
    let stores = [(); 2].map(|()| RedisStore::open(&servers.url, None, &options).unwrap());
    let slot_of = |tag: &str| {
        let slot = servers.ask(0, &["CLUSTER", "KEYSLOT", tag]).unwrap();
        redis::from_redis_value::<u16>(slot).unwrap()
    };
    let outcome = loses_nothing(&stores, |wait_for| {
        wait_for(100);
        // The writers' own slots, and the one with the index of jobs.
        for tag in ["writer 0", "writer 1", "writer 2", "writer 3", "=jobs"] {
            let slot = slot_of(tag);
            let from = usize::from(slot) * 3 / 16384;
            move_slot(&servers, &slot.to_string(), from, (from + 1) % 3);
            wait_for(100);
        }
    });
    assert_eq!(outcome.errors, 0);
}
