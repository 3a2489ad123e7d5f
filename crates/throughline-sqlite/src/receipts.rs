//! Receipts: found by id, kept with the scope they belong to.

use rusqlite::{Connection, OptionalExtension, params};
use throughline::codec::{decode_receipt, encode_receipt};
use throughline::model::{Receipt, ReceiptId, Scope, TenantId};

use crate::error::Fault;
use crate::number::ScopeNumber;
use crate::scopes;

/// Keeps a receipt. One that is there already stays as it is: receipts never change.
pub(crate) fn put(connection: &Connection, scope: ScopeNumber, receipt: &Receipt) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO receipts (id, scope, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )?;
    statement.execute(params![receipt.id.0.as_bytes(), scope.0, encode_receipt(receipt)])?;
    Ok(())
}

pub(crate) fn receipts(
    connection: &Connection,
    scope: &Scope,
    sink: &mut dyn FnMut(Receipt),
) -> Result<(), Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(()) };
    let mut statement = connection.prepare_cached("SELECT body FROM receipts WHERE scope = ?")?;
    let mut rows = statement.query([scope.number.0])?;
    while let Some(row) = rows.next()? {
        sink(decode_receipt(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
    }
    Ok(())
}

pub(crate) fn receipt(
    connection: &Connection,
    tenant: &TenantId,
    id: ReceiptId,
) -> Result<Option<(Scope, Receipt)>, Fault> {
    let mut statement = connection.prepare_cached("SELECT scope, body FROM receipts WHERE id = ?")?;
    let found: Option<(i64, Vec<u8>)> =
        statement.query_row([id.0.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((number, body)) = found else { return Ok(None) };
    // Whose it is is looked up, not believed: another tenant's receipt is none.
    match scopes::of_number(connection, ScopeNumber(number))? {
        Some(scope) if scope.tenant() == tenant => Ok(Some((scope, decode_receipt(&body)?))),
        _ => Ok(None),
    }
}
