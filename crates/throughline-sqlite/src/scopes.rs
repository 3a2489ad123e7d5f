//! Scopes: each has a number in this file, a random generation, and the counters its turns, rows and sessions take
//! their numbers from.

use rand::RngCore;
use rusqlite::{Connection, OptionalExtension, Row, params};
use throughline::model::{AgentId, AppId, Generation, RunId, Scope, TenantId, UserId, UserKey};

use crate::error::Fault;
use crate::number::ScopeNumber;

/// A scope as its row has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScopeRow {
    pub(crate) number: ScopeNumber,
    pub(crate) generation: Generation,
    /// The newest number of each, 0 before the first.
    pub(crate) last_turn: u32,
    pub(crate) last_row: u32,
    pub(crate) last_session: u32,
    /// How often words were taken out of its search rows.
    pub(crate) redactions: u32,
}

/// An absent part of a scope; names are never empty.
const NONE: &str = "";

fn names(scope: &Scope) -> [&str; 5] {
    [
        scope.user.tenant.as_str(),
        scope.user.user.as_str(),
        scope.agent.as_ref().map_or(NONE, AgentId::as_str),
        scope.app.as_ref().map_or(NONE, AppId::as_str),
        scope.run.as_ref().map_or(NONE, RunId::as_str),
    ]
}

/// The scope's row, if anything was ever written to it.
pub(crate) fn find(connection: &Connection, scope: &Scope) -> Result<Option<ScopeRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT scope, generation, last_turn, last_row, last_session, redactions FROM scopes
         WHERE tenant = ? AND user = ? AND agent = ? AND app = ? AND run = ?",
    )?;
    let row = statement.query_row(names(scope), |row| {
        Ok(ScopeRow {
            number: ScopeNumber(row.get(0)?),
            generation: Generation(row.get::<_, i64>(1)?.cast_unsigned()),
            last_turn: row.get(2)?,
            last_row: row.get(3)?,
            last_session: row.get(4)?,
            redactions: row.get(5)?,
        })
    });
    Ok(row.optional()?)
}

/// The scope's row, made if it is not there.
pub(crate) fn find_or_create(connection: &Connection, scope: &Scope) -> Result<ScopeRow, Fault> {
    if let Some(row) = find(connection, scope)? {
        return Ok(row);
    }
    create(connection, scope, None, Generation(rand::rng().next_u64()))
}

/// Makes the scope's row, under this number or the next one.
pub(crate) fn create(
    connection: &Connection,
    scope: &Scope,
    number: Option<i64>,
    generation: Generation,
) -> Result<ScopeRow, Fault> {
    let [tenant, user, agent, app, run] = names(scope);
    let mut statement = connection.prepare_cached(
        "INSERT INTO scopes (scope, tenant, user, agent, app, run, generation) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    statement.execute(params![number, tenant, user, agent, app, run, generation.0.cast_signed()])?;
    let number = ScopeNumber(connection.last_insert_rowid());
    Ok(ScopeRow { number, generation, last_turn: 0, last_row: 0, last_session: 0, redactions: 0 })
}

/// Writes the counters back.
pub(crate) fn save(connection: &Connection, scope: &ScopeRow) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "UPDATE scopes SET last_turn = ?, last_row = ?, last_session = ?, redactions = ? WHERE scope = ?",
    )?;
    let ScopeRow { number, last_turn, last_row, last_session, redactions, .. } = scope;
    statement.execute(params![last_turn, last_row, last_session, redactions, number.0])?;
    Ok(())
}

/// Every scope of a user.
pub(crate) fn of_user(connection: &Connection, user: &UserKey) -> Result<Vec<ScopeNumber>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT scope FROM scopes WHERE tenant = ? AND user = ?")?;
    let rows =
        statement.query_map([user.tenant.as_str(), user.user.as_str()], |row| row.get(0).map(ScopeNumber))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those whose newest search row has this number or a higher one.
pub(crate) fn large(connection: &Connection, row_min: u64) -> Result<Vec<Scope>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT tenant, user, agent, app, run FROM scopes WHERE last_row >= ?")?;
    let mut rows = statement.query([i64::try_from(row_min).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(scope(row)?);
    }
    Ok(found)
}

/// Whether anything is kept of a user.
pub(crate) fn has_user(connection: &Connection, user: &UserKey) -> Result<bool, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM scopes WHERE tenant = ? AND user = ? LIMIT 1")?;
    Ok(statement.exists([user.tenant.as_str(), user.user.as_str()])?)
}

/// Whose a number is; none if it is nobody's.
pub(crate) fn of_number(connection: &Connection, number: ScopeNumber) -> Result<Option<Scope>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT tenant, user, agent, app, run FROM scopes WHERE scope = ?")?;
    let mut rows = statement.query([number.0])?;
    rows.next()?.map(scope).transpose()
}

fn scope(row: &Row<'_>) -> Result<Scope, Fault> {
    let name = |at: usize| row.get::<_, String>(at);
    let given = |at: usize| Ok::<_, Fault>(Some(name(at)?).filter(|name| name != NONE));
    Ok(Scope {
        user: UserKey { tenant: TenantId::new(name(0)?)?, user: UserId::new(name(1)?)? },
        agent: given(2)?.map(AgentId::new).transpose()?,
        app: given(3)?.map(AppId::new).transpose()?,
        run: given(4)?.map(RunId::new).transpose()?,
    })
}
