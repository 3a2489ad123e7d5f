//! Vectors that come later: which rows wait for one, and putting it in. Which models there are is [`crate::models`]'s part.

use rusqlite::{Connection, OptionalExtension, Params, params};
use throughline::ports::{EmbeddedRow, ModelNumber, UnembeddedRow};

use crate::error::Fault;
use crate::number::ScopeNumber;
use crate::{models, scopes, search};

// CROSS JOIN: the short list leads, never the scan of all rows.
pub(crate) fn unembedded(
    connection: &Connection,
    model: ModelNumber,
    limit: usize,
) -> Result<Vec<UnembeddedRow>, Fault> {
    const SQL: &str =
        "SELECT search.row, turn, passage, session, body FROM unread CROSS JOIN search USING (row)
         WHERE unread.model = ? ORDER BY unread.row LIMIT ?";
    listed(connection, SQL, params![model, to_i64(limit)])
}

pub(crate) fn outdated(connection: &Connection, limit: usize) -> Result<Vec<UnembeddedRow>, Fault> {
    const SQL: &str =
        "SELECT search.row, turn, passage, session, body FROM outdated CROSS JOIN search USING (row)
         ORDER BY outdated.row LIMIT ?";
    listed(connection, SQL, params![to_i64(limit)])
}

fn listed(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<UnembeddedRow>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    let mut current = None;
    while let Some(row) = rows.next()? {
        let number = ScopeNumber::of(row.get(0)?);
        if current.as_ref().is_none_or(|(known, _)| *known != number) {
            let scope = scopes::of_number(connection, number)?.ok_or_else(|| {
                Fault::Damaged(format!("search rows of scope {}, which is not there", number.0))
            })?;
            current = Some((number, scope));
        }
        if let Some((_, scope)) = &current {
            found.push(UnembeddedRow { scope: scope.clone(), row: search::search_row(row)? });
        }
    }
    Ok(found)
}

pub(crate) fn unembedded_count(connection: &Connection) -> Result<u64, Fault> {
    let awaited = models::models(connection)?.awaited();
    let mut statement = connection.prepare_cached("SELECT count(*) FROM unread WHERE model = ?")?;
    Ok(statement.query_row([awaited], |row| row.get(0))?)
}

/// Replaces each row by a new one at the end of its scope's log, so that every copy of the log learns of it.
pub(crate) fn put_embedded(connection: &Connection, rows: &[EmbeddedRow]) -> Result<(), Fault> {
    let kept = models::numbers(connection)?;
    for EmbeddedRow { scope, number, body, read_by } in rows {
        let Ok(number) = u32::try_from(*number) else { continue };
        let Some(mut scope) = scopes::find(connection, scope)? else { continue };
        let key = scope.number.key(number);
        let mut statement =
            connection.prepare_cached("SELECT turn, passage, session FROM search WHERE row = ?")?;
        let replaced = statement
            .query_row([key], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?)))
            .optional()?;
        let Some((turn, passage, session)) = replaced else { continue };
        let mut unread_by = search::delete(connection, key, &kept)?;
        unread_by.retain(|model| !read_by.contains(model));
        search::insert(connection, &mut scope, turn, passage, session, body, &unread_by)?;
        scopes::save(connection, &scope)?;
    }
    Ok(())
}

fn to_i64(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
