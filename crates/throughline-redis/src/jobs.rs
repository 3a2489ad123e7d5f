//! Learning jobs: turns of a session that wait to be learned from, and whose turn it is to do so.

use std::collections::{HashMap, HashSet};

use redis::Value;
use throughline::model::{Scope, TenantId, Timestamp};
use throughline::ports::{
    ClaimedJob, Job, JobClaim, JobDone, JobNumber, JobState, LEASE_RAN_OUT, StoreError,
};

use crate::append::wait;
use crate::client::Call;
use crate::error::Fault;
use crate::job_index::Indexed;
use crate::job_record::{JobRecord, Jobs, Turns};
use crate::keys::Part;
use crate::reply;
use crate::store::RedisStore;
use crate::writing::{Decision, Writing};

/// Jobs that are looked at in one go.
const JOBS_PER_READ_MAX: usize = 256;

/// How often a search for a job begins again because others took what it found.
const SEARCHES_MAX: u32 = 16;

impl RedisStore {
    pub(crate) fn claim_job(&self, claim: &JobClaim) -> Result<Option<ClaimedJob>, Fault> {
        for _ in 0..SEARCHES_MAX {
            let scope = match &claim.only {
                Some(user) => {
                    let scopes = self.scopes_of(user)?.into_iter().map(|keys| keys.place).collect();
                    let jobs = self.jobs_at(scopes)?;
                    let claimable =
                        jobs.iter().filter_map(|(place, jobs)| Some((jobs.claimable(claim)?, place)));
                    claimable.min().map(|(_, place)| place.clone())
                }
                None => self.claimable(claim)?,
            };
            let Some(place) = scope else { return Ok(None) };
            let (scope, _) = self.keys.scope_at(&place)?;
            if let Some(claimed) = self.claim_of(&scope, claim)? {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    /// The scope with the oldest job that may be taken.
    fn claimable(&self, claim: &JobClaim) -> Result<Option<String>, Fault> {
        let mut jobs: HashMap<String, Jobs> = HashMap::new();
        let mut after = 0;
        loop {
            let live = self.live_jobs(after, JOBS_PER_READ_MAX)?;
            let new =
                live.iter().map(|indexed| indexed.place.clone()).filter(|place| !jobs.contains_key(place));
            jobs.extend(self.jobs_at(new.collect())?);
            for indexed in &live {
                let known = jobs.get_mut(&indexed.place).and_then(|jobs| jobs.get(indexed.number));
                let is_dead = known.map(|job| job.state == JobState::Dead);
                if is_dead != Some(false) {
                    self.forget_job(indexed, is_dead.is_some())?;
                } else if jobs.get(&indexed.place).and_then(|jobs| jobs.claimable(claim))
                    == Some(indexed.number)
                {
                    return Ok(Some(indexed.place.clone()));
                }
            }
            match live.last() {
                Some(last) if live.len() == JOBS_PER_READ_MAX => after = last.number,
                _ => return Ok(None),
            }
        }
    }

    /// The jobs of scopes, by the places of these.
    fn jobs_at(&self, places: HashSet<String>) -> Result<HashMap<String, Jobs>, Fault> {
        let places: Vec<String> = places.into_iter().collect();
        let call = |place: &String| {
            let (_, keys) = self.keys.scope_at(place)?;
            Ok(Call::plain("HGETALL", &keys.key(Part::Jobs), &[]))
        };
        let calls = places.iter().map(call).collect::<Result<Vec<_>, Fault>>()?;
        let jobs = self.client.read_all(&calls)?.into_iter().map(Jobs::read);
        places.into_iter().zip(jobs).map(|(place, jobs)| Ok((place, jobs?))).collect()
    }

    /// Takes the scope's job that may be taken, if there is still one.
    fn claim_of(&self, scope: &Scope, claim: &JobClaim) -> Result<Option<ClaimedJob>, Fault> {
        self.write_jobs(scope, |writing, mut jobs| {
            let Some(number) = jobs.claimable(claim) else { return Ok(Decision::Read(None)) };
            let Some(job) = jobs.get(number) else { return Ok(Decision::Read(None)) };
            if job.state == JobState::Running {
                job.attempts += 1;
                job.failure = Some(LEASE_RAN_OUT.to_owned());
            }
            job.state = JobState::Running;
            job.lease_until = claim.lease_until.as_millisecond();
            job.token += 1;
            writing.set(Part::Jobs, number.to_string(), job.pack());
            Ok(Decision::Write(Some(ClaimedJob { job: job.job(number, scope)?, token: job.token })))
        })
    }

    fn write_jobs<T>(
        &self,
        scope: &Scope,
        mut decide: impl FnMut(&mut Writing<'_>, Jobs) -> Result<Decision<T>, Fault>,
    ) -> Result<T, Fault> {
        self.write_scope(
            scope,
            |view, keys| view.ask("HGETALL", &keys.key(Part::Jobs), &[]),
            |writing, answers| {
                let [jobs] = reply::answers(Value::Array(answers))?;
                decide(writing, Jobs::read(jobs)?)
            },
        )
    }

    pub(crate) fn put_back_job(
        &self,
        number: JobNumber,
        token: u64,
        failure: &str,
        due: Timestamp,
    ) -> Result<(), Fault> {
        let indexed = self.indexed_job(number)?.ok_or(Fault::Store(StoreError::Conflict))?;
        let (scope, _) = self.keys.scope_at(&indexed.place)?;
        self.write_jobs(&scope, |writing, mut jobs| {
            let job = jobs.get(number).filter(|job| job.is_held(token));
            let job = job.ok_or(Fault::Store(StoreError::Conflict))?;
            job.state = JobState::Retrying;
            job.attempts += 1;
            job.failure = Some(failure.to_owned());
            job.due = due.as_millisecond();
            writing.set(Part::Jobs, number.to_string(), job.pack());
            Ok(Decision::Write(()))
        })
    }

    pub(crate) fn jobs(&self, tenant: &TenantId, after: JobNumber, limit: usize) -> Result<Vec<Job>, Fault> {
        let (mut found, mut after) = (Vec::new(), after);
        while found.len() < limit {
            let page = self.jobs_of_tenant(tenant, after, JOBS_PER_READ_MAX)?;
            let read = |indexed: &Indexed| {
                let (scope, keys) = self.keys.scope_at(&indexed.place)?;
                let number = indexed.number.to_string();
                Ok((scope, Call::plain("HGET", &keys.key(Part::Jobs), &[number.as_bytes()])))
            };
            let (scopes, calls): (Vec<_>, Vec<_>) =
                page.iter().map(read).collect::<Result<Vec<_>, Fault>>()?.into_iter().unzip();
            for ((indexed, scope), record) in page.iter().zip(scopes).zip(self.client.read_all(&calls)?) {
                if let (Some(record), true) = (reply::bytes(record)?, found.len() < limit) {
                    found.push(JobRecord::read(&record)?.job(indexed.number, &scope)?);
                }
            }
            match page.last() {
                Some(last) if page.len() == JOBS_PER_READ_MAX => after = last.number,
                _ => break,
            }
        }
        Ok(found)
    }

    pub(crate) fn replay_job(
        &self,
        tenant: &TenantId,
        number: JobNumber,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Some(indexed) = self.indexed_job(number)? else { return Ok(false) };
        let (scope, _) = self.keys.scope_at(&indexed.place)?;
        if scope.tenant() != tenant {
            return Ok(false);
        }
        self.write_jobs(&scope, |writing, mut jobs| {
            let Some(job) = jobs.get(number).filter(|job| job.state == JobState::Dead) else {
                return Ok(Decision::Read(false));
            };
            job.state = JobState::Retrying;
            job.attempts = 0;
            job.due = now.as_millisecond();
            writing.set(Part::Jobs, number.to_string(), job.pack());
            writing.before.push(self.wake_job_call(tenant, number));
            Ok(Decision::Write(true))
        })
    }

    /// Ends a job of the scope that is in the hands of who has its newest token. Turns that were not learned from wait again.
    pub(crate) fn end_job(
        &self,
        writing: &mut Writing<'_>,
        mut jobs: Jobs,
        done: &JobDone,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let at = jobs.0.iter().position(|(number, job)| *number == done.number && job.is_held(done.token));
        let (number, mut job) = jobs.0.remove(at.ok_or(Fault::Store(StoreError::Conflict))?);
        let (first, last) = (u64::from(job.turns.first), u64::from(job.turns.last));
        let heads = self.session_heads(writing.keys, &job.session, first, last)?;
        let tenant = writing.scope.tenant();
        let learned = Turns::of(&heads, first, last.min(done.through))?;
        if let (Some(failure), Some(learned)) = (&done.dead, learned) {
            job.state = JobState::Dead;
            job.failure = Some(failure.clone());
            job.turns = learned;
            writing.set(Part::Jobs, number.to_string(), job.pack());
            let indexed = self.indexed_job(number)?;
            writing.after.extend(indexed.map(|indexed| self.rest_job_call(tenant, &indexed)));
        } else {
            writing.delete(Part::Jobs, number.to_string());
            writing.after.push(self.remove_job_call(tenant, number));
        }
        if let Some(rest) = Turns::of(&heads, first.max(done.through.saturating_add(1)), last)? {
            wait(writing, &job.session, rest, now.as_millisecond(), &mut jobs);
        }
        Ok(())
    }

    pub(crate) fn outbox_count(&self) -> Result<u64, Fault> {
        let (mut sessions, mut after) = (HashSet::new(), 0);
        loop {
            let live = self.live_jobs(after, JOBS_PER_READ_MAX)?;
            let last = live.last().filter(|_| live.len() == JOBS_PER_READ_MAX).map(|last| last.number);
            sessions.extend(live.into_iter().map(|indexed| (indexed.place, indexed.session)));
            match last {
                Some(last) => after = last,
                None => return Ok(sessions.len() as u64),
            }
        }
    }
}
