//! Vectors that come later: which rows wait for one, putting it in, and which model's vectors are in force.

use rusqlite::{Connection, OptionalExtension, params};
use throughline::ports::{EmbeddedRow, EmbeddingModel, ModelNumber, StoreError, UnembeddedRow};

use crate::error::Fault;
use crate::number::ScopeNumber;
use crate::{scopes, search};

pub(crate) fn unembedded(connection: &Connection, limit: usize) -> Result<Vec<UnembeddedRow>, Fault> {
    let mut statement = connection.prepare_cached(
        // CROSS JOIN: the short list leads, never the scan of all rows.
        "SELECT search.row, turn, passage, session, body FROM unembedded CROSS JOIN search USING (row)
         ORDER BY unembedded.row LIMIT ?",
    )?;
    let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut waiting = Vec::new();
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
            waiting.push(UnembeddedRow { scope: scope.clone(), row: search::search_row(row)? });
        }
    }
    Ok(waiting)
}

pub(crate) fn unembedded_count(connection: &Connection) -> Result<u64, Fault> {
    Ok(connection.prepare_cached("SELECT count(*) FROM unembedded")?.query_row([], |row| row.get(0))?)
}

/// Replaces each row by a new one at the end of its scope's log, so that every copy of the log learns of it.
pub(crate) fn put_embedded(connection: &Connection, rows: &[EmbeddedRow]) -> Result<(), Fault> {
    for EmbeddedRow { scope, number, body } in rows {
        let Ok(number) = u32::try_from(*number) else { continue };
        let Some(mut scope) = scopes::find(connection, scope)? else { continue };
        let key = scope.number.key(number);
        let mut statement =
            connection.prepare_cached("DELETE FROM search WHERE row = ? RETURNING turn, passage, session")?;
        let replaced = statement
            .query_row([key], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?)))
            .optional()?;
        let Some((turn, passage, session)) = replaced else { continue };
        connection.prepare_cached("DELETE FROM unembedded WHERE row = ?")?.execute([key])?;
        search::insert(connection, &mut scope, turn, passage, session, body, true)?;
        scopes::save(connection, &scope)?;
    }
    Ok(())
}

pub(crate) fn model(connection: &Connection) -> Result<Option<(ModelNumber, EmbeddingModel)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT number, name, dimensions FROM embedding_models ORDER BY number DESC LIMIT 1",
    )?;
    let found = statement.query_row([], |row| {
        Ok((row.get(0)?, EmbeddingModel { name: row.get(1)?, dimensions: row.get(2)? }))
    });
    Ok(found.optional()?)
}

pub(crate) fn claim_model(
    connection: &Connection,
    wanted: &EmbeddingModel,
) -> Result<(ModelNumber, EmbeddingModel), Fault> {
    match model(connection)? {
        Some(in_force) => Ok(in_force),
        None => Ok((insert_model(connection, 1, wanted)?, wanted.clone())),
    }
}

pub(crate) fn switch_model(connection: &Connection, wanted: &EmbeddingModel) -> Result<ModelNumber, Fault> {
    let number = match model(connection)? {
        Some((number, in_force)) if in_force == *wanted => return Ok(number),
        Some((number, _)) => number.checked_add(1).ok_or_else(|| {
            StoreError::Full(format!("a store cannot have more than {number} embedding models"))
        })?,
        None => 1,
    };
    connection.execute("INSERT OR IGNORE INTO unembedded (row) SELECT row FROM search", [])?;
    insert_model(connection, number, wanted)
}

fn insert_model(
    connection: &Connection,
    number: ModelNumber,
    model: &EmbeddingModel,
) -> Result<ModelNumber, Fault> {
    let dimensions = i64::try_from(model.dimensions).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT INTO embedding_models (number, name, dimensions) VALUES (?, ?, ?)",
        params![number, model.name, dimensions],
    )?;
    Ok(number)
}
