//! Appending turns: journal, search rows, session, learning job, receipt and idempotency key, in the writer's transaction.

use rusqlite::{Connection, OptionalExtension, params};
use throughline::codec::{TurnBody, encode_turn};
use throughline::model::{ChainHash, Scope, Timestamp};
use throughline::ports::{Append, Appended, AppendedTurn, ModelNumber, Parent, StoreError, TurnDraft};

use crate::error::Fault;
use crate::jobs::Turns;
use crate::number::next;
use crate::scopes::{self, ScopeRow};
use crate::{idempotency, jobs, models, receipts, search};

/// A session while turns are added to it.
struct SessionRow {
    number: u32,
    turns: i64,
    first: u32,
    head: u32,
    earliest: i64,
    latest: i64,
}

/// What the next turn follows.
#[derive(Clone, Copy)]
struct Place {
    parent: Option<u32>,
    chain: ChainHash,
}

const BEGINNING: Place = Place { parent: None, chain: ChainHash::ROOT };

/// See [`Append`].
pub(crate) fn append(connection: &Connection, scope: &Scope, append: Append) -> Result<Appended, Fault> {
    let Append { session, parent, turns, idempotency, receipt, now } = append;
    let mut row = scopes::find_or_create(connection, scope)?;
    if let Some(idempotency) = &idempotency
        && let Some(turns) = idempotency::earlier(connection, row.number, idempotency)?
    {
        return Ok(Appended { generation: row.generation, turns });
    }
    if let Some(receipt) = &receipt {
        receipts::put(connection, row.number, receipt)?;
    }

    let existing = find_session(connection, &row, session.as_str())?;
    let mut place = place(connection, &row, existing.as_ref(), parent)?;
    let mut drafts = turns.into_iter().peekable();
    let mut done = Vec::with_capacity(drafts.len());
    // A chain covers all before it: once one is new, all after it are.
    if let Some(session) = &existing {
        while let Some(draft) = drafts.peek() {
            let chain = place.chain.then(draft.message());
            let Some(known) = find_chain(connection, &row, session.number, chain)? else { break };
            place = Place { parent: Some(known), chain };
            done.push(AppendedTurn { seq: known.into(), known: true });
            drafts.next();
        }
    }
    if drafts.peek().is_some() {
        let is_new = existing.is_none();
        let mut session_row = match existing {
            Some(session) => session,
            None => new_session(&mut row)?,
        };
        let first_new = row.last_turn;
        let models = models::numbers(connection)?;
        for draft in drafts {
            place = insert_turn(connection, &mut row, &mut session_row, place, draft, &models, now)?;
            done.push(AppendedTurn { seq: row.last_turn.into(), known: false });
        }
        save_session(connection, &row, &session_row, is_new.then_some(session.as_str()))?;
        let new = Turns {
            first: first_new + 1,
            last: row.last_turn,
            count: i64::from(row.last_turn - first_new),
            created: now.as_millisecond(),
            newest: now.as_millisecond(),
        };
        jobs::wait(connection, row.number.key(session_row.number), &new, new.created)?;
        scopes::save(connection, &row)?;
    }
    if let Some(idempotency) = idempotency {
        idempotency::keep(connection, row.number, &idempotency, &done, now)?;
    }
    Ok(Appended { generation: row.generation, turns: done })
}

fn find_session(connection: &Connection, scope: &ScopeRow, name: &str) -> Result<Option<SessionRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT session & 0xffffffff, turns, first, head, earliest, latest FROM sessions WHERE scope = ? AND name = ?",
    )?;
    let row = statement.query_row(params![scope.number.0, name], |row| {
        Ok(SessionRow {
            number: row.get(0)?,
            turns: row.get(1)?,
            first: row.get(2)?,
            head: row.get(3)?,
            earliest: row.get(4)?,
            latest: row.get(5)?,
        })
    });
    Ok(row.optional()?)
}

fn new_session(scope: &mut ScopeRow) -> Result<SessionRow, Fault> {
    scope.last_session = next(scope.last_session, "sessions")?;
    let number = scope.last_session;
    Ok(SessionRow { number, turns: 0, first: 0, head: 0, earliest: i64::MAX, latest: i64::MIN })
}

/// `name` is set for a session that has no row yet.
fn save_session(
    connection: &Connection,
    scope: &ScopeRow,
    session: &SessionRow,
    name: Option<&str>,
) -> Result<(), Fault> {
    let key = scope.number.key(session.number);
    let SessionRow { turns, first, head, earliest, latest, .. } = session;
    if let Some(name) = name {
        let mut statement = connection.prepare_cached(
            "INSERT INTO sessions (session, scope, name, turns, first, head, earliest, latest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        statement.execute(params![key, scope.number.0, name, turns, first, head, earliest, latest])?;
    } else {
        let mut statement = connection.prepare_cached(
            "UPDATE sessions SET turns = ?, head = ?, earliest = ?, latest = ? WHERE session = ?",
        )?;
        statement.execute(params![turns, head, earliest, latest, key])?;
    }
    Ok(())
}

fn place(
    connection: &Connection,
    scope: &ScopeRow,
    session: Option<&SessionRow>,
    parent: Parent,
) -> Result<Place, Fault> {
    match (parent, session) {
        (Parent::Chain(ChainHash::ROOT), _) | (Parent::Head, None) => Ok(BEGINNING),
        (Parent::Head, Some(session)) => {
            let mut statement = connection.prepare_cached("SELECT chain FROM turns WHERE turn = ?")?;
            let chain = statement.query_row([scope.number.key(session.head)], |row| row.get(0))?;
            Ok(Place { parent: Some(session.head), chain: ChainHash(chain) })
        }
        (Parent::Chain(chain), Some(session)) => {
            match find_chain(connection, scope, session.number, chain)? {
                Some(parent) => Ok(Place { parent: Some(parent), chain }),
                None => Err(Fault::Store(StoreError::Conflict)),
            }
        }
        (Parent::Chain(_), None) => Err(Fault::Store(StoreError::Conflict)),
    }
}

fn find_chain(
    connection: &Connection,
    scope: &ScopeRow,
    session: u32,
    chain: ChainHash,
) -> Result<Option<u32>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT turn & 0xffffffff FROM turns WHERE scope = ? AND chain = ? AND session = ?",
    )?;
    let found = statement.query_row(params![scope.number.0, chain.0, session], |row| row.get(0));
    Ok(found.optional()?)
}

/// Writes a turn and its search rows; returns the place after it.
fn insert_turn(
    connection: &Connection,
    scope: &mut ScopeRow,
    session: &mut SessionRow,
    place: Place,
    draft: TurnDraft,
    models: &[ModelNumber],
    now: Timestamp,
) -> Result<Place, Fault> {
    let (message, redacted) = (draft.message(), draft.said.is_some());
    let TurnDraft { role, name, content, time, metadata, passages, .. } = draft;
    let seq = next(scope.last_turn, "turns")?;
    let chain = place.chain.then(message);
    let time = time.as_millisecond();
    let body = encode_turn(TurnBody { name, content, metadata });

    let mut statement = connection.prepare_cached(
        "INSERT INTO turns
         (turn, scope, session, parent, chain, message, role, time, recorded, passages, body, redacted)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    statement.execute(params![
        scope.number.key(seq),
        scope.number.0,
        session.number,
        place.parent,
        chain.0,
        message.0,
        role.code(),
        time,
        now.as_millisecond(),
        i64::try_from(passages.len()).unwrap_or(i64::MAX),
        body,
        redacted
    ])?;
    scope.last_turn = seq;
    for (passage, draft) in (0_u32..).zip(passages) {
        search::insert_draft(connection, scope, seq, passage, session.number, &draft, models)?;
    }

    session.turns += 1;
    session.head = seq;
    if session.first == 0 {
        session.first = seq;
    }
    session.earliest = session.earliest.min(time);
    session.latest = session.latest.max(time);
    Ok(Place { parent: Some(seq), chain })
}
