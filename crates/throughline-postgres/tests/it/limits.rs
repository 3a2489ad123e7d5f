//! What is bounded, and what a caller is told at the bound.

use std::time::Duration;

use throughline::ports::{ReadStore as _, StoreError, WatchStore as _, WriteStore as _};
use throughline_postgres::{PostgresOptions, PostgresStore};
use tokio_postgres::NoTls;

use crate::database::POSTGRES;
use crate::support::{said, scope, told};

/// Locks a user's memory on another connection while `run` runs.
fn while_locked(url: &str, run: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        runtime.spawn(connection);
        client.batch_execute("BEGIN; SELECT FROM throughline.scopes FOR UPDATE").await.unwrap();
        client
    });
    run();
    runtime.block_on(client.batch_execute("ROLLBACK")).unwrap();
}

#[test]
fn real_a_call_that_takes_too_long_fails_and_leaves_nothing_behind() {
    let database = POSTGRES.database();
    let options = PostgresOptions { call_max: Duration::from_millis(300), ..PostgresOptions::default() };
    let (patient, hasty) = (database.open(), database.open_with(&options));
    let ann = scope("ann");
    patient.append(&ann, said("one")).unwrap();
    while_locked(&database.url, || {
        let error = hasty.append(&ann, said("two")).unwrap_err();
        assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
        // Whoever only reads does not wait for who writes.
        assert_eq!(told(&hasty, &ann), ["one"]);
    });
    hasty.append(&ann, said("three")).unwrap();
    assert_eq!(told(&patient, &ann), ["one", "three"]);
}

#[test]
fn real_a_call_without_a_free_connection_waits_and_then_says_what_to_do() {
    let database = POSTGRES.database();
    let ann = scope("ann");
    database.open().append(&ann, said("one")).unwrap();
    let options = PostgresOptions {
        connections_max: 1,
        connect_max: Duration::from_millis(100),
        call_max: Duration::from_mins(1),
    };
    let store = database.open_with(&options);
    std::thread::scope(|threads| {
        let mut writing = None;
        while_locked(&database.url, || {
            // It may itself come too late for the only connection at first.
            writing = Some(threads.spawn(|| while store.append(&scope("ann"), said("two")).is_err() {}));
            let error = loop {
                if let Err(error) = store.revision(&ann) {
                    break error;
                }
            };
            assert!(error.to_string().contains("all 1 connections are in use"), "{error}");
        });
        writing.unwrap().join().unwrap();
    });
    assert_eq!(told(&store, &ann), ["one", "two"]);
    let connections = store.connections();
    assert!(connections.waits > 0 && connections.waited > Duration::ZERO, "{connections:?}");
    assert_eq!((connections.open, connections.in_use), (1, 0));
    assert_eq!(store.replication_lag_bytes(), Ok(None));
}

#[test]
fn real_connections_that_broke_meanwhile_cost_no_call() {
    let database = POSTGRES.database();
    let store = database.open();
    let ann = scope("ann");
    for round in 0..5 {
        store.append(&ann, said(&format!("turn {round}"))).unwrap();
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }
    assert_eq!(told(&store, &ann).len(), 5);
}

#[test]
fn real_a_server_that_is_not_there_is_named_without_the_password() {
    let error =
        PostgresStore::open("postgres://me:hunter2@127.0.0.1:1/memory", None, &PostgresOptions::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("postgres://127.0.0.1:1/memory") && !error.contains("hunter2"), "{error}");
}
