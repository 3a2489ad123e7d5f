//! An index of vectors beside the store, for scopes too large to keep all of them in memory.
//!
//! It holds a copy: whatever stands in it can be made again from the store's search rows, which are the log it is written from. It
//! is never asked what a memory says, only which passages are near; what it names and the store does not have is left out.
//!
//! **No write comes back after an erasure.** A set is [begun](VectorIndex::begin) empty, then the writer asks the store again
//! whether the scope still lives, and only then puts vectors; [`put`](VectorIndex::put) does nothing to a set that is gone. An
//! erasure takes the user from the store first and from here second. So either the writer sees the erasure, or the
//! erasure sees the set.

use crate::model::{Generation, Scope, UserKey};

use super::{ModelNumber, StoreError};

/// Entries one [`VectorChange`] may put, and keys it may take away.
pub const VECTOR_CHANGES_MAX: usize = 1_000;

/// Vectors of one scope in one of its lives, by one model: vectors of two models never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VectorSet {
    /// Whose.
    pub scope: Scope,
    /// Which life of the scope: a scope erased and made again has another set.
    pub generation: Generation,
    /// The store's number of the model.
    pub model: ModelNumber,
}

/// How far a set has come in the log of search rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VectorMark {
    /// Of all rows up to this number that have a vector, the set has it.
    pub row: u64,
    /// As in [`Revision`](crate::model::Revision): passages that were forgotten up to then are not in the set.
    pub redactions: u64,
}

/// A passage of a scope. Its row's number changes when the row does; this does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VectorKey {
    /// The turn's number.
    pub turn: u64,
    /// The passage's number in the turn.
    pub passage: u32,
}

/// A passage's vector, and what filters ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorEntry {
    /// Which passage.
    pub key: VectorKey,
    /// The stored code of who said it.
    pub role: u8,
    /// When it was said, in milliseconds since 1970.
    pub time_ms: i64,
    /// Hashes of its metadata fields and its session.
    pub tags: Vec<u32>,
    /// Length 1, as many components as all of the set.
    pub vector: Vec<f32>,
}

/// What is done to a set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VectorChange {
    /// The mark the set has.
    pub before: VectorMark,
    /// The mark it gets.
    pub after: VectorMark,
    /// Put in place of those with the same keys; no key comes twice.
    pub entries: Vec<VectorEntry>,
    /// Taken away; one that is not there is no error.
    pub gone: Vec<VectorKey>,
}

/// What an entry must meet. An empty condition excludes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VectorConditions {
    /// Said by one of these.
    pub roles: Vec<u8>,
    /// Said at this moment or later, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Said before this moment.
    pub until_ms: Option<i64>,
    /// With one of these tags.
    pub any_tag: Vec<u32>,
    /// With all of these tags.
    pub all_tags: Vec<u32>,
}

impl VectorConditions {
    /// Whether an entry meets all of them.
    pub fn admit(&self, entry: &VectorEntry) -> bool {
        (self.roles.is_empty() || self.roles.contains(&entry.role))
            && self.from_ms.is_none_or(|from| entry.time_ms >= from)
            && self.until_ms.is_none_or(|until| entry.time_ms < until)
            && (self.any_tag.is_empty() || self.any_tag.iter().any(|tag| entry.tags.contains(tag)))
            && self.all_tags.iter().all(|tag| entry.tags.contains(tag))
    }
}

/// What a search finds.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestVectors {
    /// The mark of the set, read no later than the hits: they miss nothing of the rows up to it.
    pub mark: VectorMark,
    /// Nearest first. Fewer than asked for only if no more meet the conditions.
    pub keys: Vec<(VectorKey, f32)>,
}

/// An index of vectors by cosine. Methods block, within a time of the implementation's own. Everything may be repeated.
pub trait VectorIndex: Send + Sync {
    /// Makes the set where it is missing, with nothing in it and at the first mark. Returns its mark.
    fn begin(&self, set: &VectorSet) -> Result<VectorMark, StoreError>;

    /// How far the set has come; none if there is none.
    fn mark(&self, set: &VectorSet) -> Result<Option<VectorMark>, StoreError>;

    /// Makes a change. False if the set is gone, and then nothing is there, or if somebody else has moved its mark. The mark moves
    /// last: of a change that was cut off, or that somebody else came before, entries may be there already. At most
    /// [`VECTOR_CHANGES_MAX`] of each kind.
    fn put(&self, set: &VectorSet, change: &VectorChange) -> Result<bool, StoreError>;

    /// The entries with the highest cosine of those that meet the conditions, at most `limit`. None if there is no set.
    fn nearest(
        &self,
        set: &VectorSet,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
    ) -> Result<Option<NearestVectors>, StoreError>;

    /// Hands over the keys of all entries, in no particular order; none may be left out, one may come twice.
    fn keys(&self, set: &VectorSet, sink: &mut dyn FnMut(VectorKey)) -> Result<(), StoreError>;

    /// All sets.
    fn sets(&self) -> Result<Vec<VectorSet>, StoreError>;

    /// Takes a set away.
    fn remove(&self, set: &VectorSet) -> Result<(), StoreError>;

    /// Takes away every set of a user, those of lives and scopes the store no longer knows too.
    fn erase_user(&self, user: &UserKey) -> Result<(), StoreError>;
}
