//! Writing a part of a scope as it was in another store, in one transaction: see [`Restore`].

use std::collections::BTreeMap;

use throughline::codec::{TurnBody, encode_entry, encode_profile, encode_turn};
use throughline::model::{Entry, Profile, Scope, Tombstone};
use throughline::ports::{
    CopiedJob, CopiedKey, CopiedRow, CopiedTurn, ModelNumber, Record, Restore, ScopeRecord, StoreError,
};

use super::signed_long;
use crate::calls::Calls;
use crate::error::Fault;
use crate::scopes::{self, ScopeKey, next};
use crate::search::{NewRows, Origin};
use crate::statement::{Reply, Statement, column};
use crate::{erase, forget, idempotency, ledger, models, receipts, usage};

/// Writes it, see [`Restore`].
pub(crate) fn restore(calls: &Calls, scope: &Scope, restore: &Restore) -> Result<(), StoreError> {
    let Restore { begin, records, mark } = restore;
    let key = ScopeKey::of(scope);
    calls.fill(async |transaction| {
        let mut asked = Vec::new();
        if let Some(begin) = begin {
            asked.extend(erase::deletions(std::slice::from_ref(&key)));
            asked.push(make(scope, &key, begin)?);
        }
        asked.extend([scopes::lock(&key), models::all(), known_sessions(&key)]);
        let mut found = transaction.all(asked).await?.into_iter().rev();
        let mut answer = || found.next().unwrap_or_default();
        let [sessions, models, row] = [answer(), answer(), answer()];
        // Others of this copy made it; if it is gone, this begins again.
        row.first().ok_or(Fault::Store(StoreError::Conflict))?;
        let mut parts = Parts::new(&key, &sessions, models::read(&models)?.numbers())?;
        for record in records {
            parts.take(scope, record)?;
        }
        let mut statements = parts.statements();
        if let Some(mark) = mark {
            let update = Statement::new("UPDATE throughline.scopes SET copied = $2 WHERE scope = $1");
            statements.push(update.with(key.bytes()).with(&mark[..]));
        }
        transaction.commit(statements).await?;
        Ok(())
    })
}

/// A number within a scope of another store.
fn short(number: u64) -> Result<i32, Fault> {
    i32::try_from(number)
        .map_err(|_| Fault::Damaged(format!("the number {number} is too large for this store")))
}

fn make<'a>(scope: &'a Scope, key: &'a ScopeKey, record: &ScopeRecord) -> Result<Statement<'a>, Fault> {
    let [tenant, user, agent, app, run] = scopes::names(scope);
    let insert = Statement::new(
        "INSERT INTO throughline.scopes (scope, tenant, user_name, agent, app, run, place, generation, last_turn, last_row,
             last_session, last_entry, redactions)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    );
    let insert = insert.with(key.bytes()).with(tenant).with(user).with(agent).with(app).with(run);
    Ok(insert
        .with(signed_long(record.place))
        .with(record.generation.0.cast_signed())
        .with(short(record.last_turn)?)
        .with(short(record.last_row)?)
        .with(short(record.last_session)?)
        .with(short(record.last_entry)?)
        .with(short(record.redactions)?))
}

fn known_sessions(key: &ScopeKey) -> Statement<'_> {
    Statement::new("SELECT name, number FROM throughline.sessions WHERE scope = $1").with(key.bytes())
}

/// What turns of one session change in its row.
struct SessionChange {
    number: i32,
    turns: i32,
    first: i32,
    head: i32,
    earliest: i64,
    latest: i64,
}

/// Records on their way into tables: those that come by the thousand together, column by column.
struct Parts<'a> {
    key: &'a ScopeKey,
    models: Vec<ModelNumber>,
    /// By name, those that were there and those that these turns begin.
    sessions: BTreeMap<String, i32>,
    last_session: i32,
    changes: BTreeMap<i32, (String, SessionChange)>,
    turns: Turns,
    rows: NewRows<'a>,
    outdated: Vec<i32>,
    entries: ledger::Columns,
    others: Vec<Statement<'a>>,
}

#[derive(Default)]
struct Turns {
    seqs: Vec<i32>,
    sessions: Vec<i32>,
    parents: Vec<Option<i32>>,
    roles: Vec<i16>,
    redacted: Vec<bool>,
    times: Vec<i64>,
    recorded: Vec<i64>,
    chains: Vec<Vec<u8>>,
    messages: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
}

impl<'a> Parts<'a> {
    fn new(key: &'a ScopeKey, sessions: &Reply, models: Vec<ModelNumber>) -> Result<Self, Fault> {
        let known = sessions.rows.iter().map(|row| Ok((column(row, 0)?, column(row, 1)?)));
        let sessions = known.collect::<Result<BTreeMap<String, i32>, Fault>>()?;
        Ok(Self {
            key,
            models,
            last_session: sessions.values().copied().max().unwrap_or(0),
            sessions,
            changes: BTreeMap::new(),
            turns: Turns::default(),
            rows: NewRows::default(),
            outdated: Vec::new(),
            entries: ledger::Columns::default(),
            others: Vec::new(),
        })
    }

    fn take(&mut self, scope: &'a Scope, record: &'a Record) -> Result<(), Fault> {
        match record {
            Record::Turn(turn) => self.turn(turn)?,
            Record::Row(row) => self.row(row)?,
            Record::Entry(Entry { number, recorded, by, act }) => {
                self.entries.push(short(*number)?, recorded.as_millisecond(), act, encode_entry(*by, act));
            }
            Record::Profile(profile) => self.others.push(self.profile(profile)?),
            Record::Receipt(receipt) => self.others.push(receipts::keep(self.key, receipt)),
            Record::Tombstone(tombstone) => self.others.push(self.tombstone(tombstone)),
            Record::Key(key) => self.others.push(self.idempotency_key(key)?),
            Record::Job(job) => self.job(scope, job)?,
            Record::Usage(usage) => self.others.push(usage::restore_of_user(&scope.user, usage)),
        }
        Ok(())
    }

    /// Sessions are numbered in the order of their first turns.
    fn turn(&mut self, copied: &CopiedTurn) -> Result<(), Fault> {
        let CopiedTurn { turn, message } = copied;
        let (seq, time) = (short(turn.id.seq)?, turn.time.as_millisecond());
        let name = turn.session.as_str();
        let number = if let Some(known) = self.sessions.get(name) {
            *known
        } else {
            self.last_session = next(self.last_session, "sessions")?;
            self.sessions.insert(name.to_owned(), self.last_session);
            self.last_session
        };
        let first = SessionChange { number, turns: 0, first: seq, head: seq, earliest: time, latest: time };
        let (_, change) = self.changes.entry(number).or_insert_with(|| (name.to_owned(), first));
        change.turns += 1;
        change.head = seq;
        change.earliest = change.earliest.min(time);
        change.latest = change.latest.max(time);

        let body = TurnBody {
            name: turn.name.clone(),
            content: turn.content.clone(),
            metadata: turn.metadata.clone(),
        };
        let turns = &mut self.turns;
        turns.seqs.push(seq);
        turns.sessions.push(number);
        turns.parents.push(turn.parent.map(short).transpose()?);
        turns.roles.push(turn.role.code().into());
        turns.redacted.push(copied.is_redacted());
        turns.times.push(time);
        turns.recorded.push(turn.recorded.as_millisecond());
        turns.chains.push(turn.chain.0.to_vec());
        turns.messages.push(message.0.to_vec());
        turns.bodies.push(encode_turn(body));
        Ok(())
    }

    fn row(&mut self, copied: &'a CopiedRow) -> Result<(), Fault> {
        let CopiedRow { row, read_by, is_outdated } = copied;
        let (number, passage, session) =
            (short(row.number)?, short(row.passage.into())?, short(row.session.into())?);
        let of = Origin { turn: short(row.turn)?, passage, session };
        let unread_by = self.models.iter().filter(|model| !read_by.contains(model)).copied();
        self.rows.push_at(self.key, number, of, &row.body, unread_by);
        if *is_outdated {
            self.outdated.push(number);
        }
        Ok(())
    }

    fn profile(&self, profile: &Profile) -> Result<Statement<'a>, Fault> {
        let insert =
            Statement::new("INSERT INTO throughline.profiles (scope, epoch, body) VALUES ($1, $2, $3)");
        Ok(insert.with(self.key.bytes()).with(short(profile.epoch)?).with(encode_profile(profile)))
    }

    fn tombstone(&self, tombstone: &'a Tombstone) -> Statement<'a> {
        forget::put_tombstones(self.key, std::slice::from_ref(tombstone))
    }

    fn idempotency_key(&self, copied: &'a CopiedKey) -> Result<Statement<'a>, Fault> {
        let CopiedKey { number, key, body, turns, created } = copied;
        Ok(idempotency::insert(self.key, short(*number)?, key, body, turns, created.as_millisecond()))
    }

    /// One of a session that is not there was read from a scope that changed.
    fn job(&mut self, scope: &'a Scope, copied: &'a CopiedJob) -> Result<(), Fault> {
        let CopiedJob { job, count, newest, lease_until, token } = copied;
        let Some(session) = self.sessions.get(job.session.as_str()) else { return Ok(()) };
        let insert = Statement::new(
            "INSERT INTO throughline.jobs (number, scope, session, tenant, user_name, first, last, turns, created, newest, state,
                 attempts, due, lease_until, token, failure)
             OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        );
        let insert = insert
            .with(signed_long(job.number))
            .with(self.key.bytes())
            .with(*session)
            .with(scope.user.tenant.as_str())
            .with(scope.user.user.as_str())
            .with(short(job.turns.0)?)
            .with(short(job.turns.1)?)
            .with(short(*count)?)
            .with(job.created.as_millisecond())
            .with(newest.as_millisecond())
            .with(i16::from(job.state.code()))
            .with(i32::try_from(job.attempts).unwrap_or(i32::MAX))
            .with(job.due.as_millisecond())
            .with(lease_until.as_millisecond())
            .with(signed_long(*token))
            .with(job.failure.as_ref().map(String::as_bytes));
        self.others.push(insert);
        Ok(())
    }

    fn statements(mut self) -> Vec<Statement<'a>> {
        let mut statements = Vec::new();
        if !self.turns.seqs.is_empty() {
            statements.push(session_changes(self.key, self.changes));
            statements.push(self.turns.statement(self.key));
        }
        statements.extend(self.rows.statements());
        if !self.outdated.is_empty() {
            let insert = Statement::new(
                "INSERT INTO throughline.outdated (scope, number) SELECT $1, number FROM unnest($2) AS number",
            );
            statements.push(insert.with(self.key.bytes()).with(self.outdated));
        }
        if let Some(recorded) = self.entries.newest() {
            statements.extend(self.entries.statement(self.key));
            let update = Statement::new("UPDATE throughline.scopes SET last_recorded = $2 WHERE scope = $1");
            statements.push(update.with(self.key.bytes()).with(recorded));
        }
        statements.append(&mut self.others);
        statements
    }
}

fn session_changes(key: &ScopeKey, changes: BTreeMap<i32, (String, SessionChange)>) -> Statement<'_> {
    let (names, changes): (Vec<String>, Vec<SessionChange>) = changes.into_values().unzip();
    let short = |of: fn(&SessionChange) -> i32| changes.iter().map(of).collect::<Vec<_>>();
    let long = |of: fn(&SessionChange) -> i64| changes.iter().map(of).collect::<Vec<_>>();
    Statement::new(
        "INSERT INTO throughline.sessions AS known (scope, number, turns, first, head, earliest, latest, name)
         SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (scope, number) DO UPDATE SET turns = known.turns + excluded.turns, head = excluded.head,
             earliest = least(known.earliest, excluded.earliest), latest = greatest(known.latest, excluded.latest)",
    )
    .with(key.bytes())
    .with(short(|change| change.number))
    .with(short(|change| change.turns))
    .with(short(|change| change.first))
    .with(short(|change| change.head))
    .with(long(|change| change.earliest))
    .with(long(|change| change.latest))
    .with(names)
}

impl Turns {
    fn statement(self, key: &ScopeKey) -> Statement<'_> {
        Statement::new(
            "INSERT INTO throughline.turns (scope, seq, session, parent, role, redacted, time, recorded, chain, message, body)
             SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .with(key.bytes())
        .with(self.seqs)
        .with(self.sessions)
        .with(self.parents)
        .with(self.roles)
        .with(self.redacted)
        .with(self.times)
        .with(self.recorded)
        .with(self.chains)
        .with(self.messages)
        .with(self.bodies)
    }
}
