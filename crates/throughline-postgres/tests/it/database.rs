//! A database of its own for each test, on a server that `cargo xtask test` starts.

use std::cell::OnceCell;

use throughline::ports::Store;
use throughline_postgres::{PostgresOptions, PostgresStore};
use tokio_postgres::NoTls;

/// A server that tests are told about.
pub(crate) struct Server {
    /// The variable with its URL, up to and without the database.
    variable: &'static str,
    /// The variable with the URL that databases are made by, if that is another: a pooler is not asked to.
    direct: &'static str,
}

pub(crate) const POSTGRES: Server =
    Server { variable: "THROUGHLINE_TEST_POSTGRES_URL", direct: "THROUGHLINE_TEST_POSTGRES_URL" };
pub(crate) const POSTGRES_NEW: Server =
    Server { variable: "THROUGHLINE_TEST_POSTGRES_NEW_URL", direct: "THROUGHLINE_TEST_POSTGRES_NEW_URL" };
pub(crate) const PGBOUNCER: Server =
    Server { variable: "THROUGHLINE_TEST_PGBOUNCER_URL", direct: "THROUGHLINE_TEST_POSTGRES_URL" };

fn url_of(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test --only stores`"))
}

/// A database that goes with this value.
pub(crate) struct Database {
    name: String,
    direct: String,
    /// Where the store is opened.
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn database(&self) -> Database {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let (base, direct) = (url_of(self.variable), url_of(self.direct));
        execute(&format!("{direct}/postgres"), &format!("CREATE DATABASE {name}"));
        Database { url: format!("{base}/{name}"), direct, name }
    }
}

impl Database {
    pub(crate) fn open(&self) -> PostgresStore {
        self.open_with(&PostgresOptions::default())
    }

    pub(crate) fn open_with(&self, options: &PostgresOptions) -> PostgresStore {
        PostgresStore::open(&self.url, None, options).unwrap()
    }

    /// Runs SQL in it, past the store.
    pub(crate) fn execute(&self, sql: &str) {
        execute(&format!("{}/{}", self.direct, self.name), sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (url, sql) = (format!("{}/postgres", self.direct), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // On a thread of its own: this one may be ending, and with it what tokio keeps of a thread.
        std::thread::spawn(move || execute(&url, &sql)).join().unwrap();
    }
}

fn execute(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
}

/// Empties every table but that of the schema's number and the secret, and lets numbers begin anew.
const EMPTY: &str = "DO $$
    DECLARE name TEXT;
    BEGIN
        FOREACH name IN ARRAY ARRAY['scopes', 'sessions', 'turns', 'search', 'profiles', 'ledger', 'idempotency', 'receipts',
            'tombstones', 'jobs', 'embedding_models', 'model_roles', 'unread', 'outdated', 'identities', 'slot_schemas',
            'api_keys'] LOOP
            EXECUTE format('DELETE FROM throughline.%I', name);
        END LOOP;
        ALTER TABLE throughline.jobs ALTER COLUMN number RESTART;
    END $$";

thread_local! {
    // Goes with the test's thread.
    static KEPT: OnceCell<(PostgresStore, Database)> = const { OnceCell::new() };
}

/// Hands over an empty store. A test has one database for all of its calls: making the tables takes longer than most of them.
pub(crate) fn with_store(server: &Server, run: &mut dyn FnMut(&dyn Store)) {
    KEPT.with(|kept| {
        let (store, database) = kept.get_or_init(|| {
            let database = server.database();
            (database.open(), database)
        });
        database.execute(EMPTY);
        run(store);
    });
}
