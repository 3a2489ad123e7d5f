//! The methods that count what was spent, handed to the module that knows them.

use std::ops::RangeInclusive;

use throughline::model::{Day, TenantId, Usage, UsageStage, UserKey};
use throughline::ports::{DayUsage, StoreError, UsageStore};

use super::SqliteStore;
use crate::usage;

impl UsageStore for SqliteStore {
    fn add_usage(
        &self,
        user: &UserKey,
        day: Day,
        stage: UsageStage,
        spent: Usage,
    ) -> Result<Usage, StoreError> {
        let user = user.clone();
        self.write(move |c| usage::add(c, &user, day, stage, spent))
    }

    fn user_usage(&self, user: &UserKey, days: RangeInclusive<Day>) -> Result<Vec<DayUsage>, StoreError> {
        self.readers.read(|c| usage::of_user(c, user, &days))
    }

    fn tenant_usage(
        &self,
        tenant: &TenantId,
        days: RangeInclusive<Day>,
    ) -> Result<Vec<DayUsage>, StoreError> {
        self.readers.read(|c| usage::of_tenant(c, tenant, &days))
    }
}
