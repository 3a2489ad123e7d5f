//! Whether a copy is one: counts and a hash over everything on both sides.
//!
//! What is hashed is how the values are shown for debugging. That tells every field of every type, new ones too, without a second
//! list of them; and it need not stay the same from version to version, since both sides are read by one program.

use std::fmt::{Debug, Write};

use super::records::for_each_record;
use super::{Copier, CopyError, Spread, each_page};
use crate::model::Scope;
use crate::ports::{CopyStore, Record, ScopeRecord, StoreError};

/// What is counted, in the order of [`Tally::counts`].
pub const KINDS: [&str; 10] = [
    "scopes",
    "turns",
    "search rows",
    "ledger entries",
    "profile versions",
    "receipts",
    "tombstones",
    "idempotency keys",
    "learning jobs",
    "usage counts",
];

/// How much there is, and a sum of hashes over all of it, which does not depend on the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// By [`KINDS`].
    pub counts: [u64; KINDS.len()],
    /// By kind as well.
    pub sums: [u128; KINDS.len()],
}

/// A scope that is not the same on both sides, or what belongs to no user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// None for what belongs to no user.
    pub scope: Option<Scope>,
    /// The kinds that differ, by [`KINDS`].
    pub kinds: Vec<&'static str>,
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// All of the source.
    pub from: Tally,
    /// All of the copy.
    pub to: Tally,
    /// Where they differ; at most [`DIFFERENCES_MAX`] are named.
    pub differences: Vec<Difference>,
    /// How many there are.
    pub differing: u64,
}

/// Differences that are named.
pub const DIFFERENCES_MAX: usize = 100;

struct Hashing(blake3::Hasher);

impl Write for Hashing {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// A hash of all a value shows.
pub(super) fn of(value: &impl Debug) -> u128 {
    let mut hashing = Hashing(blake3::Hasher::new());
    // Writing to a hasher cannot fail.
    let _ = write!(hashing, "{value:?}");
    let mut first = [0; 16];
    hashing.0.finalize_xof().fill(&mut first);
    u128::from_le_bytes(first)
}

impl Tally {
    fn add(&mut self, kind: usize, hash: u128) {
        self.counts[kind] += 1;
        self.sums[kind] = self.sums[kind].wrapping_add(hash);
    }

    fn add_all(&mut self, other: &Self) {
        for kind in 0..KINDS.len() {
            self.counts[kind] += other.counts[kind];
            self.sums[kind] = self.sums[kind].wrapping_add(other.sums[kind]);
        }
    }

    fn differing(&self, other: &Self) -> Vec<&'static str> {
        let differs =
            |kind: &usize| (self.counts[*kind], self.sums[*kind]) != (other.counts[*kind], other.sums[*kind]);
        (0..KINDS.len()).filter(differs).map(|kind| KINDS[kind]).collect()
    }

    /// Of one scope; empty if it is not there.
    fn of(store: &dyn CopyStore, scope: &Scope) -> Result<Self, CopyError> {
        let mut tally = Self::default();
        let Some(record) = store.scope_record(scope).map_err(CopyError::From)? else { return Ok(tally) };
        // The jobs are counted as records.
        tally.add(0, of(&ScopeRecord { jobs: Vec::new(), ..record.clone() }));
        for_each_record(store, scope, &record, &mut |record| {
            tally.add(kind(&record), of(&record));
            Ok(())
        })?;
        Ok(tally)
    }
}

fn kind(record: &Record) -> usize {
    match record {
        Record::Turn(_) => 1,
        Record::Row(_) => 2,
        Record::Entry(_) => 3,
        Record::Profile(_) => 4,
        Record::Receipt(_) => 5,
        Record::Tombstone(_) => 6,
        Record::Key(_) => 7,
        Record::Job(_) => 8,
        Record::Usage(_) => 9,
    }
}

impl Copier<'_> {
    /// Reads both sides whole and compares them. `after_each` hears of each scope that was compared.
    pub fn compare(
        &self,
        spread: Spread<'_>,
        after_each: &(dyn Fn() + Sync),
    ) -> Result<Comparison, CopyError> {
        let found = std::sync::Mutex::new(Comparison::default());
        let differs = |found: &mut Comparison, scope: Option<&Scope>, kinds: Vec<&'static str>| {
            found.differing += 1;
            if found.differences.len() < DIFFERENCES_MAX {
                found.differences.push(Difference { scope: scope.cloned(), kinds });
            }
        };
        let lock = || found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let of_store = |store: &dyn CopyStore| {
            let mut record = store.store_record()?;
            // Engines list keys made in one millisecond in different orders.
            record.keys.sort_by(|a, b| a.id.cmp(&b.id));
            Ok::<_, StoreError>(record)
        };
        if of_store(self.from).map_err(CopyError::From)? != of_store(self.to).map_err(CopyError::To)? {
            differs(&mut lock(), None, vec!["keys, models, identities, schemas or usage of tenants"]);
        }
        each_page(self.from, CopyError::From, |scopes| {
            spread(scopes, &|scope| {
                let from = Tally::of(self.from, scope)?;
                let to = Tally::of(self.to, scope).map_err(CopyError::of_target)?;
                let mut found = lock();
                found.from.add_all(&from);
                found.to.add_all(&to);
                let kinds = from.differing(&to);
                if !kinds.is_empty() {
                    differs(&mut found, Some(scope), kinds);
                }
                drop(found);
                after_each();
                Ok(())
            })
        })?;
        // Those the source does not have.
        each_page(self.to, CopyError::To, |scopes| {
            spread(scopes, &|scope| {
                if self.from.scope_record(scope).map_err(CopyError::From)?.is_none() {
                    let to = Tally::of(self.to, scope).map_err(CopyError::of_target)?;
                    let mut found = lock();
                    found.to.add_all(&to);
                    differs(&mut found, Some(scope), Tally::default().differing(&to));
                }
                Ok(())
            })
        })?;
        Ok(found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
