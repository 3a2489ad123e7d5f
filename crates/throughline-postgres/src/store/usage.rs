//! The methods that count what was spent, handed to the module that knows them.

use std::ops::RangeInclusive;

use throughline::model::{Day, TenantId, Usage, UsageStage, UserKey};
use throughline::ports::{DayUsage, StoreError, UsageStore};

use super::PostgresStore;
use crate::usage;

impl UsageStore for PostgresStore {
    fn add_usage(
        &self,
        user: &UserKey,
        day: Day,
        stage: UsageStage,
        spent: Usage,
    ) -> Result<Usage, StoreError> {
        usage::add(&self.calls, user, day, stage, spent)
    }

    fn user_usage(&self, user: &UserKey, days: RangeInclusive<Day>) -> Result<Vec<DayUsage>, StoreError> {
        self.calls.read(async |c| usage::of_user(c, user, &days).await)
    }

    fn tenant_usage(
        &self,
        tenant: &TenantId,
        days: RangeInclusive<Day>,
    ) -> Result<Vec<DayUsage>, StoreError> {
        self.calls.read(async |c| usage::of_tenant(c, tenant, &days).await)
    }
}
