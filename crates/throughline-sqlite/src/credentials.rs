//! API keys: a public id and a keyed hash, never the key.

use rusqlite::{Connection, Row, params};
use throughline::model::{TenantId, Timestamp};
use throughline::ports::{ApiKey, StoreError};

use crate::error::Fault;
use crate::journal::time;

const KEY: &str = "SELECT id, tenant, label, hash, created, revoked FROM api_keys";

fn api_key(row: &Row<'_>) -> Result<ApiKey, Fault> {
    Ok(ApiKey {
        id: row.get(0)?,
        tenant: TenantId::new(row.get::<_, String>(1)?)?,
        label: row.get(2)?,
        hash: row.get(3)?,
        created: time(row.get(4)?)?,
        revoked: row.get::<_, Option<i64>>(5)?.map(time).transpose()?,
    })
}

/// Adds a key; one of that id already is a conflict.
pub(crate) fn put(connection: &Connection, key: &ApiKey) -> Result<(), Fault> {
    let added = connection.execute(
        "INSERT INTO api_keys (id, tenant, label, hash, created, revoked) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO NOTHING",
        params![
            key.id,
            key.tenant.as_str(),
            key.label,
            key.hash,
            key.created.as_millisecond(),
            key.revoked.map(Timestamp::as_millisecond)
        ],
    )?;
    if added == 0 { Err(Fault::Store(StoreError::Conflict)) } else { Ok(()) }
}

pub(crate) fn key(connection: &Connection, id: &str) -> Result<Option<ApiKey>, Fault> {
    let mut statement = connection.prepare_cached(&format!("{KEY} WHERE id = ?"))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(api_key).transpose()
}

pub(crate) fn keys(connection: &Connection) -> Result<Vec<ApiKey>, Fault> {
    let mut statement = connection.prepare_cached(&format!("{KEY} ORDER BY created, number"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(api_key(row)?);
    }
    Ok(found)
}

pub(crate) fn revoke(connection: &Connection, id: &str, now: Timestamp) -> Result<bool, Fault> {
    let revoked = connection.execute(
        "UPDATE api_keys SET revoked = ? WHERE id = ? AND revoked IS NULL",
        params![now.as_millisecond(), id],
    )?;
    Ok(revoked == 1)
}
