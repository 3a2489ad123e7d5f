//! Durable turns per second: appends acknowledged after `fsync`, by one thread and by eight, of one turn and of four,
//! beside what SQLite itself does with one plain insert per transaction and with a full group in one.
//!
//! ```text
//! cargo bench -p throughline-sqlite
//! ```
//!
//! An element is a turn of 300 bytes with one search row of 700 bytes (a vector of 384 bytes, terms and the
//! rest). Users are written to in turn, 1,000 of them, so that no two appends in a row touch the same pages.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use rusqlite::Connection;
use throughline::model::{Content, Role, Scope, SessionId, TenantId, Timestamp, UserId};
use throughline::ports::{Append, FIRST_MODEL, Parent, PassageDraft, TurnDraft, WriteStore};
use throughline_sqlite::{SqliteOptions, SqliteStore};

const USERS: u64 = 1_000;
const TEXT_BYTES: usize = 300;
const ROW_BYTES: usize = 700;
const GROUP: u64 = 64;

fn append(number: u64, turns: u64) -> (Scope, Append) {
    let user = UserId::new(format!("user {}", number * 7919 % USERS)).expect("a name");
    let turn = |part: u64| TurnDraft {
        role: if part.is_multiple_of(2) { Role::User } else { Role::Assistant },
        name: None,
        content: Content::text(format!("{number} {part} {}", "x".repeat(TEXT_BYTES))),
        time: Timestamp::UNIX_EPOCH,
        metadata: None,
        passages: vec![PassageDraft { body: vec![7; ROW_BYTES], read_by: vec![FIRST_MODEL] }],
        said: None,
    };
    let append = Append {
        session: SessionId::new("s").expect("a name"),
        parent: Parent::Head,
        turns: (0..turns).map(turn).collect(),
        idempotency: None,
        receipt: None,
        now: Timestamp::UNIX_EPOCH,
    };
    (Scope::of(TenantId::single(), user), append)
}

/// Time for so many appends, shared by the threads.
fn appends(store: &SqliteStore, next: &AtomicU64, count: u64, threads: usize, turns: u64) -> Duration {
    let left = AtomicU64::new(count);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    let (user, append) = append(next.fetch_add(1, Ordering::Relaxed), turns);
                    store.append(&user, append).expect("an append");
                }
            });
        }
    });
    begun.elapsed()
}

fn durable_turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("durable turns");
    group.sampling_mode(SamplingMode::Flat).sample_size(20).measurement_time(Duration::from_secs(8));
    for threads in [1, 8] {
        for turns in [1, 4] {
            let directory = tempfile::tempdir().expect("a directory");
            let store = SqliteStore::open(directory.path(), SqliteOptions::default()).expect("a store");
            let next = AtomicU64::new(0);
            // Users exist: what is measured is adding to them.
            appends(&store, &next, USERS, 8, 4);
            group.throughput(Throughput::Elements(turns));
            group.bench_function(
                BenchmarkId::new(format!("{threads} threads"), format!("{turns} per append")),
                |bencher| bencher.iter_custom(|count| appends(&store, &next, count, threads, turns)),
            );
        }
    }
    for rows in [1, GROUP] {
        let directory = tempfile::tempdir().expect("a directory");
        let connection = Connection::open(directory.path().join("raw.sqlite")).expect("a file");
        connection
            .execute_batch(
                "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 8000; CREATE TABLE t (k INTEGER PRIMARY KEY, body BLOB)",
            )
            .expect("a table");
        let mut key = 0_i64;
        group.throughput(Throughput::Elements(rows));
        group.bench_function(
            BenchmarkId::new("SQLite alone", format!("{rows} rows of 1,000 B per commit")),
            |bencher| {
                bencher.iter(|| {
                    connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
                    for _ in 0..rows {
                        key += 1;
                        let mut insert =
                            connection.prepare_cached("INSERT INTO t VALUES (?, ?)").expect("a statement");
                        insert.execute((key, vec![7_u8; TEXT_BYTES + ROW_BYTES])).expect("an insert");
                    }
                    connection.execute_batch("COMMIT").expect("a commit");
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, durable_turns);
criterion_main!(benches);
