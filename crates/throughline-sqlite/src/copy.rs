//! Being copied and being a copy: what the other modules do not read, and writing rows as they were in another store.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use throughline::codec::{TurnBody, encode_entry, encode_profile, encode_turn};
use throughline::model::{Act, AgentId, Identity, Scope, TenantId, UserKey};
use throughline::ports::{
    ALL_DAYS, CopiedJob, CopiedKey, CopiedRow, CopiedTurn, Erased, ModelNumber, Record, Restore, ScopeMark,
    ScopeRecord, ScopesPage, StoreError, StoreRecord, TenantRecord, Transit,
};

use crate::error::Fault;
use crate::journal::time;
use crate::number::{ScopeNumber, within};
use crate::{credentials, erase, idempotency, jobs, models, receipts, scopes, scrub, search, usage};

const TRANSIT: &str = "transit";

fn damaged(what: &str) -> Fault {
    Fault::Damaged(format!("{what} is too large for this store"))
}

/// A number of another store.
fn small(number: u64) -> Result<u32, Fault> {
    u32::try_from(number).map_err(|_| damaged("a number within a scope"))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn transit(connection: &Connection) -> Result<Option<Transit>, Fault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?")?;
    let kept: Option<Vec<u8>> = statement.query_row([TRANSIT], |row| row.get(0)).optional()?;
    Ok(kept.map(|text| Transit::parse(&String::from_utf8_lossy(&text))).transpose()?)
}

/// Refuses a write while only a copy may write, or nobody.
pub(crate) fn expect_in_use(connection: &Connection) -> Result<(), Fault> {
    transit(connection)?.map_or(Ok(()), |transit| Err(Fault::Store(transit.refusal())))
}

/// Refuses a copy's write once the copy is in use.
pub(crate) fn expect_filling(connection: &Connection) -> Result<(), Fault> {
    match transit(connection)? {
        Some(Transit::Filling(_)) => Ok(()),
        _ => Err(Fault::Store(StoreError::Conflict)),
    }
}

pub(crate) fn set_transit(connection: &Connection, transit: Option<&Transit>) -> Result<(), Fault> {
    match transit {
        Some(transit) => set_meta(connection, TRANSIT, transit.text().as_bytes()),
        None => Ok(connection.execute("DELETE FROM meta WHERE name = ?", [TRANSIT]).map(|_| ())?),
    }
}

fn set_meta(connection: &Connection, name: &str, value: &[u8]) -> Result<(), Fault> {
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, value],
    )?;
    Ok(())
}

/// The number that was given last in a table that never gives one twice.
fn sequence(connection: &Connection, table: &str) -> Result<u64, Fault> {
    let mut statement = connection.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?")?;
    Ok(statement.query_row([table], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn set_sequence(connection: &Connection, table: &str, last: u64) -> Result<(), Fault> {
    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table])?;
    connection
        .execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", params![table, signed(last)])?;
    Ok(())
}

pub(crate) fn store_record(connection: &Connection) -> Result<StoreRecord, Fault> {
    let secret =
        connection.query_row("SELECT value FROM meta WHERE name = 'secret'", [], |row| row.get(0))?;
    let last_model: Option<ModelNumber> =
        connection.query_row("SELECT max(number) FROM embedding_models", [], |row| row.get(0))?;
    Ok(StoreRecord {
        secret,
        models: models::models(connection)?,
        last_model: last_model.unwrap_or(0),
        last_job: sequence(connection, "jobs")?,
        last_place: sequence(connection, "scopes")?,
        keys: credentials::keys(connection)?,
        tenants: tenants(connection)?,
    })
}

fn tenants(connection: &Connection) -> Result<Vec<TenantRecord>, Fault> {
    let mut statement = connection.prepare(
        "SELECT tenant FROM identities UNION SELECT tenant FROM slot_schemas UNION SELECT tenant FROM tenant_usage
         ORDER BY tenant",
    )?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut statement = connection.prepare(
        "SELECT agent, version, created, text FROM identities WHERE tenant = ? ORDER BY agent, version",
    )?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let tenant = TenantId::new(name)?;
        let mut identities = Vec::new();
        let mut rows = statement.query([tenant.as_str()])?;
        while let Some(row) = rows.next()? {
            let agent = Some(row.get::<_, String>(0)?).filter(|agent| !agent.is_empty());
            let identity = Identity { version: row.get(1)?, created: time(row.get(2)?)?, text: row.get(3)? };
            identities.push((agent.map(AgentId::new).transpose()?, identity));
        }
        found.push(TenantRecord {
            slot_schema: crate::profiles::slot_schema(connection, &tenant)?,
            identities,
            usage: usage::of_tenant(connection, &tenant, &ALL_DAYS)?,
            tenant,
        });
    }
    Ok(found)
}

pub(crate) fn restore_store(connection: &Connection, record: &StoreRecord) -> Result<(), Fault> {
    expect_filling(connection)?;
    let StoreRecord { secret, models, last_model, last_job, last_place, keys, tenants } = record;
    set_meta(connection, "secret", secret)?;
    models::restore(connection, models, *last_model)?;
    set_sequence(connection, "jobs", *last_job)?;
    set_sequence(connection, "scopes", *last_place)?;
    for table in ["api_keys", "identities", "slot_schemas", "tenant_usage"] {
        connection.execute(&format!("DELETE FROM {table}"), [])?;
    }
    for key in keys {
        credentials::put(connection, key)?;
    }
    for TenantRecord { tenant, slot_schema, identities, usage } in tenants {
        crate::profiles::put_slot_schema(connection, tenant, slot_schema.as_deref())?;
        for (agent, Identity { version, created, text }) in identities {
            connection.execute(
                "INSERT INTO identities (tenant, agent, version, created, text) VALUES (?, ?, ?, ?, ?)",
                params![
                    tenant.as_str(),
                    agent.as_ref().map_or("", AgentId::as_str),
                    version,
                    created.as_millisecond(),
                    text
                ],
            )?;
        }
        for usage in usage {
            crate::usage::restore_of_tenant(connection, tenant, usage)?;
        }
    }
    Ok(())
}

pub(crate) fn scopes(
    connection: &Connection,
    after: Option<&str>,
    limit: usize,
) -> Result<ScopesPage, Fault> {
    let after: i64 = after.and_then(|after| after.parse().ok()).unwrap_or(0);
    let mut statement =
        connection.prepare_cached("SELECT scope FROM scopes WHERE scope > ? ORDER BY scope LIMIT ?")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let numbers = statement.query_map([after, limit], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let scopes = numbers
        .iter()
        .map(|number| scopes::of_number(connection, ScopeNumber(*number)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ScopesPage {
        scopes: scopes.into_iter().flatten().collect(),
        next: numbers.last().map(i64::to_string),
    })
}

pub(crate) fn scope_record(connection: &Connection, scope: &Scope) -> Result<Option<ScopeRecord>, Fault> {
    let Some(row) = scopes::find(connection, scope)? else { return Ok(None) };
    let newest = |table: &str, key: &str| {
        let sql = format!("SELECT max({key}) FROM {table} WHERE {key} BETWEEN ? AND ?");
        let key: Option<i64> =
            connection.prepare_cached(&sql)?.query_row(row.number.keys(), |row| row.get(0))?;
        Ok::<_, Fault>(key.map_or(0, within).into())
    };
    let mut receipts = connection.prepare_cached("SELECT count(*) FROM receipts WHERE scope = ?")?;
    Ok(Some(ScopeRecord {
        place: row.number.0.unsigned_abs(),
        generation: row.generation,
        last_turn: row.last_turn.into(),
        last_row: row.last_row.into(),
        last_session: row.last_session.into(),
        last_entry: newest("ledger", "entry")?,
        last_key: newest("idempotency", "number")?,
        redactions: row.redactions.into(),
        receipts: receipts.query_row([row.number.0], |row| row.get(0))?,
        jobs: jobs::of_scope(connection, row.number)?,
    }))
}

pub(crate) fn rows(
    connection: &Connection,
    scope: &Scope,
    after: u64,
    limit: usize,
) -> Result<Vec<CopiedRow>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Vec::new()) };
    let kept = models::numbers(connection)?;
    let mut statement = connection.prepare_cached(
        "SELECT search.row, turn, passage, session, body, outdated.row IS NOT NULL
         FROM search LEFT JOIN outdated USING (row) WHERE search.row > ? AND search.row <= ? ORDER BY search.row LIMIT ?",
    )?;
    let mut unread = connection.prepare_cached("SELECT 1 FROM unread WHERE model = ? AND row = ?")?;
    let [_, last] = scope.number.keys();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = scope.number.key(u32::try_from(after).unwrap_or(u32::MAX));
    let mut rows = statement.query(params![after, last, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut read_by = kept.clone();
        let key: i64 = row.get(0)?;
        for model in &kept {
            if unread.exists(params![model, key])? {
                read_by.retain(|known| known != model);
            }
        }
        found.push(CopiedRow { row: search::search_row(row)?, read_by, is_outdated: row.get(5)? });
    }
    Ok(found)
}

pub(crate) fn keys(
    connection: &Connection,
    scope: &Scope,
    after: u64,
    limit: usize,
) -> Result<Vec<CopiedKey>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT number, key, request, turns, created FROM idempotency
         WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
    )?;
    let after = scope.number.key(u32::try_from(after).unwrap_or(u32::MAX));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after, scope.number.keys()[1], limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(key(row)?);
    }
    Ok(found)
}

fn key(row: &Row<'_>) -> Result<CopiedKey, Fault> {
    Ok(CopiedKey {
        number: within(row.get(0)?).into(),
        key: row.get(1)?,
        body: row.get(2)?,
        turns: idempotency::decode(&row.get::<_, Vec<u8>>(3)?),
        created: time(row.get(4)?)?,
    })
}

pub(crate) fn restored(connection: &Connection, scope: &Scope) -> Result<Option<ScopeMark>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(None) };
    let mut statement = connection.prepare_cached("SELECT copied FROM scopes WHERE scope = ?")?;
    Ok(statement.query_row([scope.number.0], |row| row.get(0))?)
}

pub(crate) fn drop_user(connection: &Connection, user: &UserKey) -> Result<i64, Fault> {
    expect_filling(connection)?;
    Ok(erase::erase_user(connection, user)?.1)
}

/// See [`Restore`].
pub(crate) fn restore(connection: &Connection, scope: &Scope, restore: Restore) -> Result<(), Fault> {
    expect_filling(connection)?;
    let Restore { begin, records, mark } = restore;
    if let Some(begin) = &begin {
        if let Some(old) = scopes::find(connection, scope)? {
            erase::erase_scope(connection, old.number, &mut Erased::default())?;
            // What it held may have been forgotten since: the file is wiped of it when the copy is finished.
            scrub::note(connection)?;
        }
        make_scope(connection, scope, begin)?;
    }
    // Others of this copy made it; if it is gone, this begins again.
    let row = scopes::find(connection, scope)?.ok_or(Fault::Store(StoreError::Conflict))?;
    let kept = models::numbers(connection)?;
    let mut sessions = BTreeMap::new();
    for record in records {
        restore_record(connection, scope, row.number, &kept, &mut sessions, record)?;
    }
    if let Some(mark) = mark {
        connection
            .prepare_cached("UPDATE scopes SET copied = ? WHERE scope = ?")?
            .execute(params![mark, row.number.0])?;
    }
    Ok(())
}

fn make_scope(connection: &Connection, scope: &Scope, record: &ScopeRecord) -> Result<(), Fault> {
    let number = i32::try_from(record.place).map_err(|_| damaged("the place of a scope"))?;
    let row = scopes::create(connection, scope, Some(number.into()), record.generation)?;
    let row = scopes::ScopeRow {
        last_turn: small(record.last_turn)?,
        last_row: small(record.last_row)?,
        last_session: small(record.last_session)?,
        redactions: small(record.redactions)?,
        ..row
    };
    scopes::save(connection, &row)
}

fn restore_record(
    connection: &Connection,
    scope: &Scope,
    number: ScopeNumber,
    kept: &[ModelNumber],
    sessions: &mut BTreeMap<String, i64>,
    record: Record,
) -> Result<(), Fault> {
    match record {
        Record::Turn(turn) => restore_turn(connection, number, sessions, turn),
        Record::Row(row) => restore_row(connection, number, kept, &row),
        Record::Entry(entry) => {
            let claim = match &entry.act {
                Act::Claimed(claim) => Some(*claim.id.0.as_bytes()),
                _ => None,
            };
            let key = number.key(small(entry.number)?);
            connection
                .prepare_cached("INSERT INTO ledger (entry, recorded, claim, body) VALUES (?, ?, ?, ?)")?
                .execute(params![
                    key,
                    entry.recorded.as_millisecond(),
                    claim,
                    encode_entry(entry.by, &entry.act)
                ])?;
            Ok(())
        }
        Record::Profile(profile) => {
            connection
                .prepare_cached("INSERT INTO profiles (profile, body) VALUES (?, ?)")?
                .execute(params![number.key(small(profile.epoch)?), encode_profile(&profile)])?;
            Ok(())
        }
        Record::Receipt(receipt) => receipts::put(connection, number, &receipt),
        Record::Tombstone(tombstone) => crate::forget::put_tombstone(connection, number, &tombstone),
        Record::Key(CopiedKey { number: of_key, key, body, turns, created }) => {
            let of_key = number.key(small(of_key)?);
            connection
                .prepare_cached(
                    "INSERT INTO idempotency (number, scope, key, request, turns, created) VALUES (?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![of_key, number.0, key, body, idempotency::encode(&turns), created.as_millisecond()])?;
            Ok(())
        }
        Record::Job(job) => restore_job(connection, number, &job),
        Record::Usage(usage) => crate::usage::restore_of_user(connection, &scope.user, &usage),
    }
}

fn restore_turn(
    connection: &Connection,
    scope: ScopeNumber,
    sessions: &mut BTreeMap<String, i64>,
    copied: CopiedTurn,
) -> Result<(), Fault> {
    let is_redacted = copied.is_redacted();
    let CopiedTurn { turn, message } = copied;
    let (seq, time) = (small(turn.id.seq)?, turn.time.as_millisecond());
    // Sessions are numbered in the order of their first turns.
    let newest = |connection: &Connection| {
        let mut statement =
            connection.prepare_cached("SELECT max(session) FROM sessions WHERE session BETWEEN ? AND ?")?;
        Ok::<_, Fault>(statement.query_row(scope.keys(), |row| row.get::<_, Option<i64>>(0))?)
    };
    let name = turn.session.as_str();
    let session = match sessions.get(name) {
        Some(session) => *session,
        None => session_key(connection, scope, name)?
            .map_or_else(|| Ok::<_, Fault>(newest(connection)?.unwrap_or(scope.key(0)) + 1), Ok)?,
    };
    sessions.insert(name.to_owned(), session);
    connection
        .prepare_cached(
            "INSERT INTO sessions (session, scope, name, turns, first, head, earliest, latest) VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?5)
             ON CONFLICT (session) DO UPDATE SET turns = turns + 1, head = excluded.head,
             earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)",
        )?
        .execute(params![session, scope.0, name, seq, time])?;
    let parent = turn.parent.map(small).transpose()?;
    let body = encode_turn(TurnBody { name: turn.name, content: turn.content, metadata: turn.metadata });
    connection
        .prepare_cached(
            "INSERT INTO turns
             (turn, scope, session, parent, chain, message, role, time, recorded, passages, body, redacted)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        )?
        .execute(params![
            scope.key(seq),
            scope.0,
            within(session),
            parent,
            turn.chain.0,
            message.0,
            turn.role.code(),
            time,
            turn.recorded.as_millisecond(),
            body,
            is_redacted
        ])?;
    Ok(())
}

fn session_key(connection: &Connection, scope: ScopeNumber, name: &str) -> Result<Option<i64>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT session FROM sessions WHERE scope = ? AND name = ?")?;
    Ok(statement.query_row(params![scope.0, name], |row| row.get(0)).optional()?)
}

fn restore_row(
    connection: &Connection,
    scope: ScopeNumber,
    kept: &[ModelNumber],
    copied: &CopiedRow,
) -> Result<(), Fault> {
    let CopiedRow { row, read_by, is_outdated } = copied;
    let (key, turn) = (scope.key(small(row.number)?), small(row.turn)?);
    let unread_by = kept.iter().filter(|model| !read_by.contains(model)).copied();
    search::insert_at(connection, key, turn, row.passage, row.session, &row.body, unread_by)?;
    if *is_outdated {
        connection.prepare_cached("INSERT INTO outdated (row) VALUES (?)")?.execute([key])?;
    }
    connection
        .prepare_cached("UPDATE turns SET passages = passages + 1 WHERE turn = ?")?
        .execute([scope.key(turn)])?;
    Ok(())
}

fn restore_job(connection: &Connection, scope: ScopeNumber, copied: &CopiedJob) -> Result<(), Fault> {
    let CopiedJob { job, count, newest, lease_until, token } = copied;
    let Some(session) = session_key(connection, scope, job.session.as_str())? else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO jobs (number, session, first, last, turns, created, newest, state, attempts, due, lease_until, token, failure)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            signed(job.number),
            session,
            signed(job.turns.0),
            signed(job.turns.1),
            signed(*count),
            job.created.as_millisecond(),
            newest.as_millisecond(),
            job.state.code(),
            job.attempts,
            job.due.as_millisecond(),
            lease_until.as_millisecond(),
            signed(*token),
            job.failure
        ])?;
    Ok(())
}
