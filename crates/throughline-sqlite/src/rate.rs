//! Requests of tenants, by minute.

use rusqlite::{Connection, params};
use throughline::model::TenantId;
use throughline::ports::Minute;

use crate::error::Fault;

/// Minutes that are kept beside the newest: clocks of servers differ a little.
const MINUTES_KEPT: u32 = 2;

pub(crate) fn take(
    connection: &Connection,
    tenant: &TenantId,
    minute: Minute,
    count: u32,
) -> Result<u64, Fault> {
    let over = minute.0.saturating_sub(MINUTES_KEPT);
    connection
        .prepare_cached("DELETE FROM requests WHERE tenant = ? AND minute < ?")?
        .execute(params![tenant.as_str(), over])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO requests (tenant, minute, taken) VALUES (?, ?, ?)
         ON CONFLICT (tenant, minute) DO UPDATE SET taken = taken + excluded.taken RETURNING taken",
    )?;
    Ok(statement.query_row(params![tenant.as_str(), minute.0, count], |row| row.get(0))?)
}
