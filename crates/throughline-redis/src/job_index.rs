//! The index of all learning jobs: which are live, where each is, and which are a tenant's. It lives in one slot.
//!
//! A job is listed before it is made, under a number that is never given twice, and taken off after it ended. Who meets a
//! number without a job takes it off: see [`RedisStore::forget_job`].

use redis::Value;
use throughline::model::{Scope, TenantId};
use throughline::ports::{JobNumber, JobState};

use crate::client::Call;
use crate::commit::{Attempt, Changes};
use crate::error::Fault;
use crate::job_record::JobRecord;
use crate::keys::{Key, Part, ScopeKeys, escaped};
use crate::lists::ANNOUNCED_HOURS_MAX;
use crate::reply;
use crate::scope::Meta;
use crate::script::JOBS;
use crate::store::RedisStore;

/// Where a job is, as the index has it.
#[derive(Debug, Clone)]
pub(crate) struct Indexed {
    pub(crate) number: JobNumber,
    token: String,
    pub(crate) place: String,
    /// The name of its session.
    pub(crate) session: String,
}

impl RedisStore {
    fn jobs_key(&self, name: &str) -> Key {
        self.keys.global("jobs", name)
    }

    fn jobs_of(&self, tenant: &TenantId) -> Key {
        self.jobs_key(&format!("of:{}", escaped(tenant.as_str())))
    }

    fn index_call(&self, tenant: &TenantId, arguments: &[&str]) -> Call {
        let keys =
            [self.jobs_key("last"), self.jobs_key("live"), self.jobs_key("places"), self.jobs_of(tenant)];
        Call::script(&JOBS, &keys, arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect())
    }

    /// Lists a job that is about to be made, under this number or a new one.
    pub(crate) fn list_job_call(
        &self,
        scope: &Scope,
        keys: &ScopeKeys,
        number: Option<JobNumber>,
        job: &JobRecord,
    ) -> Call {
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        self.index_call(scope.tenant(), &["add", &number, &format!("{}\n{}", keys.place, job.session)])
    }

    /// List a job of another store under its number.
    pub(crate) fn list_restored_job_calls(
        &self,
        scope: &Scope,
        keys: &ScopeKeys,
        number: JobNumber,
        job: &JobRecord,
    ) -> Vec<Call> {
        let mut calls = vec![self.list_job_call(scope, keys, Some(number), job)];
        if job.state == JobState::Dead {
            calls.push(self.index_call(scope.tenant(), &["rest", &number.to_string(), ""]));
        }
        calls
    }

    /// Puts a dead job among the live ones, before it is one.
    pub(crate) fn wake_job_call(&self, tenant: &TenantId, number: JobNumber) -> Call {
        self.index_call(tenant, &["wake", &number.to_string()])
    }

    /// Takes a dead job off the live ones, unless it was woken since it was looked up.
    pub(crate) fn rest_job_call(&self, tenant: &TenantId, indexed: &Indexed) -> Call {
        self.index_call(tenant, &["rest", &indexed.number.to_string(), &indexed.token])
    }

    /// Takes a job away that has ended.
    pub(crate) fn remove_job_call(&self, tenant: &TenantId, number: JobNumber) -> Call {
        self.index_call(tenant, &["remove", &number.to_string(), ""])
    }

    /// Where jobs are; nothing for a number there is none of.
    fn indexed(&self, numbers: Vec<JobNumber>) -> Result<Vec<Indexed>, Fault> {
        let fields: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let places = self.fields(&self.jobs_key("places"), &fields)?;
        let mut found = Vec::with_capacity(numbers.len());
        for (number, place) in numbers.into_iter().zip(places) {
            let Some(place) = place else { continue };
            let place = String::from_utf8_lossy(&place).into_owned();
            let mut lines = place.splitn(3, '\n');
            let (Some(token), Some(place), Some(session)) = (lines.next(), lines.next(), lines.next()) else {
                return Err(Fault::Damaged(format!("the index of jobs has no place for {number}")));
            };
            found.push(Indexed { number, token: token.into(), place: place.into(), session: session.into() });
        }
        Ok(found)
    }

    pub(crate) fn indexed_job(&self, number: JobNumber) -> Result<Option<Indexed>, Fault> {
        Ok(self.indexed(vec![number])?.pop())
    }

    fn page(&self, key: &Key, after: JobNumber, limit: usize) -> Result<Vec<Indexed>, Fault> {
        let (after, limit) = (format!("({after}"), limit.to_string());
        let arguments = [after.as_bytes(), b"+inf", b"LIMIT", b"0", limit.as_bytes()];
        let numbers = reply::list(self.client.read(Call::plain("ZRANGEBYSCORE", key, &arguments))?)?;
        self.indexed(numbers.into_iter().map(reply::number).collect::<Result<_, _>>()?)
    }

    /// Live jobs after a number, by rising number.
    pub(crate) fn live_jobs(&self, after: JobNumber, limit: usize) -> Result<Vec<Indexed>, Fault> {
        self.page(&self.jobs_key("live"), after, limit)
    }

    /// A tenant's jobs after a number, by rising number.
    pub(crate) fn jobs_of_tenant(
        &self,
        tenant: &TenantId,
        after: JobNumber,
        limit: usize,
    ) -> Result<Vec<Indexed>, Fault> {
        self.page(&self.jobs_of(tenant), after, limit)
    }

    /// Takes an entry off that leads to nothing: a crash left it, or whoever is about to make, wake or has just ended the job
    /// has come only half way.
    ///
    /// The scope is written to first, so that a write which rests on the entry fails and lists the job again. A scope that does
    /// not exist cannot be written to; there an entry goes when no write can be that old.
    pub(crate) fn forget_job(&self, indexed: &Indexed, is_dead: bool) -> Result<(), Fault> {
        let (scope, keys) = self.keys.scope_at(&indexed.place)?;
        let unit = keys.key(Part::Meta);
        let [meta, record] = reply::answers(Value::Array(self.client.read_all(&[
            Call::plain("HGETALL", &unit, &[]),
            Call::plain("HGET", &keys.key(Part::Jobs), &[indexed.number.to_string().as_bytes()]),
        ])?))?;
        let meta = Meta::read(meta)?;
        let number = indexed.number.to_string();
        if !meta.exists() {
            let age = (ANNOUNCED_HOURS_MAX * 3600 * 1000).to_string();
            let expire = ["expire", &number, &indexed.token, &age];
            return self.client.read(self.index_call(scope.tenant(), &expire)).map(|_| ());
        }
        let record = reply::bytes(record)?.map(|record| JobRecord::read(&record)).transpose()?;
        let still = match record {
            None => !is_dead,
            Some(record) => is_dead && record.state == JobState::Dead,
        };
        if still && matches!(self.client.commit(meta.version, Changes::of(&unit))?, Attempt::Done(())) {
            let what = if is_dead { "rest" } else { "remove" };
            self.client.read(self.index_call(scope.tenant(), &[what, &number, &indexed.token]))?;
        }
        Ok(())
    }
}
