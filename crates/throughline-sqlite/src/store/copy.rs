//! The methods of copying, handed to the module that knows how.

use throughline::model::{Scope, UserKey};
use throughline::ports::{
    CopiedKey, CopiedRow, CopyStore, Restore, ScopeMark, ScopeRecord, ScopesPage, StoreError, StoreRecord,
    Transit,
};

use super::SqliteStore;
use crate::{copy, scrub};

impl CopyStore for SqliteStore {
    fn transit(&self) -> Result<Option<Transit>, StoreError> {
        self.readers.read(copy::transit)
    }

    /// What a copy overwrote is wiped from the file before the store is in use.
    fn set_transit(&self, transit: Option<&Transit>) -> Result<(), StoreError> {
        let transit = transit.cloned();
        if transit.is_none()
            && let Some(note) = self.writer.write(scrub::pending)?
        {
            self.scrub(note)?;
        }
        self.writer.write(move |c| copy::set_transit(c, transit.as_ref()))
    }

    fn store_record(&self) -> Result<StoreRecord, StoreError> {
        self.readers.read(copy::store_record)
    }

    fn scopes(&self, after: Option<&str>, limit: usize) -> Result<ScopesPage, StoreError> {
        self.readers.read(|c| copy::scopes(c, after, limit))
    }

    fn scope_record(&self, scope: &Scope) -> Result<Option<ScopeRecord>, StoreError> {
        self.readers.read(|c| copy::scope_record(c, scope))
    }

    fn copied_rows(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedRow>, StoreError> {
        self.readers.read(|c| copy::rows(c, scope, after, limit))
    }

    fn copied_keys(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedKey>, StoreError> {
        self.readers.read(|c| copy::keys(c, scope, after, limit))
    }

    fn restored(&self, scope: &Scope) -> Result<Option<ScopeMark>, StoreError> {
        self.readers.read(|c| copy::restored(c, scope))
    }

    fn restore_store(&self, record: &StoreRecord) -> Result<(), StoreError> {
        let record = record.clone();
        self.writer.write(move |c| copy::restore_store(c, &record))
    }

    fn restore(&self, scope: &Scope, restore: Restore) -> Result<(), StoreError> {
        let scope = scope.clone();
        self.writer.write(move |c| copy::restore(c, &scope, restore))
    }

    fn drop_user(&self, user: &UserKey) -> Result<(), StoreError> {
        let user = user.clone();
        let note = self.writer.write(move |c| copy::drop_user(c, &user))?;
        self.scrub(note)
    }
}
