//! The methods that count what was spent and asked, handed to the modules that know them.

use std::ops::RangeInclusive;

use throughline::model::{Day, TenantId, Usage, UsageStage, UserKey};
use throughline::ports::{DayUsage, Minute, RateStore, StoreError, UsageStore};

use super::PostgresStore;
use crate::{rate, usage};

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

impl RateStore for PostgresStore {
    fn take_requests(&self, tenant: &TenantId, minute: Minute, count: u32) -> Result<u64, StoreError> {
        self.calls.read(async |c| rate::take(c, tenant, minute, count).await)
    }
}
