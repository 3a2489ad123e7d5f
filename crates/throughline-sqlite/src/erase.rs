//! Erasing a user: taking every row away. Wiping what the file still holds afterwards is [`crate::scrub`]'s part.

use rusqlite::Connection;
use throughline::model::UserKey;
use throughline::ports::Erased;

use crate::error::Fault;
use crate::number::ScopeNumber;
use crate::{scopes, scrub, usage};

/// Takes away every row of a user's scopes, and notes that the file is to be scrubbed: the note survives a crash
/// between the two. Returns the note's number.
pub(crate) fn erase_user(connection: &Connection, user: &UserKey) -> Result<(Erased, i64), Fault> {
    let mut erased = Erased::default();
    for scope in scopes::of_user(connection, user)? {
        erase_scope(connection, scope, &mut erased)?;
    }
    erased.usages = usage::erase(connection, user)?;
    Ok((erased, scrub::note(connection)?))
}

/// Takes away every row of a scope, and counts them.
pub(crate) fn erase_scope(
    connection: &Connection,
    scope: ScopeNumber,
    erased: &mut Erased,
) -> Result<(), Fault> {
    let [lowest, highest] = scope.keys();
    let delete = |table: &str, key: &str| {
        let sql = format!("DELETE FROM {table} WHERE {key} BETWEEN ? AND ?");
        Ok::<_, Fault>(connection.execute(&sql, [lowest, highest])? as u64)
    };
    erased.scopes += 1;
    erased.sessions += delete("sessions", "session")?;
    erased.turns += delete("turns", "turn")?;
    erased.passages += delete("search", "row")?;
    erased.jobs += delete("jobs", "session")?;
    let mut claims = connection.prepare("SELECT count(claim) FROM ledger WHERE entry BETWEEN ? AND ?")?;
    erased.claims += claims.query_row([lowest, highest], |row| row.get::<_, u64>(0))?;
    delete("ledger", "entry")?;
    connection.execute("DELETE FROM tombstones WHERE scope = ?", [scope.0])?;
    erased.profiles += delete("profiles", "profile")?;
    delete("outdated", "row")?;
    connection.execute(
        "DELETE FROM unread WHERE model IN (SELECT DISTINCT model FROM unread) AND row BETWEEN ? AND ?",
        [lowest, highest],
    )?;
    delete("idempotency", "number")?;
    erased.receipts += connection.execute("DELETE FROM receipts WHERE scope = ?", [scope.0])? as u64;
    connection.execute("DELETE FROM scopes WHERE scope = ?", [scope.0])?;
    Ok(())
}
