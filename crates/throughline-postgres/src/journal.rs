//! Reading the journal: turns, sessions, and where a turn stands in its conversation. Each answer is one statement.

use throughline::codec::{TurnBody, decode_turn};
use throughline::model::{
    ChainHash, Generation, MessageHash, Role, Scope, SessionId, Timestamp, Turn, TurnId,
};
use throughline::ports::{KnownTurn, SessionSummary, TurnsPage};
use tokio_postgres::{Client, Row};

use crate::error::Fault;
use crate::scopes::{ScopeKey, limit, number, unsigned};
use crate::statement::{Statement, column, hash};

pub(crate) fn time(millisecond: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(millisecond).map_err(|error| Fault::Damaged(error.to_string()))
}

fn role(code: i16) -> Result<Role, Fault> {
    let role = u8::try_from(code).ok().and_then(Role::from_code);
    role.ok_or_else(|| Fault::Damaged(format!("a turn has the role {code}, which is none")))
}

fn parent(row: &Row, at: usize) -> Result<Option<u64>, Fault> {
    Ok(column::<Option<i32>>(row, at)?.map(unsigned))
}

/// From the columns generation, seq, session's name, parent, chain, role, time, recorded, body.
pub(crate) fn turn(row: &Row) -> Result<Turn, Fault> {
    let TurnBody { name, content, metadata } = decode_turn(column(row, 8)?)?;
    Ok(Turn {
        id: TurnId {
            generation: Generation(column::<i64>(row, 0)?.cast_unsigned()),
            seq: unsigned(column(row, 1)?),
        },
        session: SessionId::new(column::<&str>(row, 2)?)?,
        parent: parent(row, 3)?,
        chain: ChainHash(hash(row, 4)?),
        role: role(column(row, 5)?)?,
        name,
        content,
        time: time(column(row, 6)?)?,
        recorded: time(column(row, 7)?)?,
        metadata,
    })
}

/// From the columns seq, session's name, parent, chain, role, recorded, message.
pub(crate) fn known_turn(row: &Row) -> Result<KnownTurn, Fault> {
    Ok(KnownTurn {
        seq: unsigned(column(row, 0)?),
        session: SessionId::new(column::<&str>(row, 1)?)?,
        parent: parent(row, 2)?,
        chain: ChainHash(hash(row, 3)?),
        role: role(column(row, 4)?)?,
        recorded: time(column(row, 5)?)?,
        message: MessageHash(hash(row, 6)?),
    })
}

pub(crate) async fn turns(client: &Client, scope: &Scope, seqs: &[u64]) -> Result<Vec<Turn>, Fault> {
    let key = ScopeKey::of(scope);
    let seqs: Vec<i32> = seqs.iter().filter_map(|seq| number(*seq)).collect();
    let reply = Statement::new(
        "SELECT generation, turn.seq, session.name, turn.parent, turn.chain, turn.role, turn.time, turn.recorded, turn.body
         FROM unnest($2) WITH ORDINALITY AS asked (seq, place)
         JOIN throughline.turns AS turn ON turn.scope = $1 AND turn.seq = asked.seq
         JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = turn.session
         JOIN throughline.scopes ON scopes.scope = $1
         ORDER BY asked.place",
    )
    .with(key.bytes())
    .with(seqs)
    .send(client)
    .await?;
    reply.rows.iter().map(turn).collect()
}

pub(crate) async fn turns_page(client: &Client, scope: &Scope, page: &TurnsPage) -> Result<Vec<Turn>, Fault> {
    let key = ScopeKey::of(scope);
    // A session's turns lie close together, so no index leads to them: one more would cost every append.
    let reply = Statement::new(
        "SELECT generation, turn.seq, session.name, turn.parent, turn.chain, turn.role, turn.time, turn.recorded, turn.body
         FROM throughline.turns AS turn
         JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = turn.session
         JOIN throughline.scopes ON scopes.scope = $1
         WHERE turn.scope = $1 AND turn.seq > $2
         AND ($3 IS NULL OR session.name = $3 AND turn.seq BETWEEN session.first AND session.head)
         ORDER BY turn.seq LIMIT $4",
    )
    .with(key.bytes())
    .with(number(page.after).unwrap_or(i32::MAX))
    .with(page.session.as_ref().map(SessionId::as_str))
    .with(limit(page.limit))
    .send(client)
    .await?;
    reply.rows.iter().map(turn).collect()
}

pub(crate) async fn sessions(
    client: &Client,
    scope: &Scope,
    after: u32,
    at_most: usize,
) -> Result<Vec<SessionSummary>, Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new(
        "SELECT number, name, turns, earliest, latest FROM throughline.sessions
         WHERE scope = $1 AND number > $2 ORDER BY number LIMIT $3",
    )
    .with(key.bytes())
    .with(number(after.into()).unwrap_or(i32::MAX))
    .with(limit(at_most))
    .send(client)
    .await?;
    let summary = |row: &Row| {
        Ok(SessionSummary {
            number: u32::try_from(column::<i32>(row, 0)?).unwrap_or(0),
            session: SessionId::new(column::<&str>(row, 1)?)?,
            turns: unsigned(column(row, 2)?),
            first: time(column(row, 3)?)?,
            last: time(column(row, 4)?)?,
        })
    };
    reply.rows.iter().map(summary).collect()
}

pub(crate) async fn session_head(
    client: &Client,
    scope: &Scope,
    session: &SessionId,
) -> Result<Option<KnownTurn>, Fault> {
    let key = ScopeKey::of(scope);
    let reply = find_head(&key, session).send(client).await?;
    reply.first().map(known_turn).transpose()
}

/// Asks for the newest turn of a session.
pub(crate) fn find_head<'a>(key: &'a ScopeKey, session: &'a SessionId) -> Statement<'a> {
    Statement::new(
        "SELECT turn.seq, session.name, turn.parent, turn.chain, turn.role, turn.recorded, turn.message
         FROM throughline.sessions AS session
         JOIN throughline.turns AS turn ON turn.scope = $1 AND turn.seq = session.head
         WHERE session.scope = $1 AND session.name = $2",
    )
    .with(key.bytes())
    .with(session.as_str())
}

/// Asks for the newest turn with the last of the chains that any turn has, and those before it in its conversation, nearest
/// first.
pub(crate) fn find_thread<'a>(
    key: &'a ScopeKey,
    session: Option<&'a SessionId>,
    chains: &'a [ChainHash],
    at_most: usize,
) -> Statement<'a> {
    Statement::new(
        "WITH RECURSIVE line AS (
             (SELECT turn.seq, turn.session, turn.parent, turn.chain, turn.role, turn.recorded, turn.message,
                 1::bigint AS place
             FROM throughline.turns AS turn
             JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = turn.session
             WHERE turn.scope = $1 AND turn.chain = ANY($2) AND ($3 IS NULL OR session.name = $3)
             ORDER BY array_position($2, turn.chain) DESC, turn.seq DESC LIMIT 1)
             UNION ALL
             SELECT turn.seq, turn.session, turn.parent, turn.chain, turn.role, turn.recorded, turn.message, place + 1
             FROM line JOIN throughline.turns AS turn ON turn.scope = $1 AND turn.seq = line.parent
             WHERE place < $4 AND turn.seq < line.seq)
         SELECT line.seq, session.name, line.parent, line.chain, line.role, line.recorded, line.message
         FROM line JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = line.session
         ORDER BY place",
    )
    .with(key.bytes())
    .with(chains.iter().map(|chain| &chain.0[..]).collect::<Vec<_>>())
    .with(session.map(SessionId::as_str))
    .with(limit(at_most))
}

pub(crate) async fn turns_by_chain(
    client: &Client,
    scope: &Scope,
    session: Option<&SessionId>,
    chains: &[ChainHash],
) -> Result<Vec<Option<KnownTurn>>, Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new(
        "SELECT DISTINCT ON (turn.chain)
             turn.seq, session.name, turn.parent, turn.chain, turn.role, turn.recorded, turn.message
         FROM throughline.turns AS turn
         JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = turn.session
         WHERE turn.scope = $1 AND turn.chain = ANY($2) AND ($3 IS NULL OR session.name = $3)
         ORDER BY turn.chain, turn.seq DESC",
    )
    .with(key.bytes())
    .with(chains.iter().map(|chain| &chain.0[..]).collect::<Vec<_>>())
    .with(session.map(SessionId::as_str))
    .send(client)
    .await?;
    let found: Vec<KnownTurn> = reply.rows.iter().map(known_turn).collect::<Result<_, _>>()?;
    Ok(chains.iter().map(|chain| found.iter().find(|turn| turn.chain == *chain).cloned()).collect())
}

pub(crate) async fn turns_by_message(
    client: &Client,
    scope: &Scope,
    session: Option<&SessionId>,
    message: MessageHash,
    at_most: usize,
) -> Result<Vec<KnownTurn>, Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new(
        "SELECT turn.seq, session.name, turn.parent, turn.chain, turn.role, turn.recorded, turn.message
         FROM throughline.turns AS turn
         JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = turn.session
         WHERE turn.scope = $1 AND turn.message = $2 AND ($3 IS NULL OR session.name = $3)
         ORDER BY turn.seq DESC LIMIT $4",
    )
    .with(key.bytes())
    .with(&message.0[..])
    .with(session.map(SessionId::as_str))
    .with(limit(at_most))
    .send(client)
    .await?;
    reply.rows.iter().map(known_turn).collect()
}

pub(crate) async fn lineage(
    client: &Client,
    scope: &Scope,
    seq: u64,
    at_most: usize,
) -> Result<Vec<KnownTurn>, Fault> {
    let key = ScopeKey::of(scope);
    let Some(seq) = number(seq) else { return Ok(Vec::new()) };
    // Turns follow older ones: a damaged table cannot lead in a circle.
    let reply = Statement::new(
        "WITH RECURSIVE line AS (
             SELECT seq, session, parent, chain, role, recorded, message, 1::bigint AS place
             FROM throughline.turns WHERE scope = $1 AND seq = $2
             UNION ALL
             SELECT turn.seq, turn.session, turn.parent, turn.chain, turn.role, turn.recorded, turn.message, place + 1
             FROM line JOIN throughline.turns AS turn ON turn.scope = $1 AND turn.seq = line.parent
             WHERE place < $3 AND turn.seq < line.seq)
         SELECT line.seq, session.name, line.parent, line.chain, line.role, line.recorded, line.message
         FROM line JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = line.session
         WHERE place <= $3 ORDER BY place",
    )
    .with(key.bytes())
    .with(seq)
    .with(limit(at_most))
    .send(client)
    .await?;
    reply.rows.iter().map(known_turn).collect()
}
