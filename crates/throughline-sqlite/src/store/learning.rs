//! The ledger's and the jobs' methods, handed to the modules that know them.

use throughline::model::{Entry, MemoryId, Scope, TenantId, Timestamp, Tombstone};
use throughline::ports::{
    ClaimedJob, Forget, Forgotten, Job, JobClaim, JobNumber, JobStore, LedgerAppend, LedgerStore, StoreError,
};

use super::SqliteStore;
use crate::{forget, jobs, ledger};

impl LedgerStore for SqliteStore {
    fn ledger(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.readers.read(|c| ledger::entries(c, scope, after, limit))
    }

    fn ledger_end(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.readers.read(|c| ledger::end(c, scope))
    }

    fn memory_scope(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Scope>, StoreError> {
        self.readers.read(|c| ledger::memory_scope(c, tenant, id))
    }

    fn append_ledger(&self, scope: &Scope, append: LedgerAppend) -> Result<u64, StoreError> {
        let scope = scope.clone();
        self.write(move |c| ledger::append(c, &scope, append))
    }

    fn tombstones(&self, scope: &Scope) -> Result<Vec<Tombstone>, StoreError> {
        self.readers.read(|c| forget::tombstones(c, scope))
    }

    /// As [`erase_user`](throughline::ports::WriteStore::erase_user) does: in one transaction, then the file is wiped. An
    /// error after the first step says so; forgetting again, or opening the store again, finishes it.
    fn forget(&self, scope: &Scope, forget: Forget) -> Result<Forgotten, StoreError> {
        let scope = scope.clone();
        let (forgotten, note) = self.write(move |c| forget::forget(c, &scope, forget))?;
        self.scrub(note)?;
        Ok(forgotten)
    }

    fn lift_tombstone(&self, scope: &Scope, hash: [u8; 16]) -> Result<bool, StoreError> {
        let scope = scope.clone();
        self.write(move |c| forget::lift_tombstone(c, &scope, hash))
    }
}

impl JobStore for SqliteStore {
    fn claim_job(&self, claim: &JobClaim) -> Result<Option<ClaimedJob>, StoreError> {
        // Workers ask all the time, and mostly there is nothing: that must not keep writers waiting.
        if self.readers.read(|c| jobs::claimable(c, claim))?.is_none() {
            return Ok(None);
        }
        let claim = claim.clone();
        self.write(move |c| jobs::claim(c, &claim))
    }

    fn put_back_job(
        &self,
        number: JobNumber,
        token: u64,
        failure: &str,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        let failure = failure.to_owned();
        self.write(move |c| jobs::put_back(c, number, token, &failure, due))
    }

    fn jobs(&self, tenant: &TenantId, after: JobNumber, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.readers.read(|c| jobs::jobs(c, tenant, after, limit))
    }

    fn replay_job(&self, tenant: &TenantId, number: JobNumber, now: Timestamp) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.write(move |c| jobs::replay(c, &tenant, number, now))
    }
}
