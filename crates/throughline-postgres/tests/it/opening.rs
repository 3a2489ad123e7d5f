//! Opening a store: making its tables, finding them made, and refusing what it does not know.

use throughline::ports::{ReadStore as _, StoreError, WriteStore as _};
use throughline_postgres::{PostgresOptions, PostgresStore};

use crate::database::{PGBOUNCER, POSTGRES};
use crate::support::{said, scope, told};

fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(url, None, &PostgresOptions::default())
}

#[test]
fn real_processes_that_make_the_tables_at_once_make_them_once() {
    for server in [POSTGRES, PGBOUNCER] {
        let database = server.database();
        let secrets: Vec<_> = std::thread::scope(|threads| {
            let openers: Vec<_> =
                (0..4).map(|_| threads.spawn(|| open(&database.url).unwrap().secret().unwrap())).collect();
            openers.into_iter().map(|opener| opener.join().unwrap()).collect()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[test]
fn real_a_newer_schema_is_refused_by_name() {
    let database = POSTGRES.database();
    drop(database.open());
    database.execute("UPDATE throughline.meta SET value = '99' WHERE name = 'schema'");
    let error = open(&database.url).unwrap_err();
    assert!(
        matches!(&error, StoreError::NewerSchema { found: 99, store, .. } if *store != database.url),
        "{error}"
    );
}

#[test]
fn real_looking_whether_there_is_a_store_makes_none() {
    let database = POSTGRES.database();
    let exists = || PostgresStore::exists(&database.url, None, &PostgresOptions::default());
    assert_eq!(exists(), Ok(false));
    drop(database.open());
    assert_eq!(exists(), Ok(true));
}

/// What docs/postgres.md says such a role needs.
#[test]
fn real_a_role_without_the_right_to_make_tables_uses_those_that_are_there() {
    let database = POSTGRES.database();
    let role = format!("role_{}", uuid::Uuid::new_v4().simple());
    database.execute(&format!("CREATE ROLE {role} LOGIN"));
    let url = database.url.replace("postgres@", &format!("{role}@"));
    let error = open(&url).unwrap_err();
    assert!(matches!(&error, StoreError::ReadOnly(_)), "{error}");
    drop(database.open());
    database.execute(&format!(
        "GRANT USAGE ON SCHEMA throughline TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA throughline TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA throughline TO {role}"
    ));
    let store = open(&url).unwrap();
    store.append(&scope("ann"), said("one")).unwrap();
    assert_eq!(told(&store, &scope("ann")), ["one"]);
    drop(store);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn real_a_database_in_another_encoding_is_refused() {
    let database = POSTGRES.database();
    let name = format!("{}_latin", database.name());
    database.execute(&format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"));
    let error = open(&database.url.replace(database.name(), &name)).unwrap_err();
    database.execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
    assert!(error.to_string().contains("LATIN1"), "{error}");
}
