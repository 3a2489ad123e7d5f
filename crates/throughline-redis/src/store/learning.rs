//! The methods of the ledger, of jobs and of usage, handed to the modules that know them.

use std::ops::RangeInclusive;

use throughline::model::{
    Day, Entry, MemoryId, Scope, TenantId, Timestamp, Tombstone, Usage, UsageStage, UserKey,
};
use throughline::ports::{
    ClaimedJob, DayUsage, Forget, Forgotten, Job, JobClaim, JobNumber, JobStore, LedgerAppend, LedgerStore,
    Minute, ProfileEdit, RateStore, StoreError, UsageStore,
};

use super::RedisStore;

impl LedgerStore for RedisStore {
    fn ledger(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        Ok(self.ledger(scope, after, limit)?)
    }

    fn ledger_end(&self, scope: &Scope) -> Result<u64, StoreError> {
        Ok(self.ledger_end(scope)?)
    }

    fn memory_scope(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Scope>, StoreError> {
        Ok(self.memory_scope(tenant, id)?)
    }

    fn append_ledger(&self, scope: &Scope, append: LedgerAppend) -> Result<u64, StoreError> {
        Ok(self.append_ledger(scope, &append, None)?)
    }

    fn profile_edit(&self, scope: &Scope) -> Result<Option<ProfileEdit>, StoreError> {
        Ok(self.profile_edit(scope)?)
    }

    fn take_over_edit(
        &self,
        scope: &Scope,
        append: LedgerAppend,
        edit: &ProfileEdit,
    ) -> Result<u64, StoreError> {
        Ok(self.append_ledger(scope, &append, Some(edit))?)
    }

    fn tombstones(&self, scope: &Scope) -> Result<Vec<Tombstone>, StoreError> {
        Ok(self.tombstones(scope)?)
    }

    fn forget(&self, scope: &Scope, forget: Forget) -> Result<Forgotten, StoreError> {
        let forgotten = self.forget(scope, &forget)?;
        self.wipe()?;
        Ok(forgotten)
    }

    fn lift_tombstone(&self, scope: &Scope, hash: [u8; 16]) -> Result<bool, StoreError> {
        Ok(self.lift_tombstone(scope, hash)?)
    }
}

impl JobStore for RedisStore {
    fn claim_job(&self, claim: &JobClaim) -> Result<Option<ClaimedJob>, StoreError> {
        Ok(self.claim_job(claim)?)
    }

    fn put_back_job(
        &self,
        number: JobNumber,
        token: u64,
        failure: &str,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        Ok(self.put_back_job(number, token, failure, due)?)
    }

    fn jobs(&self, tenant: &TenantId, after: JobNumber, limit: usize) -> Result<Vec<Job>, StoreError> {
        Ok(self.jobs(tenant, after, limit)?)
    }

    fn replay_job(&self, tenant: &TenantId, number: JobNumber, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.replay_job(tenant, number, now)?)
    }
}

impl UsageStore for RedisStore {
    fn add_usage(
        &self,
        user: &UserKey,
        day: Day,
        stage: UsageStage,
        usage: Usage,
    ) -> Result<Usage, StoreError> {
        self.expect_in_use()?;
        Ok(self.add_usage(user, day, stage, usage)?)
    }

    fn user_usage(&self, user: &UserKey, days: RangeInclusive<Day>) -> Result<Vec<DayUsage>, StoreError> {
        Ok(self.user_usage(user, &days)?)
    }

    fn tenant_usage(
        &self,
        tenant: &TenantId,
        days: RangeInclusive<Day>,
    ) -> Result<Vec<DayUsage>, StoreError> {
        Ok(self.tenant_usage(tenant, &days)?)
    }
}

impl RateStore for RedisStore {
    fn take_requests(&self, tenant: &TenantId, minute: Minute, count: u32) -> Result<u64, StoreError> {
        Ok(self.take_requests(tenant, minute, count)?)
    }
}
