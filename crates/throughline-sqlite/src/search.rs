//! Search rows: a log for each scope, read in one range scan.

use rusqlite::{Connection, params};
use throughline::model::{Revision, Scope};
use throughline::ports::{ModelNumber, PassageDraft, SearchRow};

use crate::error::Fault;
use crate::number::{next, within};
use crate::scopes::{self, ScopeRow};

/// Adds a row under the scope's next number, which waits for the models named; the caller saves the scope.
pub(crate) fn insert(
    connection: &Connection,
    scope: &mut ScopeRow,
    turn: u32,
    passage: u32,
    session: u32,
    body: &[u8],
    unread_by: &[ModelNumber],
) -> Result<(), Fault> {
    scope.last_row = next(scope.last_row, "search rows")?;
    let key = scope.number.key(scope.last_row);
    insert_at(connection, key, turn, passage, session, body, unread_by.iter().copied())
}

/// Adds a row under this key.
pub(crate) fn insert_at(
    connection: &Connection,
    key: i64,
    turn: u32,
    passage: u32,
    session: u32,
    body: &[u8],
    unread_by: impl Iterator<Item = ModelNumber>,
) -> Result<(), Fault> {
    let mut statement = connection
        .prepare_cached("INSERT INTO search (row, turn, passage, session, body) VALUES (?, ?, ?, ?, ?)")?;
    statement.execute(params![key, turn, passage, session, body])?;
    for model in unread_by {
        let mut statement = connection.prepare_cached("INSERT INTO unread (model, row) VALUES (?, ?)")?;
        statement.execute(params![model, key])?;
    }
    Ok(())
}

/// Adds the row of a new passage, which waits for those of the models that have not read it.
pub(crate) fn insert_draft(
    connection: &Connection,
    scope: &mut ScopeRow,
    turn: u32,
    passage: u32,
    session: u32,
    draft: &PassageDraft,
    models: &[ModelNumber],
) -> Result<(), Fault> {
    let unread_by: Vec<_> = models.iter().filter(|model| !draft.read_by.contains(model)).copied().collect();
    insert(connection, scope, turn, passage, session, &draft.body, &unread_by)
}

/// Takes a row away. Returns those of the models for which it waited.
pub(crate) fn delete(
    connection: &Connection,
    key: i64,
    models: &[ModelNumber],
) -> Result<Vec<ModelNumber>, Fault> {
    connection.prepare_cached("DELETE FROM search WHERE row = ?")?.execute([key])?;
    connection.prepare_cached("DELETE FROM outdated WHERE row = ?")?.execute([key])?;
    let mut unread_by = Vec::new();
    for model in models {
        let mut statement = connection.prepare_cached("DELETE FROM unread WHERE model = ? AND row = ?")?;
        if statement.execute(params![model, key])? > 0 {
            unread_by.push(*model);
        }
    }
    Ok(unread_by)
}

fn revision_of(scope: &ScopeRow) -> Revision {
    Revision { generation: scope.generation, row: scope.last_row.into(), redactions: scope.redactions.into() }
}

pub(crate) fn revision(connection: &Connection, scope: &Scope) -> Result<Option<Revision>, Fault> {
    Ok(scopes::find(connection, scope)?.as_ref().map(revision_of))
}

pub(crate) fn rows(
    connection: &Connection,
    scope: &Scope,
    after: u64,
    sink: &mut dyn FnMut(SearchRow),
) -> Result<Option<Revision>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(None) };
    if let Some(first) = u32::try_from(after).ok().and_then(|after| after.checked_add(1)) {
        let mut statement = connection.prepare_cached(RANGE)?;
        let mut rows = statement.query([scope.number.key(first), scope.number.keys()[1]])?;
        while let Some(row) = rows.next()? {
            sink(search_row(row)?);
        }
    }
    Ok(Some(revision_of(&scope)))
}

/// Numbers that follow one another are read as one range.
pub(crate) fn rows_at(
    connection: &Connection,
    scope: &Scope,
    numbers: &[u64],
    sink: &mut dyn FnMut(SearchRow),
) -> Result<(), Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(()) };
    let mut statement = connection.prepare_cached(RANGE)?;
    for run in numbers.chunk_by(|number, next| *next == number + 1) {
        let bounds = [run[0], run[run.len() - 1]].map(u32::try_from);
        let [Ok(first), Ok(last)] = bounds else { continue };
        let mut rows = statement.query([scope.number.key(first), scope.number.key(last)])?;
        while let Some(row) = rows.next()? {
            sink(search_row(row)?);
        }
    }
    Ok(())
}

const RANGE: &str =
    "SELECT row, turn, passage, session, body FROM search WHERE row BETWEEN ? AND ? ORDER BY row";

/// From the columns row, turn, passage, session, body.
pub(crate) fn search_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<SearchRow> {
    Ok(SearchRow {
        number: within(row.get(0)?).into(),
        turn: row.get::<_, u32>(1)?.into(),
        passage: row.get(2)?,
        session: row.get(3)?,
        body: row.get(4)?,
    })
}
