//! The schema and its migrations: numbered SQL files, each never changed once released.

use std::time::Duration;

use throughline::ports::StoreError;
use tokio_postgres::Client;

use crate::calls::Calls;
use crate::error::Fault;
use crate::statement::{Statement, bytes, column, text};
use crate::transaction::Transaction;

const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_store.sql"),
    include_str!("schema/002_usage.sql"),
    include_str!("schema/003_copy.sql"),
    include_str!("schema/004_rates.sql"),
];

/// How long one process waits for another to migrate, and a migration may take.
const MIGRATION_MAX: Duration = Duration::from_hours(4);

/// The oldest server with all that is used here.
const SERVER_VERSION_MIN: i32 = 140_000;

/// Whoever migrates has this lock until the end of the transaction, which a pooler respects.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(x'5468726c00000001'::bigint)";

/// The schema this code writes.
fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// The schema that is there; none if there is no store.
pub(crate) async fn found(client: &Client) -> Result<Option<u32>, Fault> {
    let there = Statement::new("SELECT to_regclass('throughline.meta') IS NOT NULL").send(client).await?;
    if !there.first().map_or(Ok(false), |row| column(row, 0))? {
        return Ok(None);
    }
    let reply =
        Statement::new("SELECT value FROM throughline.meta WHERE name = 'schema'").send(client).await?;
    let row = reply.first().ok_or_else(|| Fault::Damaged("the schema's number is gone".into()))?;
    let schema = text(column(row, 0)?)?.parse();
    Ok(Some(schema.map_err(|_| Fault::Damaged("the schema's number is none".into()))?))
}

/// Makes the tables where they are missing, and brings an older schema to the newest. Several processes may do so at once.
pub(crate) fn bring_up(calls: &Calls) -> Result<(), StoreError> {
    let found = calls.read(async |client| {
        check_server(client).await?;
        found(client).await
    })?;
    if known(found.unwrap_or(0), calls.place())? == newest() {
        return Ok(());
    }
    calls.transact(BEGIN, MIGRATION_MAX, async |transaction| {
        // Another process may have done it while we waited.
        let found = current(transaction).await?;
        for (sql, schema) in MIGRATIONS.iter().zip(1_u32..).skip(usize::try_from(found).unwrap_or(usize::MAX))
        {
            transaction.script(sql).await?;
            if schema == 1 {
                let secret: [u8; 32] = rand::random();
                transaction.round([set("secret", secret.to_vec())]).await?;
            }
            transaction.round([set("schema", schema.to_string().into_bytes())]).await?;
            tracing::info!(store = calls.place(), schema, "store schema written");
        }
        Ok(())
    })
}

/// The schema that is there now, with a place made for the first.
async fn current(transaction: &Transaction<'_>) -> Result<u32, Fault> {
    let [there] = transaction
        .round([Statement::new(
            "SELECT to_regnamespace('throughline') IS NOT NULL, to_regclass('throughline.meta') IS NOT NULL",
        )])
        .await?;
    let row = there.first().ok_or(Fault::Again)?;
    if !column::<bool>(row, 0)? {
        transaction.script("CREATE SCHEMA throughline").await?;
    }
    if !column::<bool>(row, 1)? {
        return Ok(0);
    }
    let [schema] = transaction
        .round([Statement::new("SELECT value FROM throughline.meta WHERE name = 'schema'")])
        .await?;
    let row = schema.first().ok_or_else(|| Fault::Damaged("the schema's number is gone".into()))?;
    text(column(row, 0)?)?.parse().map_err(|_| Fault::Damaged("the schema's number is none".into()))
}

/// Puts a value into `meta`.
pub(crate) fn set(name: &'static str, value: Vec<u8>) -> Statement<'static> {
    Statement::new(
        "INSERT INTO throughline.meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .with(name)
    .with(value)
}

/// The schema, if this code can work with it.
fn known(found: u32, place: &str) -> Result<u32, StoreError> {
    if found > newest() {
        return Err(StoreError::NewerSchema { store: place.to_owned(), found, known: newest() });
    }
    Ok(found)
}

/// Whether this is a server one can rely on.
async fn check_server(client: &Client) -> Result<(), Fault> {
    let reply = Statement::new(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
         current_setting('fsync') = 'off' OR current_setting('full_page_writes') = 'off'",
    )
    .send(client)
    .await?;
    let row = reply.first().ok_or(Fault::Again)?;
    let (version, encoding, careless): (i32, &str, bool) =
        (column(row, 0)?, column(row, 1)?, column(row, 2)?);
    let refused = |what: String| Err(Fault::Store(StoreError::Unavailable(what)));
    if version < SERVER_VERSION_MIN {
        return refused(format!("the server is Postgres {}; use 14 or newer", version / 10_000));
    }
    if encoding != "UTF8" {
        return refused(format!("the database is encoded as {encoding}; make one with ENCODING 'UTF8'"));
    }
    if careless {
        tracing::warn!(
            "the server has fsync or full_page_writes off: a crash of its machine loses what was acknowledged"
        );
    }
    Ok(())
}

/// The store's secret.
pub(crate) async fn secret(client: &Client) -> Result<[u8; 32], Fault> {
    let reply =
        Statement::new("SELECT value FROM throughline.meta WHERE name = 'secret'").send(client).await?;
    bytes(reply.first().ok_or_else(|| Fault::Damaged("its secret is gone".into()))?, 0)
}
