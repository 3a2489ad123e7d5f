//! The learning jobs of the model of a store: one list of all, searched from end to end.

use crate::model::{Scope, SessionId, TenantId, Timestamp, UserKey, to_millisecond};
use crate::ports::{
    ClaimedJob, Job, JobClaim, JobDone, JobNumber, JobState, JobStore, LEASE_RAN_OUT, StoreError,
};

use super::ModelStore;

/// A turn's number, and when it was written.
type Written = (u64, Timestamp);

#[derive(Clone)]
struct Kept {
    /// All but what its turns tell.
    job: Job,
    turns: Vec<Written>,
    lease_until: Timestamp,
    token: u64,
}

#[derive(Clone, Default)]
pub(super) struct Jobs {
    kept: Vec<Kept>,
    last: JobNumber,
}

impl Kept {
    fn job(&self) -> Job {
        let numbers = || self.turns.iter().map(|(turn, _)| *turn);
        Job {
            turns: (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0)),
            created: self.turns.iter().map(|(_, written)| *written).min().unwrap_or_default(),
            ..self.job.clone()
        }
    }

    fn is_due(&self, claim: &JobClaim) -> bool {
        let asked_for = claim.only.is_some();
        let quiet = self.turns.iter().all(|(_, written)| *written <= to_millisecond(claim.quiet_since));
        let due = self.job.due <= claim.now;
        match self.job.state {
            JobState::Waiting => asked_for || (due && (quiet || self.turns.len() as u64 >= claim.turns_max)),
            JobState::Running => self.lease_until <= claim.now,
            JobState::Retrying => asked_for || due,
            JobState::Dead => false,
        }
    }
}

impl Jobs {
    /// Adds turns to the session's waiting job.
    pub(super) fn wait(&mut self, scope: &Scope, session: &SessionId, turns: Vec<Written>, due: Timestamp) {
        if turns.is_empty() {
            return;
        }
        let waiting = self.kept.iter_mut().find(|kept| {
            (&kept.job.scope, &kept.job.session, kept.job.state) == (scope, session, JobState::Waiting)
        });
        if let Some(waiting) = waiting {
            waiting.turns.extend(turns);
            return;
        }
        self.last += 1;
        let job = Job {
            number: self.last,
            scope: scope.clone(),
            session: session.clone(),
            turns: (0, 0),
            state: JobState::Waiting,
            attempts: 0,
            due,
            created: due,
            failure: None,
        };
        self.kept.push(Kept { job, turns, lease_until: Timestamp::default(), token: 0 });
    }

    pub(super) fn sessions(&self) -> u64 {
        let open = self.kept.iter().filter(|kept| kept.job.state != JobState::Dead);
        let sessions: std::collections::HashSet<_> =
            open.map(|kept| (&kept.job.scope, &kept.job.session)).collect();
        sessions.len() as u64
    }

    pub(super) fn erase(&mut self, user: &UserKey) -> u64 {
        let before = self.kept.len();
        self.kept.retain(|kept| kept.job.scope.user != *user);
        (before - self.kept.len()) as u64
    }

    /// Failures may quote.
    pub(super) fn forget_failures(&mut self, scope: &Scope) {
        let kept = self.kept.iter_mut().filter(|kept| kept.job.scope == *scope);
        kept.for_each(|kept| kept.job.failure = None);
    }

    fn claim(&mut self, claim: &JobClaim) -> Option<ClaimedJob> {
        let busy: Vec<Scope> = self
            .kept
            .iter()
            .filter(|kept| kept.job.state == JobState::Running)
            .map(|kept| kept.job.scope.clone())
            .collect();
        let retrying: Vec<Job> = self
            .kept
            .iter()
            .map(|kept| kept.job.clone())
            .filter(|job| job.state == JobState::Retrying)
            .collect();
        let must_wait = |job: &Job| {
            let before = |other: &Job| {
                (&other.scope, &other.session) == (&job.scope, &job.session) && other.number < job.number
            };
            busy.contains(&job.scope) || retrying.iter().any(before)
        };
        let taken = self.kept.iter_mut().find(|kept| {
            kept.is_due(claim)
                && claim.only.as_ref().is_none_or(|user| kept.job.scope.user == *user)
                && (kept.job.state == JobState::Running || !must_wait(&kept.job))
        })?;
        if taken.job.state == JobState::Running {
            taken.job.attempts += 1;
            taken.job.failure = Some(LEASE_RAN_OUT.to_owned());
        }
        taken.job.state = JobState::Running;
        taken.lease_until = to_millisecond(claim.lease_until);
        taken.token += 1;
        Some(ClaimedJob { job: taken.job(), token: taken.token })
    }

    /// The place of a job that is in the hands of who has this token.
    fn held(&self, number: JobNumber, token: u64) -> Result<usize, StoreError> {
        let held =
            |kept: &Kept| (kept.job.number, kept.token, kept.job.state) == (number, token, JobState::Running);
        self.kept.iter().position(held).ok_or(StoreError::Conflict)
    }

    /// Ends a job of the scope.
    pub(super) fn end(&mut self, scope: &Scope, done: JobDone, now: Timestamp) -> Result<(), StoreError> {
        let at = self.held(done.number, done.token)?;
        if self.kept[at].job.scope != *scope {
            return Err(StoreError::Conflict);
        }
        let mut ended = self.kept.remove(at);
        let (learned, rest) = ended.turns.into_iter().partition(|(turn, _)| *turn <= done.through);
        ended.turns = learned;
        self.wait(scope, &ended.job.session, rest, to_millisecond(now));
        if done.dead.is_some() && !ended.turns.is_empty() {
            ended.job.state = JobState::Dead;
            ended.job.failure = done.dead;
            self.kept.insert(at, ended);
        }
        Ok(())
    }
}

impl JobStore for ModelStore {
    fn claim_job(&self, claim: &JobClaim) -> Result<Option<ClaimedJob>, StoreError> {
        self.write(|state| Ok(state.jobs.claim(claim)))
    }

    fn put_back_job(
        &self,
        number: JobNumber,
        token: u64,
        failure: &str,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|state| {
            let at = state.jobs.held(number, token)?;
            let job = &mut state.jobs.kept[at].job;
            job.state = JobState::Retrying;
            job.attempts += 1;
            job.failure = Some(failure.to_owned());
            job.due = to_millisecond(due);
            Ok(())
        })
    }

    fn jobs(&self, tenant: &TenantId, after: JobNumber, limit: usize) -> Result<Vec<Job>, StoreError> {
        let state = self.state();
        let jobs = state.jobs.kept.iter().map(Kept::job);
        let jobs = jobs.filter(|job| job.scope.tenant() == tenant && job.number > after);
        Ok(jobs.take(limit).collect())
    }

    fn replay_job(&self, tenant: &TenantId, number: JobNumber, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|state| {
            let mut jobs = state.jobs.kept.iter_mut().map(|kept| &mut kept.job);
            let dead = jobs.find(|job| {
                (job.number, job.state) == (number, JobState::Dead) && job.scope.tenant() == tenant
            });
            let Some(job) = dead else { return Ok(false) };
            job.state = JobState::Retrying;
            job.attempts = 0;
            job.due = to_millisecond(now);
            Ok(true)
        })
    }
}
