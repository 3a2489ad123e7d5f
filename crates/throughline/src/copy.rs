//! Copying a store into another, while others write to the first.
//!
//! Pass after pass copies the scopes that changed since they were copied, whole: a scope is small, and nothing has to be known
//! of how it changed. What was copied is remembered in the copy itself, scope by scope, so a copy that was cut off goes on where
//! it stopped. When little changes any more, [`Copier::fence`] keeps writers out of the source, one more pass makes both the same,
//! and after [`Copier::compare`] found no difference, [`Copier::finish`] lets writers into the copy.

use thiserror::Error;

use crate::model::Scope;
use crate::ports::{ALL_DAYS, CopyStore, Restore, ScopeMark, ScopeRecord, StoreError, Transit};

mod digest;
mod records;

pub use digest::{Comparison, DIFFERENCES_MAX, Difference, KINDS, Tally};
use records::for_each_record;

/// Scopes that are listed at once.
const SCOPES_PER_PAGE_MAX: usize = 512;

/// Records that are written in one step.
const RECORDS_PER_STEP_MAX: usize = 256;

/// About how much is written in one step, so that large turns do not fill the memory.
const STEP_BYTES_MAX: usize = 1 << 20;

/// Hexadecimal digits by which a copy knows its source again.
const MARK_DIGITS: usize = 16;

/// Why a copy cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CopyError {
    /// Of the store that is copied.
    #[error("the source: {0}")]
    From(StoreError),
    /// Of the copy.
    #[error("the target: {0}")]
    To(StoreError),
    /// Both have the same secret, and none is being filled.
    #[error("both are the same store, or the target is a finished copy of the source")]
    Same,
    /// It is a copy that is not whole.
    #[error("the source is itself being filled by a copy")]
    SourceUnfinished,
    /// Nothing may be overwritten.
    #[error("the target is not empty")]
    NotEmpty,
    /// The target is being filled by a copy of a third store.
    #[error("the target is being filled by a copy of another store")]
    OtherSource,
    /// The target's memory is somewhere else.
    #[error("the target was moved to {0}")]
    TargetMoved(String),
}

impl CopyError {
    /// Of reading the target as a source is read.
    fn of_target(self) -> Self {
        match self {
            Self::From(error) => Self::To(error),
            other => other,
        }
    }
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Scopes of the source.
    pub scopes: u64,
    /// Those of them that were copied, because they were new or had changed.
    pub copied: u64,
    /// Users that were gone from the source, and are taken away.
    pub users_gone: u64,
}

/// How the scopes of a page are gone through: one after the other, or by several threads.
pub type Spread<'a> =
    &'a dyn Fn(&[Scope], &(dyn Fn(&Scope) -> Result<(), CopyError> + Sync)) -> Result<(), CopyError>;

/// One after the other.
pub fn in_turn(
    scopes: &[Scope],
    work: &(dyn Fn(&Scope) -> Result<(), CopyError> + Sync),
) -> Result<(), CopyError> {
    scopes.iter().try_for_each(work)
}

/// A store and its copy.
#[derive(Clone, Copy)]
pub struct Copier<'a> {
    from: &'a dyn CopyStore,
    to: &'a dyn CopyStore,
}

impl<'a> Copier<'a> {
    /// Begins a copy, or goes on with one that was begun. Refused where it would overwrite something. `begins` false changes
    /// nothing yet: for looking.
    pub fn new(from: &'a dyn CopyStore, to: &'a dyn CopyStore, begins: bool) -> Result<Self, CopyError> {
        let copier = Self { from, to };
        let mark = copier.mark_of_source()?;
        if let Some(Transit::Filling(_)) = from.transit().map_err(CopyError::From)? {
            return Err(CopyError::SourceUnfinished);
        }
        match to.transit().map_err(CopyError::To)? {
            Some(Transit::Filling(source)) if source == mark => return Ok(copier),
            Some(Transit::Filling(_)) => return Err(CopyError::OtherSource),
            Some(Transit::Moved(place)) => return Err(CopyError::TargetMoved(place)),
            None => {}
        }
        if to.secret().map_err(CopyError::To)? == from.secret().map_err(CopyError::From)? {
            return Err(CopyError::Same);
        }
        let record = to.store_record().map_err(CopyError::To)?;
        let scopes = to.scopes(None, 1).map_err(CopyError::To)?;
        if !(record.keys.is_empty() && record.tenants.is_empty() && scopes.scopes.is_empty()) {
            return Err(CopyError::NotEmpty);
        }
        if begins {
            to.set_transit(Some(&Transit::Filling(mark))).map_err(CopyError::To)?;
        }
        Ok(copier)
    }

    /// Of two stores of which one is thought to be a copy of the other: to look for differences alone.
    pub fn between(from: &'a dyn CopyStore, to: &'a dyn CopyStore) -> Self {
        Self { from, to }
    }

    /// Names the source without telling its secret.
    fn mark_of_source(&self) -> Result<String, CopyError> {
        let secret = self.from.secret().map_err(CopyError::From)?;
        let hash = blake3::derive_key("throughline 2026 the mark of a store that is copied", &secret);
        Ok(blake3::Hash::from_bytes(hash).to_hex()[..MARK_DIGITS].to_owned())
    }

    /// How many scopes the source has now.
    pub fn scopes(&self) -> Result<u64, CopyError> {
        let mut count = 0;
        each_page(self.from, CopyError::From, |scopes| {
            count += scopes.len() as u64;
            Ok(())
        })?;
        Ok(count)
    }

    /// Copies what changed since the pass before. `after_each` hears of each scope: whether it had to be copied.
    pub fn pass(&self, spread: Spread<'_>, after_each: &(dyn Fn(bool) + Sync)) -> Result<Pass, CopyError> {
        let count = std::sync::Mutex::new(Pass::default());
        let counting = |change: &dyn Fn(&mut Pass)| {
            change(&mut count.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        };
        let record = self.from.store_record().map_err(CopyError::From)?;
        if self.to.store_record().map_err(CopyError::To)? != record {
            self.to.restore_store(&record).map_err(CopyError::To)?;
        }
        // Whoever is gone goes first: then no scope of theirs that came back is taken away after it was copied.
        each_page(self.to, CopyError::To, |scopes| {
            spread(scopes, &|scope| {
                if self.from.scope_record(scope).map_err(CopyError::From)?.is_none() {
                    self.to.drop_user(&scope.user).map_err(CopyError::To)?;
                    counting(&|pass| pass.users_gone += 1);
                }
                Ok(())
            })
        })?;
        each_page(self.from, CopyError::From, |scopes| {
            spread(scopes, &|scope| {
                let copied = self.copy(scope)?;
                counting(&|pass| {
                    pass.scopes += 1;
                    pass.copied += u64::from(copied);
                });
                after_each(copied);
                Ok(())
            })
        })?;
        Ok(count.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Copies a scope unless it is as it was when it was copied. Returns whether it had to be.
    fn copy(&self, scope: &Scope) -> Result<bool, CopyError> {
        self.from.settle(scope).map_err(CopyError::From)?;
        let Some(record) = self.from.scope_record(scope).map_err(CopyError::From)? else { return Ok(false) };
        // Taken before anything is read: what is written meanwhile gives the scope another one, and the next pass finds that.
        let mark = mark(self.from, scope, &record).map_err(CopyError::From)?;
        if self.to.restored(scope).map_err(CopyError::To)? == Some(mark) {
            return Ok(false);
        }
        let mut step = Restore { begin: Some(record.clone()), ..Restore::default() };
        let mut bytes = 0;
        for_each_record(self.from, scope, &record, &mut |record| {
            bytes += records::bytes(&record);
            step.records.push(record);
            if step.records.len() >= RECORDS_PER_STEP_MAX || bytes >= STEP_BYTES_MAX {
                bytes = 0;
                self.to.restore(scope, std::mem::take(&mut step)).map_err(CopyError::To)?;
            }
            Ok(())
        })?;
        step.mark = Some(mark);
        self.to.restore(scope, step).map_err(CopyError::To)?;
        Ok(true)
    }

    /// Keeps writers out of the source: they are told where its memory has moved. `to` names the copy for people.
    pub fn fence(&self, to: &str) -> Result<(), CopyError> {
        self.from.set_transit(Some(&Transit::Moved(to.to_owned()))).map_err(CopyError::From)
    }

    /// Lets writers into the source again.
    pub fn lift_fence(&self) -> Result<(), CopyError> {
        self.from.set_transit(None).map_err(CopyError::From)
    }

    /// Lets writers into the copy.
    pub fn finish(&self) -> Result<(), CopyError> {
        self.to.set_transit(None).map_err(CopyError::To)
    }
}

/// What changes whenever anything of a scope does. Small things are in it whole; of large ones their newest number is, which rises
/// whenever they change.
fn mark(store: &dyn CopyStore, scope: &Scope, record: &ScopeRecord) -> Result<ScopeMark, StoreError> {
    let parts = (
        record,
        store.profile(scope, None)?.epoch,
        store.tombstones(scope)?,
        store.user_usage(&scope.user, ALL_DAYS)?,
        store.embedding_models()?.numbers(),
    );
    Ok(digest::of(&parts).to_le_bytes())
}

/// Shows all scopes of a store, page by page.
fn each_page(
    store: &dyn CopyStore,
    side: fn(StoreError) -> CopyError,
    mut work: impl FnMut(&[Scope]) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut after = None;
    loop {
        let page = store.scopes(after.as_deref(), SCOPES_PER_PAGE_MAX).map_err(side)?;
        work(&page.scopes)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
