//! The vector index with pgvector: the behaviours of every index, with and without a graph, and its own failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use throughline::model::Generation;
use throughline::ports::{
    VectorChange, VectorConditions, VectorEntry, VectorIndex, VectorKey, VectorMark, VectorSet,
};
use throughline_postgres::{PostgresOptions, PostgresVectors, VECTOR_GRAPH_ROWS_MIN};

use crate::database::{POSTGRES_NEW, ask};
use crate::server::Server;
use crate::support::scope;

fn open(url: &str, owner: &str, graph_rows_min: u64) -> PostgresVectors {
    PostgresVectors::open(url, None, &PostgresOptions::default(), owner, graph_rows_min).unwrap()
}

mod real_pgvector_compares_all {
    use super::*;

    fn with_vectors(run: &mut dyn FnMut(&Arc<dyn VectorIndex>)) {
        let database = POSTGRES_NEW.database();
        run(&(Arc::new(open(&database.url, "a store", VECTOR_GRAPH_ROWS_MIN)) as _));
    }

    throughline::vector_conformance!(with_vectors);
}

/// The planner may not compare all and sort, which it would with so few rows.
mod real_pgvector_asks_a_graph {
    use super::*;

    fn with_vectors(run: &mut dyn FnMut(&Arc<dyn VectorIndex>)) {
        let database = POSTGRES_NEW.database();
        let url = format!("{}?options=-c%20enable_seqscan=off%20-c%20enable_sort=off", database.url);
        run(&(Arc::new(open(&url, "a store", 1)) as _));
    }

    throughline::vector_conformance!(with_vectors);
}

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

fn count(vectors: &PostgresVectors, set: &VectorSet) -> u64 {
    let mut count = 0;
    vectors.keys(set, &mut |_| count += 1).unwrap();
    count
}

#[test]
fn real_a_server_that_is_killed_has_all_of_a_change_or_none() {
    let mut server = Server::start_new();
    let options = PostgresOptions { call_max: Duration::from_secs(10), ..PostgresOptions::default() };
    let vectors = PostgresVectors::open(&server.url("postgres"), None, &options, "a store", 1_000).unwrap();
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
            let before = vectors.mark(&ann).unwrap().unwrap().row;
            while vectors.mark(&ann).unwrap().unwrap().row < before + 200 {
                std::thread::yield_now();
            }
            server.kill();
            server.run();
        }
        stop.store(true, Ordering::SeqCst);
        writer.join().unwrap()
    });
    let mark = vectors.mark(&ann).unwrap().unwrap();
    assert!(mark.row >= acknowledged, "{mark:?}, {acknowledged} acknowledged");
    assert_eq!(count(&vectors, &ann), mark.row);
    let found = vectors.nearest(&ann, &[0.6, 0.8], &VectorConditions::default(), 512).unwrap().unwrap();
    assert_eq!(found.keys.len(), 512);
}

#[test]
fn real_a_large_set_gets_a_graph_and_an_erasure_leaves_no_table() {
    let database = POSTGRES_NEW.database();
    let vectors = open(&database.url, "a store", 100);
    let (ann, bob) = (set("ann"), set("bob"));
    for (set, entries) in [(&ann, 100), (&bob, 99)] {
        vectors.begin(set).unwrap();
        assert!(vectors.put(set, &change(0, entries)).unwrap());
    }
    let relations = |like: &str, count: u64| {
        let sql = format!("SELECT count(*) = {count} FROM pg_class WHERE relname ~ '{like}'");
        assert!(ask(&database.url, &sql), "not {count} of {like}");
    };
    relations("^nearest_[0-9]+$", 1);
    relations("^set_[0-9]+$", 2);
    vectors.erase_user(&ann.scope.user).unwrap();
    relations("^nearest_[0-9]+$", 0);
    relations("^set_[0-9]+$", 1);
    assert_eq!(count(&vectors, &bob), 99);
}

#[test]
fn real_two_stores_share_a_database_and_know_nothing_of_each_other() {
    let database = POSTGRES_NEW.database();
    let (ours, theirs) = (open(&database.url, "ours", 100), open(&database.url, "theirs", 100));
    let ann = set("ann");
    ours.begin(&ann).unwrap();
    assert!(ours.put(&ann, &change(0, 3)).unwrap());
    assert_eq!(theirs.mark(&ann), Ok(None));
    assert_eq!(theirs.sets(), Ok(vec![]));
    theirs.erase_user(&ann.scope.user).unwrap();
    assert_eq!(count(&ours, &ann), 3);
}
