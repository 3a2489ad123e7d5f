//! API keys: a public id and a keyed hash, never the key.

use throughline::model::{TenantId, Timestamp};
use throughline::ports::{ApiKey, StoreError};
use tokio_postgres::{Client, Row};

use crate::calls::Calls;
use crate::error::Fault;
use crate::journal::time;
use crate::statement::{Statement, bytes, column, text};

fn api_key(row: &Row) -> Result<ApiKey, Fault> {
    Ok(ApiKey {
        id: column(row, 0)?,
        tenant: TenantId::new(column::<&str>(row, 1)?)?,
        label: text(column(row, 2)?)?,
        hash: bytes(row, 3)?,
        created: time(column(row, 4)?)?,
        revoked: column::<Option<i64>>(row, 5)?.map(time).transpose()?,
    })
}

/// Adds a key; one of that id already is a conflict.
pub(crate) fn put(calls: &Calls, key: &ApiKey) -> Result<(), StoreError> {
    calls.write(async |transaction| {
        let [added] = transaction.round([insert(key)]).await?;
        if added.affected == 0 { Err(Fault::Store(StoreError::Conflict)) } else { Ok(()) }
    })
}

/// Writes a key unless there is one of its id.
pub(crate) fn insert(key: &ApiKey) -> Statement<'_> {
    Statement::new(
        "INSERT INTO throughline.api_keys (id, tenant, label, hash, created, revoked) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO NOTHING",
    )
    .with(key.id.as_str())
    .with(key.tenant.as_str())
    .with(key.label.as_bytes())
    .with(&key.hash[..])
    .with(key.created.as_millisecond())
    .with(key.revoked.map(Timestamp::as_millisecond))
}

pub(crate) async fn key(client: &Client, id: &str) -> Result<Option<ApiKey>, Fault> {
    let reply = Statement::new(
        "SELECT id, tenant, label, hash, created, revoked FROM throughline.api_keys WHERE id = $1",
    )
    .with(id)
    .send(client)
    .await?;
    reply.first().map(api_key).transpose()
}

pub(crate) async fn keys(client: &Client) -> Result<Vec<ApiKey>, Fault> {
    let reply = Statement::new(
        "SELECT id, tenant, label, hash, created, revoked FROM throughline.api_keys ORDER BY created, number",
    )
    .send(client)
    .await?;
    reply.rows.iter().map(api_key).collect()
}

pub(crate) fn revoke(calls: &Calls, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    calls.write(async |transaction| {
        let update =
            Statement::new("UPDATE throughline.api_keys SET revoked = $2 WHERE id = $1 AND revoked IS NULL")
                .with(id)
                .with(now.as_millisecond());
        let [revoked] = transaction.round([update]).await?;
        Ok(revoked.affected == 1)
    })
}
