//! A database of its own for each test, on a server that `cargo xtask test` starts.

use std::cell::OnceCell;

use throughline::ports::{CopyStore, Store};
use throughline_postgres::{PostgresOptions, PostgresStore};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

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
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test --only stores`"))
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
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

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
        let (url, sql) =
            (format!("{}/postgres", self.direct), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        execute(&url, &sql);
    }
}

/// Runs SQL on a connection of its own.
pub(crate) fn execute(url: &str, sql: &str) {
    connected(url, async |client| client.batch_execute(sql).await.unwrap());
}

/// The answer to a question of yes or no.
pub(crate) fn ask(url: &str, sql: &str) -> bool {
    connected(url, async |client| client.query_one(sql, &[]).await.unwrap().get(0))
}

fn connected<T>(url: &str, work: impl AsyncFnOnce(&Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let done = work(&client).await;
        drop(client);
        connection.await.unwrap().unwrap();
        done
    })
}

/// Makes it as if it were new: every table but that of the schema's number empty, numbers from 1, and a secret of its own.
const EMPTY: &str = "DO $$
    DECLARE name TEXT;
    BEGIN
        FOREACH name IN ARRAY ARRAY['scopes', 'sessions', 'turns', 'search', 'profiles', 'ledger', 'idempotency', 'receipts',
            'tombstones', 'jobs', 'embedding_models', 'model_roles', 'unread', 'outdated', 'identities', 'slot_schemas',
            'api_keys', 'user_usage', 'tenant_usage', 'tenant_days', 'requests'] LOOP
            EXECUTE format('DELETE FROM throughline.%I', name);
        END LOOP;
        DELETE FROM throughline.meta WHERE meta.name = 'transit';
        UPDATE throughline.meta SET value = decode(md5(random()::text) || md5(random()::text), 'hex') WHERE meta.name = 'secret';
        ALTER TABLE throughline.jobs ALTER COLUMN number RESTART;
        ALTER SEQUENCE throughline.scope_places RESTART;
    END $$";

/// A database that is kept for the next test, in nobody else's hands as long as this value is there.
struct Shared {
    url: String,
    direct: String,
    /// Its session holds the lock.
    _lock: (Runtime, Client),
}

impl Server {
    /// Making the tables takes longer than most tests, so there are only as many of these as tests run at once.
    fn shared(&self) -> Shared {
        let (base, direct) = (url_of(self.variable), url_of(self.direct));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (client, name) = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(&format!("{direct}/postgres"), NoTls).await.unwrap();
            runtime.spawn(connection);
            for number in 0_i64.. {
                let locked = client.query_one("SELECT pg_try_advisory_lock($1)", &[&number]).await.unwrap();
                if locked.get(0) {
                    let name = format!("shared_{number}");
                    let found =
                        client.query("SELECT FROM pg_database WHERE datname = $1", &[&name]).await.unwrap();
                    if found.is_empty() {
                        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
                    }
                    return (client, name);
                }
            }
            unreachable!("some number is free")
        });
        let (url, direct) = (format!("{base}/{name}"), format!("{direct}/{name}"));
        Shared { url, direct, _lock: (runtime, client) }
    }
}

impl Server {
    /// An empty store, in a database that is kept for the next test of this thread.
    fn kept<'a>(&self, kept: &'a OnceCell<(Shared, PostgresStore)>) -> &'a PostgresStore {
        let (shared, store) = kept.get_or_init(|| {
            let shared = self.shared();
            let store = PostgresStore::open(&shared.url, None, &PostgresOptions::default()).unwrap();
            (shared, store)
        });
        execute(&shared.direct, EMPTY);
        store
    }
}

thread_local! {
    static KEPT: [OnceCell<(Shared, PostgresStore)>; 2] = const { [OnceCell::new(), OnceCell::new()] };
}

/// Hands over an empty store.
pub(crate) fn with_store(server: &Server, run: &mut dyn FnMut(&dyn Store)) {
    KEPT.with(|[kept, _]| run(server.kept(kept)));
}

/// Hands over two empty stores.
pub(crate) fn with_stores(server: &Server, run: &mut dyn FnMut(&dyn CopyStore, &dyn CopyStore)) {
    KEPT.with(|[from, to]| run(server.kept(from), server.kept(to)));
}
