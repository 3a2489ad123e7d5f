//! Forgetting: taking words out of every table in one transaction. Wiping what the file still holds afterwards is
//! [`crate::scrub`]'s part.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use throughline::codec::{TurnBody, decode_entry, decode_receipt, encode_entry, encode_turn};
use throughline::model::{Act, Author, ReceiptId, Scope, Tombstone};
use throughline::ports::{EntryDraft, Forget, Forgotten, RedactedTurn};

use crate::error::Fault;
use crate::journal::time;
use crate::ledger::Writing;
use crate::number::ScopeNumber;
use crate::scopes::{self, ScopeRow};
use crate::{jobs, models, profiles, scrub, search};

/// See [`Forget`]. Returns also the note of the scrubbing that has to follow.
pub(crate) fn forget(
    connection: &Connection,
    scope: &Scope,
    forget: Forget,
) -> Result<(Forgotten, i64), Fault> {
    let Forget { after, tombstones, entries, turns, receipts, profile, now } = forget;
    let row = scopes::find_or_create(connection, scope)?;
    let mut ledger = Writing::after(connection, row.number, after)?;
    for tombstone in &tombstones {
        put_tombstone(connection, row.number, tombstone)?;
    }
    let claims = forget_claims(connection, row.number, &entries)?;
    let redacted = redact(connection, row, turns)?;
    let receipts = forget_receipts(connection, row.number, &redacted.turns, &receipts)?;
    if let Some(profile) = profile {
        profiles::put(connection, scope, profile, now)?;
    }
    let forgotten = Forgotten {
        claims,
        turns: redacted.turns.len() as u64,
        passages: redacted.passages,
        profiles: profiles::forget_older(connection, row.number)?,
        receipts,
    };
    jobs::forget_failures(connection, row.number)?;
    ledger.push(connection, EntryDraft { recorded: now, by: Author::Operator, act: Act::Forgotten })?;
    Ok((forgotten, scrub::note(connection)?))
}

pub(crate) fn put_tombstone(
    connection: &Connection,
    scope: ScopeNumber,
    tombstone: &Tombstone,
) -> Result<(), Fault> {
    let Tombstone { hash, words, forgotten } = tombstone;
    let mut statement = connection.prepare_cached(
        "INSERT INTO tombstones (scope, hash, words, forgotten) VALUES (?, ?, ?, ?)
         ON CONFLICT (scope, hash) DO NOTHING",
    )?;
    statement.execute(params![scope.0, hash, words, forgotten.as_millisecond()])?;
    Ok(())
}

/// In the order in which they were set.
pub(crate) fn tombstones(connection: &Connection, scope: &Scope) -> Result<Vec<Tombstone>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT hash, words, forgotten FROM tombstones WHERE scope = ? ORDER BY forgotten, hash",
    )?;
    let mut rows = statement.query([scope.number.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Tombstone { hash: row.get(0)?, words: row.get(1)?, forgotten: time(row.get(2)?)? });
    }
    Ok(found)
}

/// False if there is none of this hash.
pub(crate) fn lift_tombstone(connection: &Connection, scope: &Scope, hash: [u8; 16]) -> Result<bool, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(false) };
    let mut statement = connection.prepare_cached("DELETE FROM tombstones WHERE scope = ? AND hash = ?")?;
    Ok(statement.execute(params![scope.number.0, hash])? > 0)
}

/// Returns how many claims there were.
fn forget_claims(connection: &Connection, scope: ScopeNumber, entries: &[u64]) -> Result<u64, Fault> {
    let mut claims = 0;
    for entry in entries.iter().filter_map(|entry| u32::try_from(*entry).ok()) {
        let key = scope.key(entry);
        let mut statement =
            connection.prepare_cached("SELECT body FROM ledger WHERE entry = ? AND claim IS NOT NULL")?;
        let body: Option<Vec<u8>> = statement.query_row([key], |row| row.get(0)).optional()?;
        let Some(body) = body else { continue };
        let (by, _) = decode_entry(&body)?;
        let mut statement =
            connection.prepare_cached("UPDATE ledger SET claim = NULL, body = ? WHERE entry = ?")?;
        statement.execute(params![encode_entry(by, &Act::Forgotten), key])?;
        claims += 1;
    }
    Ok(claims)
}

#[derive(Default)]
struct Redacted {
    turns: HashSet<u64>,
    /// Search rows that were replaced.
    passages: u64,
}

/// Writes what is left of the turns, and the new search rows at the end of the scope's log.
fn redact(connection: &Connection, mut scope: ScopeRow, turns: Vec<RedactedTurn>) -> Result<Redacted, Fault> {
    let mut redacted = Redacted::default();
    let turns: BTreeMap<u32, RedactedTurn> =
        turns.into_iter().filter_map(|turn| Some((u32::try_from(turn.seq).ok()?, turn))).collect();
    if turns.is_empty() {
        return Ok(redacted);
    }
    let models = models::numbers(connection)?;
    let mut old_rows = rows_of(connection, scope.number, &turns)?;
    for (seq, turn) in turns {
        let RedactedTurn { name, content, metadata, passages, .. } = turn;
        let mut statement = connection.prepare_cached(
            "UPDATE turns SET body = ?, passages = ?, redacted = 1 WHERE turn = ? RETURNING session",
        )?;
        let body = encode_turn(TurnBody { name, content, metadata });
        let count = i64::try_from(passages.len()).unwrap_or(i64::MAX);
        let session: Option<u32> =
            statement.query_row(params![body, count, scope.number.key(seq)], |row| row.get(0)).optional()?;
        let Some(session) = session else { continue };
        for row in old_rows.remove(&seq).unwrap_or_default() {
            search::delete(connection, row, &models)?;
            redacted.passages += 1;
        }
        for (passage, draft) in (0..).zip(&passages) {
            search::insert_draft(connection, &mut scope, seq, passage, session, draft, &models)?;
        }
        redacted.turns.insert(seq.into());
    }
    if !redacted.turns.is_empty() {
        scope.redactions += 1;
        scopes::save(connection, &scope)?;
    }
    Ok(redacted)
}

/// The keys of the turns' search rows. No index leads to them, since nothing else looks for them: the scope's are gone
/// through once.
fn rows_of(
    connection: &Connection,
    scope: ScopeNumber,
    turns: &BTreeMap<u32, RedactedTurn>,
) -> Result<BTreeMap<u32, Vec<i64>>, Fault> {
    let mut found: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    let mut statement =
        connection.prepare_cached("SELECT row, turn FROM search WHERE row BETWEEN ? AND ?")?;
    let mut rows = statement.query(scope.keys())?;
    while let Some(row) = rows.next()? {
        let turn = row.get(1)?;
        if turns.contains_key(&turn) {
            found.entry(turn).or_default().push(row.get(0)?);
        }
    }
    Ok(found)
}

/// Takes away the named receipts and those that cite a redacted turn.
fn forget_receipts(
    connection: &Connection,
    scope: ScopeNumber,
    redacted: &HashSet<u64>,
    named: &[ReceiptId],
) -> Result<u64, Fault> {
    let named: HashSet<&ReceiptId> = named.iter().collect();
    let mut going = Vec::new();
    let mut statement = connection.prepare_cached("SELECT body FROM receipts WHERE scope = ?")?;
    let mut rows = statement.query([scope.0])?;
    while let Some(row) = rows.next()? {
        let receipt = decode_receipt(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let cites = receipt.items.iter().any(|item| redacted.contains(&item.turn));
        if cites || named.contains(&receipt.id) {
            going.push(receipt.id);
        }
    }
    drop(rows);
    for id in &going {
        connection.prepare_cached("DELETE FROM receipts WHERE id = ?")?.execute([id.0.as_bytes()])?;
    }
    Ok(going.len() as u64)
}
