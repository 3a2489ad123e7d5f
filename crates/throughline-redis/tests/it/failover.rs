//! Servers that die or hang while several processes write.

use std::time::Duration;

use throughline_redis::{Durability, RedisOptions, RedisStore};

use crate::load::{Outcome, loses_nothing};
use crate::servers::{Ask as _, Servers};
use crate::support::options;

/// Writes between two events.
const WRITES: u64 = 200;

fn stores(servers: &Servers, durability: Durability) -> [RedisStore; 2] {
    // A failover takes some seconds, and a node that is started again may have to be waited for.
    let options = RedisOptions { durability, call_wait_max: Duration::from_secs(20), ..options() };
    [(); 2].map(|()| RedisStore::open(&servers.url, None, &options).unwrap())
}

const ONE_REPLICA: Durability = Durability::Replicated { replicas: 1 };

/// The node that has the slot of a writer's keys.
fn primary(servers: &Servers) -> usize {
    let is_primary = |at: &usize| {
        let role = servers.ask(*at, &["ROLE"]).unwrap();
        let redis::Value::Array(role) = role else { panic!("{role:?}") };
        role.first() == Some(&redis::Value::BulkString(b"master".into()))
    };
    (0..3).find(is_primary).unwrap()
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not so after half a minute: {what}");
}

fn says(servers: &Servers, at: usize, words: &[&str], part: &str) -> bool {
    let text = |value: redis::Value| redis::from_redis_value::<String>(value).unwrap_or_default();
    servers.ask(at, words).is_ok_and(|answer| text(answer).contains(part))
}

fn a_cluster(name: &str) -> Outcome {
    let mut servers = Servers::start("cluster", name, &["appendfsync=everysec"]);
    let stores = stores(&servers, ONE_REPLICA);
    loses_nothing(&stores, |wait_for| {
        wait_for(WRITES);
        // A primary, whose replica takes over. Then that one has no replica until the old primary comes back as one.
        servers.kill(0);
        wait_until("the replica took over", || says(&servers, 3, &["INFO"], "role:master"));
        servers.start_again(0);
        wait_until("the old primary follows", || says(&servers, 0, &["INFO"], "master_link_status:up"));
        wait_for(WRITES);
        servers.kill(4);
        servers.start_again(4);
        wait_until("the replica follows again", || says(&servers, 4, &["INFO"], "master_link_status:up"));
        wait_for(WRITES);
        // A primary that hangs, and wakes up after another took over.
        servers.freeze(2);
        wait_until("the replica took over", || says(&servers, 5, &["INFO"], "role:master"));
        servers.thaw(2);
        wait_until("who hung follows", || says(&servers, 2, &["INFO"], "master_link_status:up"));
        wait_for(WRITES);
    })
}

#[test]
fn real_a_redis_7_cluster_loses_nothing_when_nodes_die_and_hang() {
    a_cluster("redis-7");
}

#[test]
fn real_a_redis_8_cluster_loses_nothing_when_nodes_die_and_hang() {
    a_cluster("redis-8");
}

#[test]
fn real_a_valkey_cluster_loses_nothing_when_nodes_die_and_hang() {
    a_cluster("valkey");
}

#[test]
fn real_sentinels_choose_another_primary_and_nothing_is_lost() {
    let servers = Servers::start("sentinel", "redis-7", &["appendfsync=everysec"]);
    let stores = stores(&servers, ONE_REPLICA);
    loses_nothing(&stores, |wait_for| {
        wait_for(WRITES);
        servers.kill(primary(&servers));
        wait_for(WRITES);
    });
}

#[test]
fn real_a_server_that_is_killed_has_on_its_disk_what_it_acknowledged() {
    for (name, fsync) in [("redis-7", "always"), ("redis-8", "everysec"), ("valkey", "everysec")] {
        let mut servers = Servers::start("single", name, &[&format!("appendfsync={fsync}")]);
        let stores = stores(&servers, Durability::Fsync);
        loses_nothing(&stores, |wait_for| {
            for _ in 0..3 {
                wait_for(16);
                servers.kill(0);
                servers.start_again(0);
            }
            wait_for(16);
        });
    }
}
