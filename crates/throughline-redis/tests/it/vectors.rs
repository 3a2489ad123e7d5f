//! The vector index in vector sets: the behaviours of every index, on one server and in a Cluster, and its own failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use throughline::model::Generation;
use throughline::ports::{
    VectorChange, VectorConditions, VectorEntry, VectorIndex, VectorKey, VectorMark, VectorSet,
};
use throughline_redis::{RedisVectors, VECTOR_GRAPH_ROWS_MIN};

use crate::servers::Servers;
use crate::support::{options, scope, url};

fn open(url: &str, owner: &str, graph_rows_min: u64) -> RedisVectors {
    RedisVectors::open(url, None, &options(), owner, graph_rows_min).unwrap()
}

macro_rules! on {
    ($module:ident, $name:literal, $graph_rows_min:expr) => {
        mod $module {
            use super::*;

            fn with_vectors(run: &mut dyn FnMut(&Arc<dyn VectorIndex>)) {
                run(&(Arc::new(open(&url($name), "a-store", $graph_rows_min)) as _));
            }

            throughline::vector_conformance!(with_vectors);
        }
    };
}

on!(real_redis_8_compares_all, "redis-8", VECTOR_GRAPH_ROWS_MIN);
on!(real_redis_8_asks_a_graph, "redis-8", 1);
on!(real_cluster_of_redis_8, "cluster-8", 1);

fn set(user: &str) -> VectorSet {
    VectorSet { scope: scope(user), generation: Generation(1), model: 1 }
}

/// The mark moves by as many rows as are put.
fn change(before: u64, entries: u64) -> VectorChange {
    let mark = |row| VectorMark { row, redactions: 0 };
    let entry = |turn| VectorEntry {
        key: VectorKey { turn, passage: 0 },
        role: 0,
        time_ms: 0,
        tags: vec![],
        vector: vec![0.6, 0.8],
    };
    VectorChange {
        before: mark(before),
        after: mark(before + entries),
        entries: (before..before + entries).map(entry).collect(),
        gone: vec![],
    }
}

fn count(vectors: &RedisVectors, set: &VectorSet) -> u64 {
    let mut count = 0;
    vectors.keys(set, &mut |_| count += 1).unwrap();
    count
}

#[test]
fn real_a_server_without_vector_sets_is_refused() {
    for name in ["redis-7", "valkey"] {
        let refused = RedisVectors::open(&url(name), None, &options(), "a-store", 1).unwrap_err();
        assert!(refused.to_string().contains("Redis 8.0 or newer"), "{refused}");
    }
}

#[test]
fn real_two_stores_share_a_server_and_know_nothing_of_each_other() {
    let (url, options) = (url("redis-8"), options());
    let open = |owner| RedisVectors::open(&url, None, &options, owner, 1).unwrap();
    let (ours, theirs) = (open("ours"), open("theirs"));
    let ann = set("ann");
    ours.begin(&ann).unwrap();
    assert!(ours.put(&ann, &change(0, 3)).unwrap());
    assert_eq!((theirs.mark(&ann), theirs.sets()), (Ok(None), Ok(vec![])));
    theirs.erase_user(&ann.scope.user).unwrap();
    assert_eq!(count(&ours, &ann), 3);
}

#[test]
fn real_a_killed_server_has_all_that_the_mark_says() {
    let mut servers = Servers::start("single", "redis-8", &["appendfsync=always"]);
    let vectors = open(&servers.url, "a-store", 1_000_000);
    let ann = set("ann");
    vectors.begin(&ann).unwrap();
    let stop = AtomicBool::new(false);
    let acknowledged = std::thread::scope(|threads| {
        let writer = threads.spawn(|| {
            let mut acknowledged = 0;
            while !stop.load(Ordering::SeqCst) {
                // Whether a change that was cut off happened, the mark says.
                let Ok(Some(mark)) = vectors.mark(&ann) else { continue };
                if vectors.put(&ann, &change(mark.row, 50)) == Ok(true) {
                    acknowledged = mark.row + 50;
                }
            }
            acknowledged
        });
        for _ in 0..3 {
            let row = || vectors.mark(&ann).unwrap().unwrap().row;
            let before = row();
            while row() < before + 200 {
                std::thread::yield_now();
            }
            servers.kill(0);
            servers.start_again(0);
        }
        stop.store(true, Ordering::SeqCst);
        writer.join().unwrap()
    });
    let mark = vectors.mark(&ann).unwrap().unwrap();
    assert!(mark.row >= acknowledged, "{mark:?}, {acknowledged} acknowledged");
    // Of a change that was cut off, entries may be there already.
    assert!((mark.row..mark.row + 50).contains(&count(&vectors, &ann)), "{mark:?}");
    let found = vectors.nearest(&ann, &[0.6, 0.8], &VectorConditions::default(), 512).unwrap().unwrap();
    assert_eq!(found.keys.len(), 512);
}
