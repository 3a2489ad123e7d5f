//! How far standbys are behind.

use tokio_postgres::Client;

use crate::error::Fault;
use crate::statement::{Statement, column};

/// In bytes of the write-ahead log; none without a standby, or without the right to look (`pg_monitor`).
pub(crate) async fn lag_bytes(client: &Client) -> Result<Option<u64>, Fault> {
    // A standby has no log of its own to compare with.
    let reply = Statement::new(
        "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE
             (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint FROM pg_stat_replication) END",
    )
    .send(client)
    .await?;
    let lag: Option<i64> = column(reply.first().ok_or(Fault::Again)?, 0)?;
    Ok(lag.map(|bytes| u64::try_from(bytes).unwrap_or(0)))
}
