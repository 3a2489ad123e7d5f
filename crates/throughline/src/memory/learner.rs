//! Who learns: a language model if there is one and its budget lasts, the local extractor otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::learn::{Extractor, LocalExtractor};
use crate::model::{TenantId, Timestamp, UserKey};

use super::learn::{Extractors, LearnSettings, Learned};
use super::{Memory, MemoryError};

/// Learns for all tenants of a process.
pub struct Learner {
    model: Option<Arc<dyn Extractor>>,
    settings: LearnSettings,
    /// Tokens a tenant may spend a day; none for no bound.
    tokens_a_day_max: Option<u64>,
    spent: Mutex<HashMap<TenantId, Spent>>,
}

/// What a tenant has spent on a day, in days since 1970.
#[derive(Debug, Clone, Copy)]
struct Spent {
    day: i64,
    tokens: u64,
}

impl Learner {
    /// With a language model, if one is given.
    pub fn new(
        model: Option<Arc<dyn Extractor>>,
        settings: LearnSettings,
        tokens_a_day_max: Option<u64>,
    ) -> Self {
        Self { model, settings, tokens_a_day_max, spent: Mutex::default() }
    }

    /// Takes a job that is due and learns from it; of a user alone, whether due or not, if one is given. None if there is
    /// none.
    pub fn step(&self, memory: &Memory, only: Option<&UserKey>) -> Result<Option<Learned>, MemoryError> {
        let choose = |tenant: &TenantId| Extractors {
            model: self.model.as_deref().filter(|_| self.may_spend(tenant, memory.now())),
            local: &LocalExtractor,
        };
        let learned = memory.learn_next(&choose, &self.settings, only)?;
        if let Some(learned) = &learned {
            let usage = learned.usage;
            self.spend(learned.job.scope.tenant(), usage.prompt_tokens + usage.answer_tokens, memory.now());
        }
        Ok(learned)
    }

    /// Who would extract now, for a dry run.
    pub fn extractor(&self) -> &dyn Extractor {
        self.model.as_deref().unwrap_or(&LocalExtractor)
    }

    fn may_spend(&self, tenant: &TenantId, now: Timestamp) -> bool {
        let Some(max) = self.tokens_a_day_max else { return true };
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.get(tenant).is_none_or(|spent| spent.day != day(now) || spent.tokens < max)
    }

    fn spend(&self, tenant: &TenantId, tokens: u64, now: Timestamp) {
        if tokens == 0 {
            return;
        }
        let today = day(now);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        // What was spent on other days does not count, so who spent nothing today takes no room.
        spent.retain(|_, spent| spent.day == today);
        spent.entry(tenant.clone()).or_insert(Spent { day: today, tokens: 0 }).tokens += tokens;
    }
}

fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(86_400)
}
