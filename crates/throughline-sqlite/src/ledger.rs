//! The ledger: entries in the order they were recorded, read from any number on, and written only by who knows the newest.

use rusqlite::{Connection, OptionalExtension, Row, params};
use throughline::codec::{decode_entry, encode_entry};
use throughline::model::{Act, Entry, MemoryId, Scope, TenantId};
use throughline::ports::{EntryDraft, LedgerAppend, StoreError};

use crate::error::Fault;
use crate::journal::time;
use crate::number::{ScopeNumber, next, within};
use crate::{jobs, profiles, scopes};

pub(crate) fn entries(
    connection: &Connection,
    scope: &Scope,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, Fault> {
    let first = u32::try_from(after).ok().and_then(|after| after.checked_add(1));
    let (Some(scope), Some(first)) = (scopes::find(connection, scope)?, first) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT entry, recorded, body FROM ledger WHERE entry BETWEEN ? AND ? ORDER BY entry LIMIT ?",
    )?;
    let [_, last] = scope.number.keys();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![scope.number.key(first), last, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry(row)?);
    }
    Ok(found)
}

/// From the columns entry, recorded, body.
fn entry(row: &Row<'_>) -> Result<Entry, Fault> {
    let (by, act) = decode_entry(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
    Ok(Entry { number: within(row.get(0)?).into(), recorded: time(row.get(1)?)?, by, act })
}

pub(crate) fn end(connection: &Connection, scope: &Scope) -> Result<u64, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(0) };
    Ok(Writing::new(connection, scope.number)?.last.into())
}

pub(crate) fn memory_scope(
    connection: &Connection,
    tenant: &TenantId,
    id: MemoryId,
) -> Result<Option<Scope>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT entry FROM ledger WHERE claim = ? ORDER BY entry >> 32")?;
    let mut rows = statement.query([id.0.as_bytes()])?;
    while let Some(row) = rows.next()? {
        // Whose it is is looked up, not believed.
        let scope = scopes::of_number(connection, ScopeNumber::of(row.get(0)?))?;
        if let Some(scope) = scope.filter(|scope| scope.tenant() == tenant) {
            return Ok(Some(scope));
        }
    }
    Ok(None)
}

/// See [`LedgerAppend`].
pub(crate) fn append(connection: &Connection, scope: &Scope, append: LedgerAppend) -> Result<u64, Fault> {
    let LedgerAppend { after, entries, profile, job, now } = append;
    let number = scopes::find_or_create(connection, scope)?.number;
    let mut writing = Writing::after(connection, number, after)?;
    for draft in entries {
        writing.push(connection, draft)?;
    }
    if let Some(profile) = profile {
        profiles::put(connection, scope, profile, now)?;
    }
    if let Some(done) = job {
        jobs::end(connection, number, &done, now)?;
    }
    Ok(writing.last.into())
}

/// The end of a scope's ledger, while entries are added to it.
pub(crate) struct Writing {
    scope: ScopeNumber,
    last: u32,
    /// When the newest was recorded.
    recorded: i64,
}

impl Writing {
    fn new(connection: &Connection, scope: ScopeNumber) -> Result<Self, Fault> {
        let mut statement = connection.prepare_cached(
            "SELECT entry, recorded FROM ledger WHERE entry BETWEEN ? AND ? ORDER BY entry DESC LIMIT 1",
        )?;
        let newest = statement.query_row(scope.keys(), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (last, recorded) = newest.map_or((0, i64::MIN), |(entry, recorded)| (within(entry), recorded));
        Ok(Self { scope, last, recorded })
    }

    /// Only if this is the newest entry.
    pub(crate) fn after(connection: &Connection, scope: ScopeNumber, after: u64) -> Result<Self, Fault> {
        let found = Self::new(connection, scope)?;
        if u64::from(found.last) == after { Ok(found) } else { Err(Fault::Store(StoreError::Conflict)) }
    }

    /// A claim that is there already adds nothing.
    pub(crate) fn push(&mut self, connection: &Connection, draft: EntryDraft) -> Result<(), Fault> {
        let EntryDraft { recorded, by, act } = draft;
        let claim = match &act {
            Act::Claimed(claim) => Some(*claim.id.0.as_bytes()),
            _ => None,
        };
        let number = next(self.last, "entries of the ledger")?;
        let recorded = recorded.as_millisecond().max(self.recorded);
        let mut statement = connection.prepare_cached(
            "INSERT INTO ledger (entry, recorded, claim, body) VALUES (?, ?, ?, ?)
             ON CONFLICT (claim, entry >> 32) WHERE claim IS NOT NULL DO NOTHING",
        )?;
        let body = encode_entry(by, &act);
        if statement.execute(params![self.scope.key(number), recorded, claim, body])? > 0 {
            (self.last, self.recorded) = (number, recorded);
        }
        Ok(())
    }
}
