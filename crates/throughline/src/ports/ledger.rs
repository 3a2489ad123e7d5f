//! The ledger of claims and the learning jobs, as a store keeps them.

use crate::model::{
    Act, Author, Content, Entry, MemoryId, Profile, ReceiptId, Scope, SessionId, TenantId, Timestamp,
    Tombstone, UserKey,
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
    /// In order. A claim whose id the scope's ledger has already is not written again, nor one that comes twice here.
    pub entries: Vec<EntryDraft>,
    /// The profile as it is with them, if it changes: written as by `put_profile`, with the same [`StoreError::Conflict`].
    pub profile: Option<Profile>,
    /// The job of this scope that is done with this: [`StoreError::Conflict`] if somebody else has it by now.
    pub job: Option<JobDone>,
    /// The time of writing.
    pub now: Timestamp,
}

/// What forgetting takes away, in one step.
///
/// It ends with an [`Act::Forgotten`] at the end of the ledger: whoever learned from what was there before comes too late,
/// and finds the tombstones when it reads again.
///
/// The store knows no words, so the caller names what holds them. Beyond what is named go all versions of the profile
/// but the newest, receipts that cite one of the turns, and what the scope's jobs say went wrong, which may quote. An
/// idempotency key is kept with a hash of its request and with numbers of turns, so nothing of it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Forget {
    /// The number of the newest entry the caller knew, as in [`LedgerAppend`].
    pub after: u64,
    /// Refused from now on. One that is there already stays as it is.
    pub tombstones: Vec<Tombstone>,
    /// Numbers of ledger entries whose claims go: [`Act::Forgotten`] takes their place. An entry without a claim stays.
    pub entries: Vec<u64>,
    /// Turns whose words change. One that is not there is left out; of one that comes twice the last counts.
    pub turns: Vec<RedactedTurn>,
    /// Receipts whose query holds it.
    pub receipts: Vec<ReceiptId>,
    /// The profile without it, if it changes: written as by `put_profile`, with the same [`StoreError::Conflict`].
    pub profile: Option<Profile>,
    /// The time of writing.
    pub now: Timestamp,
}

/// A turn whose words were taken out. All that is not here stays: its number, place, times, and also its chain and message
/// hash, so that a client who resends it does not bring it back.
#[derive(Debug, Clone, PartialEq)]
pub struct RedactedTurn {
    /// Its number.
    pub seq: u64,
    /// What is left of the speaker's name.
    pub name: Option<String>,
    /// What is left of what was said.
    pub content: Content,
    /// What is left of the caller's JSON object.
    pub metadata: Option<String>,
    /// Its search rows, in place of those it had. Copies of the old ones learn of it by
    /// [`Revision::redactions`](crate::model::Revision::redactions).
    pub passages: Vec<super::PassageDraft>,
}

/// A change that another program made to the copy of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileEdit {
    /// What it changed.
    pub before: Profile,
    /// What it made of it.
    pub after: Profile,
    /// The store's own mark of this change.
    pub mark: String,
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
    /// Receipts.
    pub receipts: u64,
}

/// Reading and writing the ledger.
pub trait LedgerStore: Send + Sync {
    /// Entries after number `after`, by rising number.
    fn ledger(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The number of the newest entry, 0 for none.
    fn ledger_end(&self, scope: &Scope) -> Result<u64, StoreError>;

    /// The scope whose ledger has the claim of this id; of several the one that was there first.
    fn memory_scope(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Scope>, StoreError>;

    /// Writes entries, see [`LedgerAppend`]. Returns the number of the newest entry. Creates the scope where needed.
    fn append_ledger(&self, scope: &Scope, append: LedgerAppend) -> Result<u64, StoreError>;

    /// What another program made of the copy of the profile that the store keeps for other programs, if it keeps one and it
    /// was changed. It stays until it is taken over.
    fn profile_edit(&self, scope: &Scope) -> Result<Option<ProfileEdit>, StoreError> {
        let _ = scope;
        Ok(None)
    }

    /// Writes entries that take an edit over, and the copy as the profile is then, in one step. [`StoreError::Conflict`] also if
    /// the copy was changed since the edit was read.
    fn take_over_edit(
        &self,
        scope: &Scope,
        append: LedgerAppend,
        edit: &ProfileEdit,
    ) -> Result<u64, StoreError> {
        let _ = edit;
        self.append_ledger(scope, append)
    }

    /// What the scope has forgotten, in the order in which it was.
    fn tombstones(&self, scope: &Scope) -> Result<Vec<Tombstone>, StoreError>;

    /// Takes words away, see [`Forget`], as far as [`erase_user`](super::WriteStore::erase_user) does. Creates the scope where needed.
    fn forget(&self, scope: &Scope, forget: Forget) -> Result<Forgotten, StoreError>;

    /// Lifts a tombstone. False if there is none of this hash.
    fn lift_tombstone(&self, scope: &Scope, hash: [u8; 16]) -> Result<bool, StoreError>;
}

/// Names a learning job in its store. Shown as `job_<number>`.
pub type JobNumber = u64;

/// What [`Job::failure`] says of a job that was taken over from a worker whose lease ran out.
pub const LEASE_RAN_OUT: &str = "the worker that had it did not come back in time";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits for more turns: new ones of its session are added to it. A session has one such job at most.
    Waiting,
    /// A worker has it. New turns of its session make another job.
    Running,
    /// The provider failed, or a replay was asked for; it will be tried again, with the turns it has.
    Retrying,
    /// What came was of no use, and the local extractor learned in its place: a replay asks again.
    Dead,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Retrying, Self::Dead];

    /// A stable number for storage: 0 to 3.
    pub fn code(self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Running => 1,
            Self::Retrying => 2,
            Self::Dead => 3,
        }
    }

    /// The state of a stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
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
    /// How often it was tried in vain. A lease that ran out is such a try.
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
    /// A waiting job only if none of its turns was written after this moment, unless it has as many turns as below.
    pub quiet_since: Timestamp,
    /// From so many turns on a session is not waited for.
    pub turns_max: u64,
    /// Only this user's, whether they are due and quiet or not.
    pub only: Option<UserKey>,
}

/// The end of a job, written with what was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDone {
    /// Which.
    pub number: JobNumber,
    /// With which token.
    pub token: u64,
    /// The number of the last turn that was learned from. Turns of the job after it wait again, in the session's waiting
    /// job if it has one, else in a new one.
    pub through: u64,
    /// Set if what was learned from is to be kept for a replay, and why.
    pub dead: Option<String>,
}

/// The learning jobs, made by [`WriteStore::append`](super::WriteStore::append) and ended by
/// [`LedgerStore::append_ledger`].
pub trait JobStore: Send + Sync {
    /// Takes the oldest job that is due, of a scope of which no other job is in a worker's hands. One whose lease has run
    /// out is due; until it is taken over, it keeps the others of its scope waiting. So does one that is to be tried again
    /// with those of its session that came after it: what is said first is learned first.
    fn claim_job(&self, claim: &JobClaim) -> Result<Option<ClaimedJob>, StoreError>;

    /// Puts a job back, to be tried again. [`StoreError::Conflict`] if somebody else has it by now, or nobody.
    fn put_back_job(
        &self,
        number: JobNumber,
        token: u64,
        failure: &str,
        due: Timestamp,
    ) -> Result<(), StoreError>;

    /// The tenant's jobs by rising number, those after `after`.
    fn jobs(&self, tenant: &TenantId, after: JobNumber, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// Lets a dead job be tried again at once, with its attempts counted anew. False if the tenant has no dead job of this number.
    fn replay_job(&self, tenant: &TenantId, number: JobNumber, now: Timestamp) -> Result<bool, StoreError>;
}
