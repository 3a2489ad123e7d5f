//! Learning jobs: turns of a session that wait to be learned from, and whose turn it is to do so.

use throughline::model::{Scope, SessionId, TenantId, Timestamp};
use throughline::ports::{
    ClaimedJob, CopiedJob, Job, JobClaim, JobDone, JobNumber, JobState, LEASE_RAN_OUT, StoreError,
};
use tokio_postgres::{Client, Row};

use crate::calls::Calls;
use crate::error::Fault;
use crate::journal::time;
use crate::scopes::{self, ScopeKey, limit, unsigned};
use crate::statement::{Reply, Statement, column, text};

/// Turns of one session, and when the first and the newest of them were written.
pub(crate) struct Turns {
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) count: i32,
    pub(crate) created: i64,
    pub(crate) newest: i64,
}

/// Adds turns to the session's waiting job. The caller has the scope's row locked, so nobody else makes one; a worker that takes
/// it at this moment keeps it as it was, and the turns wait in a new one.
pub(crate) fn wait<'a>(
    scope: &'a Scope,
    key: &'a ScopeKey,
    session: i32,
    turns: &Turns,
    due: i64,
) -> Statement<'a> {
    let Turns { first, last, count, created, newest } = turns;
    Statement::new(
        "WITH waiting AS (
             UPDATE throughline.jobs SET first = least(first, $5), last = greatest(last, $6), turns = turns + $7,
                 created = least(created, $8), newest = greatest(newest, $9)
             WHERE scope = $1 AND session = $2 AND state = 0 RETURNING number)
         INSERT INTO throughline.jobs (scope, session, tenant, user_name, first, last, turns, created, newest, state, due)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10 WHERE NOT EXISTS (SELECT FROM waiting)",
    )
    .with(key.bytes())
    .with(session)
    .with(scope.user.tenant.as_str())
    .with(scope.user.user.as_str())
    .with(*first)
    .with(*last)
    .with(*count)
    .with(*created)
    .with(*newest)
    .with(due)
}

/// Sessions with a job that is not dead.
pub(crate) async fn sessions(client: &Client) -> Result<u64, Fault> {
    let reply =
        Statement::new("SELECT count(DISTINCT (scope, session)) FROM throughline.jobs WHERE state <> 3")
            .send(client)
            .await?;
    let count: i64 = column(reply.first().ok_or(Fault::Again)?, 0)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Takes the oldest job that may be taken: whole or not at all, and repeating it is safe.
pub(crate) fn claim(calls: &Calls, claim: &JobClaim) -> Result<Option<ClaimedJob>, StoreError> {
    calls.write(async |transaction| {
        let claimed = transaction
            .commit(vec![take(claim)])
            .await
            .map_err(|fault| if fault.violates("jobs_running") { Fault::Again } else { fault })?;
        let Some(row) = claimed.first().and_then(Reply::first) else { return Ok(None) };
        Ok(Some(ClaimedJob { job: job(row)?, token: u64::try_from(column::<i64>(row, 14)?).unwrap_or(0) }))
    })
}

fn take(claim: &JobClaim) -> Statement<'_> {
    let only = claim.only.as_ref();
    // A running job keeps the others of its scope, also when its lease is over: then it is taken itself. One that waits for
    // its next try keeps those of its session that came after it. Two workers may still choose two jobs of one scope at once;
    // the index `jobs_running` lets one of them have his, and the other looks again.
    Statement::new(
        "WITH candidate AS MATERIALIZED (
             SELECT number FROM throughline.jobs AS job
             WHERE state <> 3 AND CASE state
                 WHEN 0 THEN $1 IS NOT NULL OR due <= $3 AND (newest <= $4 OR turns >= $5)
                 WHEN 1 THEN lease_until <= $3
                 ELSE $1 IS NOT NULL OR due <= $3 END
             AND (state = 1 OR NOT EXISTS (SELECT FROM throughline.jobs AS other
                 WHERE other.scope = job.scope AND (other.state = 1
                     OR other.state = 2 AND other.session = job.session AND other.number < job.number)))
             AND ($1 IS NULL OR tenant = $2 AND user_name = $1)
             ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED),
         taken AS (
             UPDATE throughline.jobs AS job SET attempts = attempts + CASE state WHEN 1 THEN 1 ELSE 0 END,
                 failure = CASE state WHEN 1 THEN $6 ELSE failure END,
                 state = 1, lease_until = $7, token = token + 1
             FROM candidate WHERE job.number = candidate.number
             RETURNING job.number, job.scope, session, first, last, state, attempts, due, created, failure, token)
         SELECT taken.number, tenant, user_name, agent, app, run, name, taken.first, taken.last, state, attempts, due,
             created, failure, token
         FROM taken JOIN throughline.scopes ON scopes.scope = taken.scope
         JOIN throughline.sessions AS session ON session.scope = taken.scope AND session.number = taken.session",
    )
    .with(only.map(|user| user.user.as_str()))
    .with(only.map(|user| user.tenant.as_str()))
    .with(claim.now.as_millisecond())
    .with(claim.quiet_since.as_millisecond())
    .with(i64::try_from(claim.turns_max).unwrap_or(i64::MAX))
    .with(LEASE_RAN_OUT.as_bytes())
    .with(claim.lease_until.as_millisecond())
}

/// Those of a scope, with what is kept of them alone.
pub(crate) async fn of_scope(client: &Client, key: &ScopeKey) -> Result<Vec<CopiedJob>, Fault> {
    let reply = Statement::new(
        "SELECT job.number, scopes.tenant, scopes.user_name, agent, app, run, name, job.first, job.last, state, attempts, due,
             created, failure, job.turns, newest, lease_until, token
         FROM throughline.jobs AS job JOIN throughline.scopes ON scopes.scope = job.scope
         JOIN throughline.sessions AS session ON session.scope = job.scope AND session.number = job.session
         WHERE job.scope = $1 ORDER BY job.number",
    )
    .with(key.bytes())
    .send(client)
    .await?;
    let copied = |row: &Row| {
        Ok(CopiedJob {
            job: job(row)?,
            count: unsigned(column(row, 14)?),
            newest: time(column(row, 15)?)?,
            lease_until: time(column(row, 16)?)?,
            token: u64::try_from(column::<i64>(row, 17)?).unwrap_or(0),
        })
    };
    reply.rows.iter().map(copied).collect()
}

/// From the columns number, tenant, `user_name`, agent, app, run, session's name, first, last, state, attempts, due, created,
/// failure.
fn job(row: &Row) -> Result<Job, Fault> {
    let number: i64 = column(row, 0)?;
    let state: i16 = column(row, 9)?;
    let state = u8::try_from(state).ok().and_then(JobState::from_code);
    Ok(Job {
        number: u64::try_from(number).unwrap_or(0),
        scope: scopes::scope(row, 1)?,
        session: SessionId::new(column::<&str>(row, 6)?)?,
        turns: (unsigned(column(row, 7)?), unsigned(column(row, 8)?)),
        state: state
            .ok_or_else(|| Fault::Damaged(format!("learning job {number} is in a state that is none")))?,
        attempts: u32::try_from(column::<i32>(row, 10)?).unwrap_or(0),
        due: time(column(row, 11)?)?,
        created: time(column(row, 12)?)?,
        failure: column::<Option<&[u8]>>(row, 13)?.map(text).transpose()?,
    })
}

/// See [`throughline::ports::JobStore::put_back_job`].
pub(crate) fn put_back(
    calls: &Calls,
    number: JobNumber,
    token: u64,
    failure: &str,
    due: Timestamp,
) -> Result<(), StoreError> {
    calls.write(async |transaction| {
        let update = Statement::new(
            "UPDATE throughline.jobs SET state = 2, attempts = attempts + 1, failure = $3, due = $4
             WHERE number = $1 AND token = $2 AND state = 1",
        )
        .with(to_i64(number))
        .with(to_i64(token))
        .with(failure.as_bytes())
        .with(due.as_millisecond());
        let [put_back] = transaction.round([update]).await?;
        if put_back.affected == 0 { Err(Fault::Store(StoreError::Conflict)) } else { Ok(()) }
    })
}

/// Looks for a job of the scope that is in the hands of who has its newest token, and for the turns of it that were learned from
/// and that were not.
pub(crate) fn held<'a>(key: &'a ScopeKey, done: &JobDone) -> Statement<'a> {
    let through = i32::try_from(done.through).unwrap_or(i32::MAX);
    Statement::new(
        "SELECT session, learned.*, rest.* FROM (
             SELECT session, first, last FROM throughline.jobs
             WHERE number = $2 AND token = $3 AND state = 1 AND scope = $1 FOR UPDATE) AS job,
         LATERAL (SELECT min(seq), max(seq), count(*)::int, min(recorded), max(recorded) FROM throughline.turns
             WHERE scope = $1 AND turns.session = job.session AND seq BETWEEN job.first AND least(job.last, $4)) AS learned,
         LATERAL (SELECT min(seq), max(seq), count(*)::int, min(recorded), max(recorded) FROM throughline.turns
             WHERE scope = $1 AND turns.session = job.session AND seq BETWEEN job.first AND job.last AND seq > $4) AS rest",
    )
    .with(key.bytes())
    .with(to_i64(done.number))
    .with(to_i64(done.token))
    .with(through)
}

/// Ends the job that [`held`] found. Turns that were not learned from wait again.
pub(crate) fn end<'a>(
    scope: &'a Scope,
    key: &'a ScopeKey,
    done: &'a JobDone,
    held: Option<&Reply>,
    now: Timestamp,
) -> Result<Vec<Statement<'a>>, Fault> {
    let row = held.and_then(Reply::first).ok_or(Fault::Store(StoreError::Conflict))?;
    let number = to_i64(done.number);
    let mut statements = vec![match (&done.dead, turns(row, 1)?) {
        (Some(failure), Some(Turns { first, last, count, created, newest })) => Statement::new(
            "UPDATE throughline.jobs SET state = 3, failure = $2, first = $3, last = $4, turns = $5, created = $6,
             newest = $7 WHERE number = $1",
        )
        .with(number)
        .with(failure.as_bytes())
        .with(first)
        .with(last)
        .with(count)
        .with(created)
        .with(newest),
        _ => Statement::new("DELETE FROM throughline.jobs WHERE number = $1").with(number),
    }];
    if let Some(rest) = turns(row, 6)? {
        statements.push(wait(scope, key, column(row, 0)?, &rest, now.as_millisecond()));
    }
    Ok(statements)
}

/// From five columns of [`held`]; none if these are no turns.
fn turns(row: &Row, at: usize) -> Result<Option<Turns>, Fault> {
    let Some(first) = column(row, at)? else { return Ok(None) };
    Ok(Some(Turns {
        first,
        last: column(row, at + 1)?,
        count: column(row, at + 2)?,
        created: column(row, at + 3)?,
        newest: column(row, at + 4)?,
    }))
}

pub(crate) async fn jobs(
    client: &Client,
    tenant: &TenantId,
    after: JobNumber,
    at_most: usize,
) -> Result<Vec<Job>, Fault> {
    let reply = Statement::new(
        "SELECT job.number, scopes.tenant, scopes.user_name, agent, app, run, name, job.first, job.last, state, attempts, due,
             created, failure
         FROM throughline.jobs AS job JOIN throughline.scopes ON scopes.scope = job.scope
         JOIN throughline.sessions AS session ON session.scope = job.scope AND session.number = job.session
         WHERE job.tenant = $1 AND job.number > $2 ORDER BY job.number LIMIT $3",
    )
    .with(tenant.as_str())
    .with(to_i64(after))
    .with(limit(at_most))
    .send(client)
    .await?;
    reply.rows.iter().map(job).collect()
}

/// See [`throughline::ports::JobStore::replay_job`].
pub(crate) fn replay(
    calls: &Calls,
    tenant: &TenantId,
    number: JobNumber,
    now: Timestamp,
) -> Result<bool, StoreError> {
    calls.write(async |transaction| {
        let update = Statement::new(
            "UPDATE throughline.jobs SET state = 2, attempts = 0, due = $3
             WHERE number = $1 AND tenant = $2 AND state = 3",
        )
        .with(to_i64(number))
        .with(tenant.as_str())
        .with(now.as_millisecond());
        let [replayed] = transaction.round([update]).await?;
        Ok(replayed.affected > 0)
    })
}

/// What a job says went wrong may quote what is being forgotten.
pub(crate) fn forget_failures(key: &ScopeKey) -> Statement<'_> {
    Statement::new("UPDATE throughline.jobs SET failure = NULL WHERE scope = $1 AND failure IS NOT NULL")
        .with(key.bytes())
}

/// No row has a number beyond.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
