//! Appending turns: journal, search rows, session, learning job, receipt and idempotency key, in one transaction of two round
//! trips: one that locks and asks, one that writes and commits.

use throughline::codec::{TurnBody, encode_turn};
use throughline::model::{ChainHash, Scope, Timestamp};
use throughline::ports::{Append, Appended, AppendedTurn, ModelNumber, Parent, StoreError, TurnDraft};
use tokio_postgres::Row;

use crate::calls::Calls;
use crate::error::Fault;
use crate::jobs::Turns;
use crate::scopes::{self, ScopeKey, ScopeRow, next, unsigned};
use crate::search::NewRows;
use crate::statement::{Reply, Statement, column, hash};
use crate::{idempotency, jobs, models, receipts};

/// A session while turns are added to it.
struct SessionRow {
    number: i32,
    turns: i32,
    first: i32,
    head: i32,
    earliest: i64,
    latest: i64,
}

/// What the next turn follows.
#[derive(Clone, Copy)]
struct Place {
    parent: Option<i32>,
    chain: ChainHash,
}

/// See [`Append`].
pub(crate) fn append(calls: &Calls, scope: &Scope, append: &Append) -> Result<Appended, StoreError> {
    let key = ScopeKey::of(scope);
    let chains = chains(append);
    calls.write(async |transaction| {
        let mut asked = vec![
            scopes::create(scope, &key),
            scopes::lock(&key),
            models::all(),
            find_session(&key, append),
            find_chains(&key, append, &chains),
        ];
        asked.extend(idempotency::find(&key, append.idempotency.as_ref()));
        let found = transaction.all(asked).await?;
        let mut row = scopes::locked(found[1].first())?;
        let idempotency = match (&append.idempotency, found.get(5).and_then(Reply::first)) {
            (Some(idempotency), Some(row)) => {
                Some((idempotency, idempotency::Found::read(row, idempotency)?))
            }
            _ => None,
        };
        if let Some((_, idempotency::Found { earlier: Some(turns), .. })) = idempotency {
            transaction.roll_back().await?;
            return Ok(Appended { generation: row.generation, turns });
        }
        let mut statements: Vec<Statement<'_>> =
            append.receipt.iter().map(|receipt| receipts::keep(&key, receipt)).collect();
        let mut adding = Adding::new(append, &found[3], &known(&found[4])?)?;
        let models = models::read(&found[2])?.numbers();
        statements.extend(adding.write(scope, &key, &mut row, &models)?);
        if let Some((idempotency, found)) = idempotency {
            statements.extend(found.keep(&key, idempotency, &adding.done, append.now)?);
        }
        transaction.commit(statements).await?;
        Ok(Appended { generation: row.generation, turns: adding.done })
    })
}

/// The chains that the turns may be known by. None where they follow the head: nothing follows it yet.
fn chains(append: &Append) -> Vec<ChainHash> {
    let Parent::Chain(parent) = append.parent else { return Vec::new() };
    let mut chains = vec![parent];
    chains.extend(append.turns.iter().scan(parent, |chain, draft| {
        *chain = chain.then(draft.message());
        Some(*chain)
    }));
    chains
}

/// The session, with the chain of its newest turn.
fn find_session<'a>(key: &'a ScopeKey, append: &'a Append) -> Statement<'a> {
    Statement::new(
        "SELECT session.number, session.turns, first, head, earliest, latest, chain FROM throughline.sessions AS session
         JOIN throughline.turns AS turn ON turn.scope = $1 AND turn.seq = head WHERE session.scope = $1 AND name = $2",
    )
    .with(key.bytes())
    .with(append.session.as_str())
}

/// Those of the chains that the session has.
fn find_chains<'a>(key: &'a ScopeKey, append: &'a Append, chains: &'a [ChainHash]) -> Statement<'a> {
    Statement::new(
        "SELECT chain, seq FROM throughline.turns AS turn
         JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = turn.session
         WHERE turn.scope = $1 AND name = $2 AND chain = ANY($3)",
    )
    .with(key.bytes())
    .with(append.session.as_str())
    .with(chains.iter().map(|chain| &chain.0[..]).collect::<Vec<_>>())
}

fn known(reply: &Reply) -> Result<Vec<(ChainHash, i32)>, Fault> {
    reply.rows.iter().map(|row| Ok((ChainHash(hash(row, 0)?), column(row, 1)?))).collect()
}

/// An append on its way: which turns were known, and what is left to write.
struct Adding<'a> {
    append: &'a Append,
    session: Option<SessionRow>,
    place: Place,
    new: &'a [TurnDraft],
    done: Vec<AppendedTurn>,
}

impl<'a> Adding<'a> {
    fn new(append: &'a Append, session: &Reply, known: &[(ChainHash, i32)]) -> Result<Self, Fault> {
        let found = session.first();
        let mut place = place(append.parent, found, known)?;
        let (mut new, mut done) = (&append.turns[..], Vec::with_capacity(append.turns.len()));
        // A chain covers all before it: once one is new, all after it are.
        while let [draft, rest @ ..] = new {
            let chain = place.chain.then(draft.message());
            let Some((_, seq)) = known.iter().find(|(known, _)| *known == chain) else { break };
            place = Place { parent: Some(*seq), chain };
            done.push(AppendedTurn { seq: unsigned(*seq), known: true });
            new = rest;
        }
        let session = found.map(SessionRow::read).transpose()?;
        Ok(Self { append, session, place, new, done })
    }

    /// What writes the new turns, with all that belongs to them.
    fn write(
        &mut self,
        scope: &'a Scope,
        key: &'a ScopeKey,
        row: &mut ScopeRow,
        models: &[ModelNumber],
    ) -> Result<Vec<Statement<'a>>, Fault> {
        if self.new.is_empty() {
            return Ok(Vec::new());
        }
        let is_new = self.session.is_none();
        let mut session = match self.session.take() {
            Some(session) => session,
            None => SessionRow::new(row)?,
        };
        let first = row.last_turn + 1;
        let (mut turns, mut rows) = (NewTurns::default(), NewRows::default());
        for draft in self.new {
            row.last_turn = next(row.last_turn, "turns")?;
            let seq = row.last_turn;
            self.place = turns.push(seq, self.place, draft);
            rows.push_passages(key, row, seq, session.number, &draft.passages, models)?;
            session.add(seq, draft.time);
            self.done.push(AppendedTurn { seq: unsigned(seq), known: false });
        }
        let now = self.append.now.as_millisecond();
        let last = row.last_turn;
        let new = Turns { first, last, count: last - first + 1, created: now, newest: now };
        let mut statements = vec![turns.statement(key, session.number, now)];
        statements.extend(rows.statements());
        statements.push(session.save(key, is_new.then_some(self.append.session.as_str())));
        statements.push(jobs::wait(scope, key, session.number, &new, now));
        statements.push(scopes::save(key, row));
        Ok(statements)
    }
}

fn place(parent: Parent, session: Option<&Row>, known: &[(ChainHash, i32)]) -> Result<Place, Fault> {
    const BEGINNING: Place = Place { parent: None, chain: ChainHash::ROOT };
    match (parent, session) {
        (Parent::Chain(ChainHash::ROOT), _) | (Parent::Head, None) => Ok(BEGINNING),
        (Parent::Head, Some(row)) => {
            Ok(Place { parent: Some(column(row, 3)?), chain: ChainHash(hash(row, 6)?) })
        }
        (Parent::Chain(chain), _) => match known.iter().find(|(known, _)| *known == chain) {
            Some((_, parent)) => Ok(Place { parent: Some(*parent), chain }),
            None => Err(Fault::Store(StoreError::Conflict)),
        },
    }
}

impl SessionRow {
    /// From the columns of [`find_session`].
    fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            number: column(row, 0)?,
            turns: column(row, 1)?,
            first: column(row, 2)?,
            head: column(row, 3)?,
            earliest: column(row, 4)?,
            latest: column(row, 5)?,
        })
    }

    fn new(scope: &mut ScopeRow) -> Result<Self, Fault> {
        scope.last_session = next(scope.last_session, "sessions")?;
        let number = scope.last_session;
        Ok(Self { number, turns: 0, first: 0, head: 0, earliest: i64::MAX, latest: i64::MIN })
    }

    fn add(&mut self, seq: i32, time: Timestamp) {
        let time = time.as_millisecond();
        self.turns += 1;
        self.head = seq;
        if self.first == 0 {
            self.first = seq;
        }
        self.earliest = self.earliest.min(time);
        self.latest = self.latest.max(time);
    }

    /// `name` is set for a session that has no row yet.
    fn save<'a>(&self, key: &'a ScopeKey, name: Option<&'a str>) -> Statement<'a> {
        match name {
            Some(name) => Statement::new(
                "INSERT INTO throughline.sessions (scope, number, turns, first, head, earliest, latest, name)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .with_all(key, self)
            .with(name),
            None => Statement::new(
                "UPDATE throughline.sessions SET turns = $3, first = $4, head = $5, earliest = $6, latest = $7
                 WHERE scope = $1 AND number = $2",
            )
            .with_all(key, self),
        }
    }
}

impl<'a> Statement<'a> {
    fn with_all(self, key: &'a ScopeKey, session: &SessionRow) -> Self {
        let SessionRow { number, turns, first, head, earliest, latest } = *session;
        self.with(key.bytes()).with(number).with(turns).with(first).with(head).with(earliest).with(latest)
    }
}

/// Turns about to be written, column by column.
#[derive(Default)]
struct NewTurns {
    seqs: Vec<i32>,
    parents: Vec<Option<i32>>,
    roles: Vec<i16>,
    redacted: Vec<bool>,
    times: Vec<i64>,
    chains: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
}

impl NewTurns {
    /// Adds a turn; returns the place after it.
    fn push(&mut self, seq: i32, place: Place, draft: &TurnDraft) -> Place {
        let message = draft.message();
        let chain = place.chain.then(message);
        let TurnDraft { role, name, content, time, metadata, .. } = draft.clone();
        self.seqs.push(seq);
        self.parents.push(place.parent);
        self.roles.push(role.code().into());
        self.redacted.push(draft.said.is_some());
        self.times.push(time.as_millisecond());
        self.chains.push(chain.0.to_vec());
        self.messages.push(message.0.to_vec());
        self.bodies.push(encode_turn(TurnBody { name, content, metadata }));
        Place { parent: Some(seq), chain }
    }

    fn statement(self, key: &ScopeKey, session: i32, now: i64) -> Statement<'_> {
        Statement::new(
            "INSERT INTO throughline.turns
                 (scope, session, recorded, seq, parent, role, redacted, time, chain, message, body)
             SELECT $1, $2, $3, * FROM unnest($4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .with(key.bytes())
        .with(session)
        .with(now)
        .with(self.seqs)
        .with(self.parents)
        .with(self.roles)
        .with(self.redacted)
        .with(self.times)
        .with(self.chains)
        .with(self.messages)
        .with(self.bodies)
    }
}
