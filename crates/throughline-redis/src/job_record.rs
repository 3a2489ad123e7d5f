//! A learning job as its scope has it.

use throughline::model::{Scope, SessionId};
use throughline::ports::{Job, JobClaim, JobNumber, JobState};

use crate::bytes::{Packed, Unpacked};
use crate::error::Fault;
use crate::journal::{Shown, time};

/// Turns of one session, and when the first and the newest of them were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turns {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) count: u32,
    pub(crate) created: i64,
    pub(crate) newest: i64,
}

impl Turns {
    /// Those of the heads with numbers from `first` to `last`, if there are any.
    pub(crate) fn of(heads: &[Shown], first: u64, last: u64) -> Result<Option<Self>, Fault> {
        let mut found: Option<Self> = None;
        for shown in heads.iter().filter(|shown| (first..=last).contains(&shown.seq)) {
            let recorded = shown.head()?.recorded;
            let seq = u32::try_from(shown.seq).unwrap_or(u32::MAX);
            let one = Self { first: seq, last: seq, count: 1, created: recorded, newest: recorded };
            found = Some(found.map_or(one, |known| known.and(one)));
        }
        Ok(found)
    }

    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            count: self.count + other.count,
            created: self.created.min(other.created),
            newest: self.newest.max(other.newest),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobRecord {
    pub(crate) session: SessionId,
    pub(crate) turns: Turns,
    pub(crate) state: JobState,
    pub(crate) attempts: u32,
    pub(crate) due: i64,
    pub(crate) lease_until: i64,
    pub(crate) token: u64,
    pub(crate) failure: Option<String>,
}

impl JobRecord {
    pub(crate) fn waiting(session: SessionId, turns: Turns, due: i64) -> Self {
        let state = JobState::Waiting;
        Self { session, turns, state, attempts: 0, due, lease_until: 0, token: 0, failure: None }
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        let Self { session, turns, state, attempts, due, lease_until, token, failure } = self;
        let Turns { first, last, count, created, newest } = turns;
        let record = Packed::default().u32(*first).u32(*last).u32(*count).i64(*created).i64(*newest);
        let record = record.u8(state.code()).u32(*attempts).i64(*due).i64(*lease_until).u64(*token);
        let record = record.name(session.as_str());
        match failure {
            None => record.u8(0).0,
            Some(failure) => record.u8(1).bytes(failure.as_bytes()).0,
        }
    }

    pub(crate) fn read(record: &[u8]) -> Result<Self, Fault> {
        let mut read = Unpacked::new("a learning job", record);
        let turns = Turns {
            first: read.u32()?,
            last: read.u32()?,
            count: read.u32()?,
            created: read.i64()?,
            newest: read.i64()?,
        };
        let state = read.u8()?;
        let state = JobState::from_code(state)
            .ok_or_else(|| Fault::Damaged(format!("a learning job has the state {state}, which is none")))?;
        let (attempts, due, lease_until, token) = (read.u32()?, read.i64()?, read.i64()?, read.u64()?);
        let session = SessionId::new(read.name()?)?;
        let failure = read.u8()? == 1;
        let failure = failure.then(|| String::from_utf8_lossy(read.rest()).into_owned());
        Ok(Self { session, turns, state, attempts, due, lease_until, token, failure })
    }

    pub(crate) fn job(&self, number: JobNumber, scope: &Scope) -> Result<Job, Fault> {
        Ok(Job {
            number,
            scope: scope.clone(),
            session: self.session.clone(),
            turns: (self.turns.first.into(), self.turns.last.into()),
            state: self.state,
            attempts: self.attempts,
            due: time(self.due)?,
            created: time(self.turns.created)?,
            failure: self.failure.clone(),
        })
    }

    /// Adds turns to a job that waits.
    pub(crate) fn join(&mut self, turns: Turns) {
        self.turns = self.turns.and(turns);
    }

    /// Whether somebody has it who asks with this token.
    pub(crate) fn is_held(&self, token: u64) -> bool {
        (self.state, self.token) == (JobState::Running, token)
    }

    fn is_due(&self, claim: &JobClaim) -> bool {
        let asked_for = claim.only.is_some();
        let due = self.due <= claim.now.as_millisecond();
        let quiet = self.turns.newest <= claim.quiet_since.as_millisecond();
        match self.state {
            JobState::Waiting => {
                asked_for || (due && (quiet || u64::from(self.turns.count) >= claim.turns_max))
            }
            JobState::Running => self.lease_until <= claim.now.as_millisecond(),
            JobState::Retrying => asked_for || due,
            JobState::Dead => false,
        }
    }
}

/// The jobs of one scope, by rising number.
pub(crate) struct Jobs(pub(crate) Vec<(JobNumber, JobRecord)>);

impl Jobs {
    /// From all fields of the hash `jobs`.
    pub(crate) fn read(fields: redis::Value) -> Result<Self, Fault> {
        let mut jobs = Vec::new();
        for (number, record) in crate::reply::pairs(fields)? {
            let number = std::str::from_utf8(&number).ok().and_then(|digits| digits.parse().ok());
            let number = number.ok_or_else(|| Fault::Damaged("a learning job has no number".into()))?;
            jobs.push((number, JobRecord::read(&record)?));
        }
        jobs.sort_unstable_by_key(|(number, _)| *number);
        Ok(Self(jobs))
    }

    /// The job of a session that more turns are added to.
    pub(crate) fn waiting(&mut self, session: &SessionId) -> Option<&mut (JobNumber, JobRecord)> {
        self.0.iter_mut().find(|(_, job)| (&job.session, job.state) == (session, JobState::Waiting))
    }

    pub(crate) fn get(&mut self, number: JobNumber) -> Option<&mut JobRecord> {
        self.0.iter_mut().find(|(known, _)| *known == number).map(|(_, job)| job)
    }

    /// The oldest that may be taken. A running job keeps the others waiting, also when its lease is over: then it is taken
    /// itself. One that is to be tried again keeps those of its session that came after it.
    pub(crate) fn claimable(&self, claim: &JobClaim) -> Option<JobNumber> {
        let running = self.0.iter().any(|(_, job)| job.state == JobState::Running);
        let must_wait = |number: JobNumber, job: &JobRecord| {
            let before = |(other, before): &(JobNumber, JobRecord)| {
                before.state == JobState::Retrying && before.session == job.session && *other < number
            };
            running || self.0.iter().any(before)
        };
        let claimable = self.0.iter().find(|(number, job)| {
            job.is_due(claim) && (job.state == JobState::Running || !must_wait(*number, job))
        });
        claimable.map(|(number, _)| *number)
    }
}
