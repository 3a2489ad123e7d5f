//! Reading the journal: turns, sessions, and where a turn stands in its conversation.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use throughline::codec::{TurnBody, decode_turn};
use throughline::model::{ChainHash, MessageHash, Role, Scope, SessionId, Timestamp, Turn, TurnId};
use throughline::ports::{KnownTurn, SessionSummary, TurnsPage};

use crate::error::Fault;
use crate::number::within;
use crate::scopes::{self, ScopeRow};

const TURN: &str = "SELECT turn, sessions.name, parent, chain, role, time, recorded, body FROM turns
    JOIN sessions ON sessions.session = (turns.scope << 32 | turns.session)";

const KNOWN_TURN: &str = "SELECT turn, sessions.name, parent, chain, role, recorded, message FROM turns
    JOIN sessions ON sessions.session = (turns.scope << 32 | turns.session)";

pub(crate) fn time(millisecond: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(millisecond).map_err(|error| Fault::Damaged(error.to_string()))
}

pub(crate) fn role(code: u8) -> Result<Role, Fault> {
    Role::from_code(code).ok_or_else(|| Fault::Damaged(format!("a turn has the role {code}, which is none")))
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn turn(scope: &ScopeRow, row: &Row<'_>) -> Result<Turn, Fault> {
    let TurnBody { name, content, metadata } =
        decode_turn(row.get_ref(7)?.as_blob().map_err(rusqlite::Error::from)?)?;
    Ok(Turn {
        id: TurnId { generation: scope.generation, seq: within(row.get(0)?).into() },
        session: SessionId::new(row.get::<_, String>(1)?)?,
        parent: row.get::<_, Option<u32>>(2)?.map(u64::from),
        chain: ChainHash(row.get(3)?),
        role: role(row.get(4)?)?,
        name,
        content,
        time: time(row.get(5)?)?,
        recorded: time(row.get(6)?)?,
        metadata,
    })
}

fn known_turn(row: &Row<'_>) -> Result<KnownTurn, Fault> {
    Ok(KnownTurn {
        seq: within(row.get(0)?).into(),
        session: SessionId::new(row.get::<_, String>(1)?)?,
        parent: row.get::<_, Option<u32>>(2)?.map(u64::from),
        chain: ChainHash(row.get(3)?),
        role: role(row.get(4)?)?,
        recorded: time(row.get(5)?)?,
        message: MessageHash(row.get(6)?),
    })
}

/// One known turn, or none.
fn one_known(connection: &Connection, condition: &str, values: &[Value]) -> Result<Option<KnownTurn>, Fault> {
    let mut statement = connection.prepare_cached(&format!("{KNOWN_TURN} WHERE {condition}"))?;
    let mut rows = statement.query(params_from_iter(values))?;
    rows.next()?.map(known_turn).transpose()
}

pub(crate) fn turns(connection: &Connection, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(&format!("{TURN} WHERE turn = ?"))?;
    let mut found = Vec::with_capacity(seqs.len());
    for seq in seqs.iter().filter_map(|seq| u32::try_from(*seq).ok()) {
        let mut rows = statement.query([scope.number.key(seq)])?;
        if let Some(row) = rows.next()? {
            found.push(turn(&scope, row)?);
        }
    }
    Ok(found)
}

pub(crate) fn turns_page(
    connection: &Connection,
    scope: &Scope,
    page: &TurnsPage,
) -> Result<Vec<Turn>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Vec::new()) };
    let Some(first) = u32::try_from(page.after).ok().and_then(|after| after.checked_add(1)) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let mut collect = |rows: &mut rusqlite::Rows<'_>| {
        while let Some(row) = rows.next()? {
            found.push(turn(&scope, row)?);
        }
        Ok::<_, Fault>(())
    };
    if let Some(session) = &page.session {
        let Some((number, begins, head)) = session_range(connection, &scope, session)? else {
            return Ok(Vec::new());
        };
        // A session's turns lie close together, so no index leads to them: one more would cost every append.
        let mut statement = connection.prepare_cached(&format!(
            "{TURN} WHERE turn BETWEEN ? AND ? AND turns.session = ? ORDER BY turn LIMIT ?"
        ))?;
        let from = scope.number.key(first.max(begins));
        collect(&mut statement.query(params![from, scope.number.key(head), number, limit(page.limit)])?)?;
    } else {
        let mut statement =
            connection.prepare_cached(&format!("{TURN} WHERE turn BETWEEN ? AND ? ORDER BY turn LIMIT ?"))?;
        let [_, last] = scope.number.keys();
        collect(&mut statement.query(params![scope.number.key(first), last, limit(page.limit)])?)?;
    }
    Ok(found)
}

/// A session's number, its first turn and its newest.
fn session_range(
    connection: &Connection,
    scope: &ScopeRow,
    session: &SessionId,
) -> Result<Option<(u32, u32, u32)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT session & 0xffffffff, first, head FROM sessions WHERE scope = ? AND name = ?",
    )?;
    let found = statement.query_row(params![scope.number.0, session.as_str()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    Ok(found.optional()?)
}

pub(crate) fn sessions(
    connection: &Connection,
    scope: &Scope,
    after: u32,
    at_most: usize,
) -> Result<Vec<SessionSummary>, Fault> {
    let (Some(scope), Some(first)) = (scopes::find(connection, scope)?, after.checked_add(1)) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT session, name, turns, earliest, latest FROM sessions WHERE session BETWEEN ? AND ? ORDER BY session LIMIT ?",
    )?;
    let [_, last] = scope.number.keys();
    let mut rows = statement.query(params![scope.number.key(first), last, limit(at_most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(SessionSummary {
            number: within(row.get(0)?),
            session: SessionId::new(row.get::<_, String>(1)?)?,
            turns: row.get(2)?,
            first: time(row.get(3)?)?,
            last: time(row.get(4)?)?,
        });
    }
    Ok(found)
}

pub(crate) fn session_head(
    connection: &Connection,
    scope: &Scope,
    session: &SessionId,
) -> Result<Option<KnownTurn>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(None) };
    let Some((_, _, head)) = session_range(connection, &scope, session)? else { return Ok(None) };
    one_known(connection, "turn = ?", &[scope.number.key(head).into()])
}

pub(crate) fn turns_by_chain(
    connection: &Connection,
    scope: &Scope,
    session: Option<&SessionId>,
    chains: &[ChainHash],
) -> Result<Vec<Option<KnownTurn>>, Fault> {
    let nothing = || Ok(vec![None; chains.len()]);
    let Some(scope) = scopes::find(connection, scope)? else { return nothing() };
    let session = match session {
        None => None,
        Some(session) => match session_range(connection, &scope, session)? {
            None => return nothing(),
            Some((number, _, _)) => Some(number),
        },
    };
    let find = |chain: &ChainHash| {
        let (scope, chain) = (Value::from(scope.number.0), Value::from(chain.0.to_vec()));
        match session {
            Some(session) => one_known(
                connection,
                "turns.scope = ? AND chain = ? AND turns.session = ?",
                &[scope, chain, session.into()],
            ),
            None => one_known(
                connection,
                "turns.scope = ? AND chain = ? ORDER BY turn DESC LIMIT 1",
                &[scope, chain],
            ),
        }
    };
    chains.iter().map(find).collect()
}

pub(crate) fn turns_by_message(
    connection: &Connection,
    scope: &Scope,
    session: Option<&SessionId>,
    message: MessageHash,
    at_most: usize,
) -> Result<Vec<KnownTurn>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Vec::new()) };
    let session = match session {
        None => None,
        Some(session) => match session_range(connection, &scope, session)? {
            None => return Ok(Vec::new()),
            Some((number, _, _)) => Some(number),
        },
    };
    let mut statement = connection.prepare_cached(&format!(
        "{KNOWN_TURN} WHERE turns.scope = ?1 AND message = ?2 AND (?3 IS NULL OR turns.session = ?3)
         ORDER BY turn DESC LIMIT ?4"
    ))?;
    let mut rows = statement.query(params![scope.number.0, message.0, session, limit(at_most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(known_turn(row)?);
    }
    Ok(found)
}

pub(crate) fn lineage(
    connection: &Connection,
    scope: &Scope,
    seq: u64,
    at_most: usize,
) -> Result<Vec<KnownTurn>, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Vec::new()) };
    let mut next = u32::try_from(seq).ok();
    let mut found = Vec::new();
    while let Some(seq) = next
        && found.len() < at_most
        && let Some(turn) = one_known(connection, "turn = ?", &[scope.number.key(seq).into()])?
    {
        // Turns follow older ones: a damaged file cannot lead in a circle.
        next = turn.parent.and_then(|parent| u32::try_from(parent).ok()).filter(|parent| *parent < seq);
        found.push(turn);
    }
    Ok(found)
}
