//! The methods of copying, handed to the module that knows how.

use throughline::model::{Scope, UserKey};
use throughline::ports::{
    CopiedKey, CopiedRow, CopyStore, Restore, ScopeMark, ScopeRecord, ScopesPage, StoreError, StoreRecord,
    Transit,
};

use super::PostgresStore;
use crate::copy;

impl CopyStore for PostgresStore {
    fn transit(&self) -> Result<Option<Transit>, StoreError> {
        self.calls.read(copy::transit)
    }

    fn set_transit(&self, transit: Option<&Transit>) -> Result<(), StoreError> {
        copy::set_transit(&self.calls, transit)
    }

    fn store_record(&self) -> Result<StoreRecord, StoreError> {
        self.calls.read(copy::store_record)
    }

    fn scopes(&self, after: Option<&str>, limit: usize) -> Result<ScopesPage, StoreError> {
        self.calls.read(async |c| copy::scopes(c, after, limit).await)
    }

    fn scope_record(&self, scope: &Scope) -> Result<Option<ScopeRecord>, StoreError> {
        self.calls.read(async |c| copy::scope_record(c, scope).await)
    }

    fn copied_rows(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedRow>, StoreError> {
        self.calls.read(async |c| copy::rows(c, scope, after, limit).await)
    }

    fn copied_keys(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedKey>, StoreError> {
        self.calls.read(async |c| copy::keys(c, scope, after, limit).await)
    }

    fn restored(&self, scope: &Scope) -> Result<Option<ScopeMark>, StoreError> {
        self.calls.read(async |c| copy::restored(c, scope).await)
    }

    fn restore_store(&self, record: &StoreRecord) -> Result<(), StoreError> {
        copy::restore_store(&self.calls, record)
    }

    fn restore(&self, scope: &Scope, restore: Restore) -> Result<(), StoreError> {
        copy::restore(&self.calls, scope, &restore)
    }

    fn drop_user(&self, user: &UserKey) -> Result<(), StoreError> {
        copy::drop_user(&self.calls, user)
    }
}
