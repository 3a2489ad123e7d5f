//! The methods of copying, handed to the modules that know how.

use throughline::model::{Scope, UserKey};
use throughline::ports::{
    CopiedKey, CopiedRow, CopyStore, Restore, ScopeMark, ScopeRecord, ScopesPage, StoreError, StoreRecord,
    Transit,
};

use super::RedisStore;
use crate::writing::Purpose;

impl CopyStore for RedisStore {
    fn transit(&self) -> Result<Option<Transit>, StoreError> {
        Ok(self.models()?.transit)
    }

    fn set_transit(&self, transit: Option<&Transit>) -> Result<(), StoreError> {
        Ok(self.set_transit(transit)?)
    }

    fn settle(&self, scope: &Scope) -> Result<(), StoreError> {
        Ok(self.settle_writes(scope)?)
    }

    fn store_record(&self) -> Result<StoreRecord, StoreError> {
        Ok(self.store_record()?)
    }

    fn scopes(&self, after: Option<&str>, limit: usize) -> Result<ScopesPage, StoreError> {
        Ok(self.scopes(after, limit)?)
    }

    fn scope_record(&self, scope: &Scope) -> Result<Option<ScopeRecord>, StoreError> {
        Ok(self.scope_record(scope)?)
    }

    fn copied_rows(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedRow>, StoreError> {
        Ok(self.copied_rows(scope, after, limit)?)
    }

    fn copied_keys(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<CopiedKey>, StoreError> {
        Ok(self.copied_keys(scope, after, limit)?)
    }

    fn restored(&self, scope: &Scope) -> Result<Option<ScopeMark>, StoreError> {
        Ok(self.restored(scope)?)
    }

    fn restore_store(&self, record: &StoreRecord) -> Result<(), StoreError> {
        self.models()?.expect(Purpose::Fill)?;
        Ok(self.restore_store(record)?)
    }

    fn restore(&self, scope: &Scope, restore: Restore) -> Result<(), StoreError> {
        Ok(self.restore(scope, &restore)?)
    }

    fn drop_user(&self, user: &UserKey) -> Result<(), StoreError> {
        Ok(self.drop_user(user)?)
    }
}
