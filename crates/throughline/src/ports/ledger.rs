//! The ledger of claims and the learning jobs, as a store keeps them.

use crate::model::{
    Act, Author, Content, Entry, MemoryId, Profile, Scope, SessionId, TenantId, Timestamp, Tombstone, UserKey,
};

use super::StoreError;

/// An entry about to be written; the store gives it its number.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryDraft {
    /// When; the store takes the time of the entry before it if that is later.
    pub recorded: Timestamp,
    /// Who.
    pub by: Author,
    /// What.
    pub act: Act,
}

/// Entries of one scope, written in one step with what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerAppend {
    /// The number of the newest entry the writer knew, 0 for none. If it is no longer the newest: [`StoreError::Conflict`].
    pub after: u64,
    /// In order. A claim whose id the ledger has already is not written again.
    pub entries: Vec<EntryDraft>,
    /// The profile as it is with them, if it changes: written as by `put_profile`, with the same [`StoreError::Conflict`].
    pub profile: Option<Profile>,
    /// The job that is done with this.
    pub job: Option<JobDone>,
    /// The time of writing.
    pub now: Timestamp,
}

/// What forgetting takes away, in one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forget {
    /// Refused from now on.
    pub tombstones: Vec<Tombstone>,
    /// Numbers of ledger entries whose claims go: [`Act::Forgotten`] takes their place.
    pub entries: Vec<u64>,
    /// Turns whose words change, with what is left of them and their new search rows' bodies. Number, chain and time stay.
    pub turns: Vec<RedactedTurn>,
    /// The profile without it, if it changes; older versions of it are taken away.
    pub profile: Option<Profile>,
}

/// A turn whose words were taken out.
#[derive(Debug, Clone, PartialEq)]
pub struct RedactedTurn {
    /// Its number.
    pub seq: u64,
    /// What is left.
    pub content: Content,
    /// Its search rows, in place of those it had.
    pub passages: Vec<super::PassageDraft>,
}

/// What was taken away, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Claims of the ledger.
    pub claims: u64,
    /// Turns whose words changed.
    pub turns: u64,
    /// Search rows that were replaced.
    pub passages: u64,
    /// Versions of the profile.
    pub profiles: u64,
    /// Receipts whose items or query named it.
    pub receipts: u64,
}

/// Reading and writing the ledger.
pub trait LedgerStore: Send + Sync {
    /// Entries after number `after`, by rising number.
    fn ledger(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The number of the newest entry, 0 for none.
    fn ledger_end(&self, scope: &Scope) -> Result<u64, StoreError>;

    /// The scope whose ledger has the claim of this id.
    fn memory_scope(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Scope>, StoreError>;

    /// Writes entries, see [`LedgerAppend`]. Returns the number of the newest entry. Creates the scope where needed.
    fn append_ledger(&self, scope: &Scope, append: LedgerAppend) -> Result<u64, StoreError>;

    /// What the scope has forgotten.
    fn tombstones(&self, scope: &Scope) -> Result<Vec<Tombstone>, StoreError>;

    /// Takes words away, see [`Forget`]. When it returns, no file of the store holds them.
    fn forget(&self, scope: &Scope, forget: Forget) -> Result<Forgotten, StoreError>;

    /// Lifts a tombstone. False if there is none of this hash.
    fn lift_tombstone(&self, scope: &Scope, hash: [u8; 16]) -> Result<bool, StoreError>;
}

/// Names a learning job in its store. Shown as `job_<number>`.
pub type JobNumber = u64;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits for more turns, or for its time.
    Waiting,
    /// A worker has it.
    Running,
    /// The provider failed; it will be tried again.
    Retrying,
    /// What came was of no use, and the local extractor learned in its place: a replay asks again.
    Dead,
}

/// Turns of a session that are to be learned from.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub number: JobNumber,
    /// Whose.
    pub scope: Scope,
    /// The conversation.
    pub session: SessionId,
    /// The numbers of the first and last turn; turns of other sessions may stand between.
    pub turns: (u64, u64),
    /// Where it stands.
    pub state: JobState,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// Not before.
    pub due: Timestamp,
    /// When its first turn was written.
    pub created: Timestamp,
    /// What went wrong last.
    pub failure: Option<String>,
}

/// A job in a worker's hands. Only who holds the newest token of a job can end it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// The job.
    pub job: Job,
    /// Rises with each claim of it.
    pub token: u64,
}

/// Which job to take.
#[derive(Debug, Clone, PartialEq)]
pub struct JobClaim {
    /// The present moment.
    pub now: Timestamp,
    /// Until when the job is the worker's; after that another may take it.
    pub lease_until: Timestamp,
    /// Only sessions that have been quiet since then, unless they have as many turns waiting as below.
    pub quiet_since: Timestamp,
    /// From so many turns on a session is not waited for.
    pub turns_max: u64,
    /// Only this user's, whether they are due or not.
    pub only: Option<UserKey>,
}

/// The end of a job, written with what was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDone {
    /// Which.
    pub number: JobNumber,
    /// With which token.
    pub token: u64,
    /// The number of the last turn that was learned from; what comes after it stays waiting.
    pub through: u64,
    /// Set if it is to be kept for a replay, and why.
    pub dead: Option<String>,
}

/// The learning jobs, made by [`WriteStore::append`](super::WriteStore::append).
pub trait JobStore: Send + Sync {
    /// Takes the oldest job that is due, of a scope of which no other job is in a worker's hands.
    fn claim_job(&self, claim: &JobClaim) -> Result<Option<ClaimedJob>, StoreError>;

    /// Puts a job back, to be tried again. [`StoreError::Conflict`] if somebody else has it by now.
    fn put_back_job(
        &self,
        number: JobNumber,
        token: u64,
        failure: &str,
        due: Timestamp,
    ) -> Result<(), StoreError>;

    /// The tenant's jobs by rising number, those after `after`.
    fn jobs(&self, tenant: &TenantId, after: JobNumber, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// Makes a dead job wait again. False if the tenant has no dead job of this number.
    fn replay_job(&self, tenant: &TenantId, number: JobNumber, now: Timestamp) -> Result<bool, StoreError>;
}
