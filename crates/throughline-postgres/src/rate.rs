//! Requests of tenants, by minute.

use throughline::model::TenantId;
use throughline::ports::Minute;
use tokio_postgres::Client;

use crate::error::Fault;
use crate::statement::{Statement, column};

/// Minutes that are kept beside the newest: clocks of servers differ a little.
const MINUTES_KEPT: u32 = 2;

/// One statement, and so one round trip.
pub(crate) async fn take(
    client: &Client,
    tenant: &TenantId,
    minute: Minute,
    count: u32,
) -> Result<u64, Fault> {
    let reply = Statement::new(
        "WITH over AS (DELETE FROM throughline.requests WHERE tenant = $1 AND minute < $4)
         INSERT INTO throughline.requests AS known (tenant, minute, taken) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, minute) DO UPDATE SET taken = known.taken + excluded.taken RETURNING taken",
    )
    .with(tenant.as_str())
    .with(i64::from(minute.0))
    .with(i64::from(count))
    .with(i64::from(minute.0.saturating_sub(MINUTES_KEPT)))
    .send(client)
    .await?;
    let taken: i64 = column(reply.first().ok_or(Fault::Again)?, 0)?;
    Ok(u64::try_from(taken).unwrap_or(0))
}
