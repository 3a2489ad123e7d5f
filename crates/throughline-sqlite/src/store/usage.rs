//! The methods that count what was spent and asked, handed to the modules that know them.

use std::ops::RangeInclusive;

use throughline::model::{Day, TenantId, Usage, UsageStage, UserKey};
use throughline::ports::{DayUsage, Minute, RateStore, StoreError, UsageStore, WatchStore};

use super::SqliteStore;
use crate::{rate, usage};

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

impl RateStore for SqliteStore {
    fn take_requests(&self, tenant: &TenantId, minute: Minute, count: u32) -> Result<u64, StoreError> {
        let tenant = tenant.clone();
        // No part of the memory: also while it is being moved.
        self.writer.write(move |c| rate::take(c, &tenant, minute, count))
    }
}

/// It has no server.
impl WatchStore for SqliteStore {}
