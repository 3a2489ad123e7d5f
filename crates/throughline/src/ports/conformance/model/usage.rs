//! The usage of the model of a store: two lists, of users and of tenants, and one of requests.

use std::ops::RangeInclusive;

use crate::model::{Day, TenantId, Usage, UsageStage, UserKey};
use crate::ports::{DayUsage, Minute, RateStore, StoreError, UsageStore, WatchStore};

use super::ModelStore;

#[derive(Clone, Default)]
pub(super) struct Usages {
    users: Vec<(UserKey, DayUsage)>,
    tenants: Vec<(TenantId, DayUsage)>,
    requests: Vec<(TenantId, Minute, u64)>,
}

impl Usages {
    /// How many there were.
    pub(super) fn erase(&mut self, user: &UserKey) -> u64 {
        let before = self.users.len();
        self.users.retain(|(known, _)| known != user);
        (before - self.users.len()) as u64
    }
}

fn add<K: PartialEq + Clone>(counts: &mut Vec<(K, DayUsage)>, of: &K, spent: DayUsage) {
    let known = counts
        .iter_mut()
        .find(|(known, count)| (known, count.day, count.stage) == (of, spent.day, spent.stage));
    match known {
        Some((_, count)) => count.usage += spent.usage,
        None => counts.push((of.clone(), spent)),
    }
}

fn of<K: PartialEq>(counts: &[(K, DayUsage)], wanted: &K, days: &RangeInclusive<Day>) -> Vec<DayUsage> {
    let counts = counts.iter().filter(|(known, count)| known == wanted && days.contains(&count.day));
    let mut counts: Vec<_> = counts.map(|(_, count)| *count).collect();
    counts.sort_by_key(|count| (count.day, count.stage));
    counts
}

impl UsageStore for ModelStore {
    fn add_usage(
        &self,
        user: &UserKey,
        day: Day,
        stage: UsageStage,
        usage: Usage,
    ) -> Result<Usage, StoreError> {
        self.write(|state| {
            let spent = DayUsage { day, stage, usage };
            if state.scopes.iter().any(|scope| scope.scope.user == *user) {
                add(&mut state.usages.users, user, spent);
            }
            add(&mut state.usages.tenants, &user.tenant, spent);
            let today = of(&state.usages.tenants, &user.tenant, &(day..=day));
            Ok(today.into_iter().map(|count| count.usage).sum())
        })
    }

    fn user_usage(&self, user: &UserKey, days: RangeInclusive<Day>) -> Result<Vec<DayUsage>, StoreError> {
        Ok(of(&self.state().usages.users, user, &days))
    }

    fn tenant_usage(
        &self,
        tenant: &TenantId,
        days: RangeInclusive<Day>,
    ) -> Result<Vec<DayUsage>, StoreError> {
        Ok(of(&self.state().usages.tenants, tenant, &days))
    }
}

impl RateStore for ModelStore {
    fn take_requests(&self, tenant: &TenantId, minute: Minute, count: u32) -> Result<u64, StoreError> {
        self.write(|state| {
            state.usages.requests.push((tenant.clone(), minute, count.into()));
            let same = state.usages.requests.iter().filter(|taken| (&taken.0, taken.1) == (tenant, minute));
            Ok(same.map(|taken| taken.2).sum())
        })
    }
}

impl WatchStore for ModelStore {}
