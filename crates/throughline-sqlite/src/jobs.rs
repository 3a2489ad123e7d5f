//! Learning jobs: turns of a session that wait to be learned from, and whose turn it is to do so.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use throughline::model::{SessionId, TenantId, Timestamp};
use throughline::ports::{
    ClaimedJob, CopiedJob, Job, JobClaim, JobDone, JobNumber, JobState, LEASE_RAN_OUT, StoreError,
};

use crate::error::Fault;
use crate::journal::time;
use crate::number::{ScopeNumber, within};
use crate::scopes;

/// Turns of one session, and when the first and the newest of them were written.
pub(crate) struct Turns {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) count: i64,
    pub(crate) created: i64,
    pub(crate) newest: i64,
}

/// Adds turns to the session's waiting job; `session` is its key.
pub(crate) fn wait(connection: &Connection, session: i64, turns: &Turns, due: i64) -> Result<(), Fault> {
    let Turns { first, last, count, created, newest } = turns;
    let mut statement = connection.prepare_cached(
        "UPDATE jobs SET first = min(first, ?), last = max(last, ?), turns = turns + ?,
         created = min(created, ?), newest = max(newest, ?) WHERE session = ? AND state = 0",
    )?;
    if statement.execute(params![first, last, count, created, newest, session])? == 0 {
        let mut statement = connection.prepare_cached(
            "INSERT INTO jobs (session, first, last, turns, created, newest, state, due)
             VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
        )?;
        statement.execute(params![session, first, last, count, created, newest, due])?;
    }
    Ok(())
}

/// Sessions with a job that is not dead.
pub(crate) fn sessions(connection: &Connection) -> Result<u64, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT count(DISTINCT session) FROM jobs WHERE state <> 3")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The number of the job that a worker may take.
pub(crate) fn claimable(connection: &Connection, claim: &JobClaim) -> Result<Option<JobNumber>, Fault> {
    // A running job keeps the others of its scope, also when its lease is over: then it is taken itself. One that waits for
    // its next try keeps those of its session that came after it.
    let mut statement = connection.prepare_cached(
        "SELECT number FROM jobs AS job
         WHERE CASE state
             WHEN 0 THEN :user IS NOT NULL OR due <= :now AND (newest <= :quiet_since OR turns >= :turns_max)
             WHEN 1 THEN lease_until <= :now
             WHEN 2 THEN :user IS NOT NULL OR due <= :now
             ELSE 0 END
         AND (state = 1 OR NOT EXISTS (SELECT 1 FROM jobs AS other
             WHERE other.state = 1 AND other.session >> 32 = job.session >> 32
                 OR other.state = 2 AND other.session = job.session AND other.number < job.number))
         AND (:user IS NULL
             OR session >> 32 IN (SELECT scope FROM scopes WHERE tenant = :tenant AND user = :user))
         ORDER BY number LIMIT 1",
    )?;
    let only = claim.only.as_ref();
    let values = named_params! {
        ":now": claim.now.as_millisecond(),
        ":quiet_since": claim.quiet_since.as_millisecond(),
        ":turns_max": i64::try_from(claim.turns_max).unwrap_or(i64::MAX),
        ":tenant": only.map(|user| user.tenant.as_str()),
        ":user": only.map(|user| user.user.as_str()),
    };
    Ok(statement.query_row(values, |row| row.get(0)).optional()?)
}

/// Takes it.
pub(crate) fn claim(connection: &Connection, claim: &JobClaim) -> Result<Option<ClaimedJob>, Fault> {
    let Some(number) = claimable(connection, claim)? else { return Ok(None) };
    let mut statement = connection.prepare_cached(
        "UPDATE jobs SET attempts = attempts + (state = 1), failure = iif(state = 1, ?, failure),
         state = 1, lease_until = ?, token = token + 1 WHERE number = ? RETURNING token",
    )?;
    let lease_until = claim.lease_until.as_millisecond();
    let token = statement.query_row(params![LEASE_RAN_OUT, lease_until, number], |row| row.get(0))?;
    let mut statement = connection.prepare_cached(&format!("{JOB} WHERE number = ?"))?;
    let mut rows = statement.query([number])?;
    let job = rows.next()?.map(|row| job(connection, row)).transpose()?;
    Ok(job.map(|job| ClaimedJob { job, token }))
}

/// See [`throughline::ports::JobStore::put_back_job`].
pub(crate) fn put_back(
    connection: &Connection,
    number: JobNumber,
    token: u64,
    failure: &str,
    due: Timestamp,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "UPDATE jobs SET state = 2, attempts = attempts + 1, failure = ?, due = ?
         WHERE number = ? AND token = ? AND state = 1",
    )?;
    match statement.execute(params![failure, due.as_millisecond(), to_i64(number), to_i64(token)])? {
        0 => Err(Fault::Store(StoreError::Conflict)),
        _ => Ok(()),
    }
}

/// Ends a job of the scope that is in the hands of who has its newest token. Turns that were not learned from wait again.
pub(crate) fn end(
    connection: &Connection,
    scope: ScopeNumber,
    done: &JobDone,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT session, first, last FROM jobs WHERE number = ? AND token = ? AND state = 1 AND session >> 32 = ?",
    )?;
    let number = to_i64(done.number);
    let held: Option<(i64, u32, u32)> = statement
        .query_row(params![number, to_i64(done.token), scope.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((session, first, last)) = held else { return Err(Fault::Store(StoreError::Conflict)) };
    let through = u32::try_from(done.through).unwrap_or(u32::MAX);
    let learned = turns(connection, session, first, last.min(through))?;
    match (&done.dead, learned) {
        (Some(failure), Some(Turns { first, last, count, created, newest })) => {
            let mut statement = connection.prepare_cached(
                "UPDATE jobs SET state = 3, failure = ?, first = ?, last = ?, turns = ?, created = ?, newest = ?
                 WHERE number = ?",
            )?;
            statement.execute(params![failure, first, last, count, created, newest, number])?;
        }
        _ => {
            connection.prepare_cached("DELETE FROM jobs WHERE number = ?")?.execute([number])?;
        }
    }
    if let Some(rest) = turns(connection, session, first.max(through.saturating_add(1)), last)? {
        wait(connection, session, &rest, now.as_millisecond())?;
    }
    Ok(())
}

/// A session's turns with numbers from `first` to `last`, if there are any.
fn turns(connection: &Connection, session: i64, first: u32, last: u32) -> Result<Option<Turns>, Fault> {
    let scope = ScopeNumber::of(session);
    let mut statement = connection.prepare_cached(
        "SELECT min(turn), max(turn), count(*), min(recorded), max(recorded) FROM turns
         WHERE turn BETWEEN ? AND ? AND session = ? HAVING count(*) > 0",
    )?;
    let found = statement.query_row(params![scope.key(first), scope.key(last), within(session)], |row| {
        Ok(Turns {
            first: within(row.get(0)?),
            last: within(row.get(1)?),
            count: row.get(2)?,
            created: row.get(3)?,
            newest: row.get(4)?,
        })
    });
    Ok(found.optional()?)
}

const JOB: &str =
    "SELECT number, jobs.session, name, jobs.first, jobs.last, state, attempts, due, created, failure
    FROM jobs JOIN sessions USING (session)";

/// From the columns of [`JOB`].
fn job(connection: &Connection, row: &Row<'_>) -> Result<Job, Fault> {
    let number = row.get(0)?;
    let damaged = |what: &str| Fault::Damaged(format!("learning job {number} {what}"));
    let scope = scopes::of_number(connection, ScopeNumber::of(row.get(1)?))?
        .ok_or_else(|| damaged("is of a scope that is not there"))?;
    Ok(Job {
        number,
        scope,
        session: SessionId::new(row.get::<_, String>(2)?)?,
        turns: (row.get::<_, u32>(3)?.into(), row.get::<_, u32>(4)?.into()),
        state: JobState::from_code(row.get(5)?).ok_or_else(|| damaged("is in a state that is none"))?,
        attempts: row.get(6)?,
        due: time(row.get(7)?)?,
        created: time(row.get(8)?)?,
        failure: row.get(9)?,
    })
}

/// Those of a scope, with what is kept of them alone.
pub(crate) fn of_scope(connection: &Connection, scope: ScopeNumber) -> Result<Vec<CopiedJob>, Fault> {
    let sql = JOB.replacen("failure", "failure, jobs.turns, newest, lease_until, token", 1);
    let mut statement =
        connection.prepare_cached(&format!("{sql} WHERE jobs.session BETWEEN ? AND ? ORDER BY number"))?;
    let mut rows = statement.query(scope.keys())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(CopiedJob {
            job: job(connection, row)?,
            count: row.get(10)?,
            newest: time(row.get(11)?)?,
            lease_until: time(row.get(12)?)?,
            token: row.get(13)?,
        });
    }
    Ok(found)
}

pub(crate) fn jobs(
    connection: &Connection,
    tenant: &TenantId,
    after: JobNumber,
    limit: usize,
) -> Result<Vec<Job>, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "{JOB} JOIN scopes ON scopes.scope = jobs.session >> 32
         WHERE number > ? AND tenant = ? ORDER BY number LIMIT ?"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![to_i64(after), tenant.as_str(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(job(connection, row)?);
    }
    Ok(found)
}

/// See [`throughline::ports::JobStore::replay_job`].
pub(crate) fn replay(
    connection: &Connection,
    tenant: &TenantId,
    number: JobNumber,
    now: Timestamp,
) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(
        "UPDATE jobs SET state = 2, attempts = 0, due = ? WHERE number = ? AND state = 3
         AND session >> 32 IN (SELECT scope FROM scopes WHERE tenant = ?)",
    )?;
    Ok(statement.execute(params![now.as_millisecond(), to_i64(number), tenant.as_str()])? > 0)
}

/// What a job says went wrong may quote what is being forgotten.
pub(crate) fn forget_failures(connection: &Connection, scope: ScopeNumber) -> Result<(), Fault> {
    let mut statement =
        connection.prepare_cached("UPDATE jobs SET failure = NULL WHERE session BETWEEN ? AND ?")?;
    statement.execute(scope.keys())?;
    Ok(())
}

/// No row has a number beyond.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
