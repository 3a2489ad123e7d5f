//! What was spent on language models, as a store counts it: by user, stage and day, and of each tenant in all.

use std::ops::RangeInclusive;

use crate::model::{Day, TenantId, Timestamp, Usage, UsageStage, UserKey};

use super::StoreError;

/// The day in UTC on which something is counted that was spent at this moment.
pub fn usage_day(spent: Timestamp) -> Day {
    jiff::tz::Offset::UTC.to_datetime(spent).date()
}

/// Every day there can be usage of.
pub const ALL_DAYS: RangeInclusive<Day> = jiff::civil::date(1970, 1, 1)..=jiff::civil::date(9999, 12, 31);

/// What was spent on one day in one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUsage {
    /// The day, in UTC.
    pub day: Day,
    /// For what.
    pub stage: UsageStage,
    /// How much.
    pub usage: Usage,
}

/// Counts what language models cost. A tenant's counts are kept beside those of its users and outlive them: what was spent
/// is spent, whoever is erased.
pub trait UsageStore: Send + Sync {
    /// Adds what was spent for a user on a day, and returns what the tenant has spent on that day with it, of all its users
    /// and in all stages. Of processes that add at once each gets another sum, and the greatest is the whole.
    ///
    /// Of a user of whom the store keeps nothing, one erased in the meantime, only the tenant's count grows.
    ///
    /// Repeating it counts twice. After an error of which nobody can tell whether it was written, that is the lesser evil.
    fn add_usage(
        &self,
        user: &UserKey,
        day: Day,
        stage: UsageStage,
        usage: Usage,
    ) -> Result<Usage, StoreError>;

    /// What was spent for a user on these days, by day and stage; a day and stage without any is left out.
    fn user_usage(&self, user: &UserKey, days: RangeInclusive<Day>) -> Result<Vec<DayUsage>, StoreError>;

    /// What a tenant has spent on these days, by day and stage, for users erased since as well.
    fn tenant_usage(&self, tenant: &TenantId, days: RangeInclusive<Day>)
    -> Result<Vec<DayUsage>, StoreError>;
}
