//! Identities: versions of a tenant's or an agent's system prompt, never changed.

use rusqlite::{Connection, params};
use throughline::model::{AgentId, Identity, IdentityVersion, TenantId, Timestamp};
use throughline::ports::StoreError;

use crate::error::Fault;
use crate::journal::time;

pub(crate) fn identity(
    connection: &Connection,
    tenant: &TenantId,
    agent: Option<&AgentId>,
    version: Option<IdentityVersion>,
) -> Result<Option<Identity>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT version, text, created FROM identities
         WHERE tenant = ?1 AND agent = ?2 AND (?3 IS NULL OR version = ?3) ORDER BY version DESC LIMIT 1",
    )?;
    let agent = agent.map_or("", AgentId::as_str);
    let mut rows = statement.query(params![tenant.as_str(), agent, version])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Identity { version: row.get(0)?, text: row.get(1)?, created: time(row.get(2)?)? }))
}

pub(crate) fn put(
    connection: &Connection,
    tenant: &TenantId,
    agent: Option<&AgentId>,
    text: &str,
    now: Timestamp,
) -> Result<Identity, Fault> {
    let newest = identity(connection, tenant, agent, None)?;
    let version = match newest {
        Some(newest) if newest.text == text => return Ok(newest),
        Some(newest) => newest.version.checked_add(1).ok_or_else(|| {
            StoreError::Full(format!("an identity cannot have more than {} versions", newest.version))
        })?,
        None => 1,
    };
    connection.execute(
        "INSERT INTO identities (tenant, agent, version, created, text) VALUES (?, ?, ?, ?, ?)",
        params![tenant.as_str(), agent.map_or("", AgentId::as_str), version, now.as_millisecond(), text],
    )?;
    Ok(Identity { version, text: text.to_owned(), created: time(now.as_millisecond())? })
}
