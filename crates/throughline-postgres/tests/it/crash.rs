//! Servers that die under load: what was acknowledged is there, and every write is whole.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use throughline::ports::{StoreError, WriteStore as _};
use throughline_postgres::{PostgresOptions, PostgresStore};

use crate::server::Server;
use crate::support::{said, scope, told};

const WRITERS: usize = 4;

/// People who talk all the time, each in a memory of their own, and repeat what nobody acknowledged.
struct Load {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    errors: AtomicU64,
    /// By writer, in order.
    texts: Vec<Mutex<Vec<String>>>,
}

impl Load {
    fn new() -> Self {
        Self {
            stop: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            texts: (0..WRITERS).map(|_| Mutex::default()).collect(),
        }
    }

    fn talk(&self, store: &PostgresStore, writer: usize) {
        let scope = scope(&format!("writer {writer}"));
        for number in 0.. {
            let text = format!("{writer}: {number}");
            loop {
                if self.stop.load(Ordering::SeqCst) {
                    return;
                }
                match store.append(&scope, said(&text)) {
                    Ok(_) => break,
                    Err(StoreError::Unavailable(_) | StoreError::ReadOnly(_)) => {
                        self.errors.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            self.texts[writer].lock().unwrap().push(text);
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Lets so many more be acknowledged. Returns how long that took.
    fn wait_for(&self, more: u64) -> Duration {
        let (begun, goal) = (Instant::now(), self.acknowledged.load(Ordering::SeqCst) + more);
        while self.acknowledged.load(Ordering::SeqCst) < goal {
            assert!(begun.elapsed() < Duration::from_mins(2), "nothing is acknowledged any more");
            std::thread::sleep(Duration::from_millis(2));
        }
        begun.elapsed()
    }

    /// Runs `harm` while everybody talks, then looks at what is there.
    fn while_talking(&self, store: &PostgresStore, harm: impl FnOnce()) {
        std::thread::scope(|threads| {
            for writer in 0..WRITERS {
                threads.spawn(move || self.talk(store, writer));
            }
            // Also if it panics, nobody may go on for ever.
            let stop = Stop(&self.stop);
            harm();
            drop(stop);
        });
        for (writer, texts) in self.texts.iter().enumerate() {
            let texts = texts.lock().unwrap();
            let mut found = told(store, &scope(&format!("writer {writer}")));
            // What was under way at the end may be there.
            found.truncate(texts.len().max(found.len().saturating_sub(1)));
            assert_eq!(found, *texts, "writer {writer}");
        }
        let (acknowledged, errors) = (&self.acknowledged, &self.errors);
        println!("{acknowledged:?} acknowledged, {errors:?} errors, none lost");
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Short limits: a dead server is noticed soon.
fn options() -> PostgresOptions {
    PostgresOptions {
        connections_max: WRITERS,
        connect_max: Duration::from_secs(2),
        call_max: Duration::from_secs(10),
    }
}

#[test]
fn real_a_server_that_is_killed_and_started_again_has_lost_nothing_it_acknowledged() {
    let mut server = Server::start(&[]);
    server.execute("CREATE DATABASE memory");
    let store = PostgresStore::open(&server.url("memory"), None, &options()).unwrap();
    let load = Load::new();
    load.while_talking(&store, || {
        for round in 0..3 {
            load.wait_for(40);
            server.kill();
            server.run();
            let pause = load.wait_for(1);
            println!("round {round}: served again {} ms after the start", pause.as_millis());
        }
        load.wait_for(40);
    });
}

/// Also where the database would rather not wait for its disk.
#[test]
fn real_a_database_that_does_not_wait_for_its_disk_is_made_to() {
    let mut server = Server::start(&["wal_writer_delay=10s"]);
    server.execute("CREATE DATABASE memory");
    server.execute("ALTER DATABASE memory SET synchronous_commit = off");
    let store = PostgresStore::open(&server.url("memory"), None, &options()).unwrap();
    let load = Load::new();
    load.while_talking(&store, || {
        load.wait_for(40);
        server.kill();
        server.run();
        load.wait_for(1);
    });
}

#[test]
fn real_a_standby_that_takes_over_has_all_that_was_acknowledged() {
    let mut primary = Server::start(&["wal_level=replica"]);
    primary.execute("CREATE DATABASE memory");
    let standby = primary.standby();
    primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.execute("SELECT pg_reload_conf()");
    primary.wait_until("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')");
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/memory?target_session_attrs=read-write",
        primary.port, standby.port
    );
    let store = PostgresStore::open(&url, None, &options()).unwrap();
    let load = Load::new();
    load.while_talking(&store, || {
        load.wait_for(100);
        primary.kill();
        standby.execute("SELECT pg_promote()");
        let pause = load.wait_for(1);
        println!("served again {} ms after the promotion", pause.as_millis());
        load.wait_for(100);
    });
}
