//! The ledger's and the jobs' methods, handed to the modules that know them.

use throughline::model::{Entry, MemoryId, Scope, TenantId, Timestamp, Tombstone};
use throughline::ports::{
    ClaimedJob, Forget, Forgotten, Job, JobClaim, JobNumber, JobStore, LedgerAppend, LedgerStore, StoreError,
};

use super::PostgresStore;
use crate::{forget, jobs, ledger};

impl LedgerStore for PostgresStore {
    fn ledger(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.calls.read(async |c| ledger::entries(c, scope, after, limit).await)
    }

    fn ledger_end(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.calls.read(async |c| ledger::end(c, scope).await)
    }

    fn memory_scope(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Scope>, StoreError> {
        self.calls.read(async |c| ledger::memory_scope(c, tenant, id).await)
    }

    fn append_ledger(&self, scope: &Scope, append: LedgerAppend) -> Result<u64, StoreError> {
        ledger::append(&self.calls, scope, &append)
    }

    fn tombstones(&self, scope: &Scope) -> Result<Vec<Tombstone>, StoreError> {
        self.calls.read(async |c| forget::tombstones(c, scope).await)
    }

    fn forget(&self, scope: &Scope, forget: Forget) -> Result<Forgotten, StoreError> {
        forget::forget(&self.calls, scope, &forget)
    }

    fn lift_tombstone(&self, scope: &Scope, hash: [u8; 16]) -> Result<bool, StoreError> {
        forget::lift_tombstone(&self.calls, scope, hash)
    }
}

impl JobStore for PostgresStore {
    fn claim_job(&self, claim: &JobClaim) -> Result<Option<ClaimedJob>, StoreError> {
        jobs::claim(&self.calls, claim)
    }

    fn put_back_job(
        &self,
        number: JobNumber,
        token: u64,
        failure: &str,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        jobs::put_back(&self.calls, number, token, failure, due)
    }

    fn jobs(&self, tenant: &TenantId, after: JobNumber, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.calls.read(async |c| jobs::jobs(c, tenant, after, limit).await)
    }

    fn replay_job(&self, tenant: &TenantId, number: JobNumber, now: Timestamp) -> Result<bool, StoreError> {
        jobs::replay(&self.calls, tenant, number, now)
    }
}
