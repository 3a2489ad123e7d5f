//! What a store tells of its servers.

use throughline::ports::WatchStore as _;

use crate::support::open;

#[test]
fn real_replicas_that_are_behind_are_seen_and_none_where_there_is_none() {
    assert!(open("cluster").replication_lag_bytes().unwrap().is_some());
    let alone = open("redis-7");
    assert_eq!(alone.replication_lag_bytes(), Ok(None));
    let connections = alone.connections();
    assert!(connections.open > 0 && connections.in_use == 0 && connections.waits == 0, "{connections:?}");
}
