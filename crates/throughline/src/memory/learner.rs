//! Who learns: a language model if there is one and its budget lasts, the local extractor otherwise.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::learn::{Extractor, LocalExtractor};
use crate::model::{TenantId, Usage, UserKey};
use crate::ports::usage_day;

use super::learn::{Extractors, LearnSettings, Learned};
use super::{Memory, MemoryError};

/// Learns for all tenants of a store.
pub struct Learner {
    model: Option<Arc<dyn Extractor>>,
    settings: LearnSettings,
    tokens_a_day_max: Option<u64>,
}

impl Learner {
    /// With a language model, if one is given, that may take so many tokens a day of each tenant; no bound if none is given.
    ///
    /// What was spent is counted in the store, so that the bound holds for all processes together and through restarts. It is
    /// looked at before a batch: those that are under way when it is reached go beyond it.
    pub fn new(
        model: Option<Arc<dyn Extractor>>,
        settings: LearnSettings,
        tokens_a_day_max: Option<u64>,
    ) -> Self {
        Self { model, settings, tokens_a_day_max }
    }

    /// Takes a job that is due and learns from it; of a user alone, whether due or not, if one is given. None if there is
    /// none, or if the language model rests: then all jobs wait as they are, since trying them would only use up their attempts.
    pub fn step(&self, memory: &Memory, only: Option<&UserKey>) -> Result<Option<Learned>, MemoryError> {
        if self.rests_for().is_some() {
            return Ok(None);
        }
        let over_budget = Cell::new(false);
        let choose = |tenant: &TenantId| {
            let model = self.model.as_deref();
            over_budget.set(model.is_some() && !self.may_spend(memory, tenant)?);
            Ok(Extractors { model: model.filter(|_| !over_budget.get()), local: &LocalExtractor })
        };
        let mut learned = memory.learn_next(&choose, &self.settings, only)?;
        if let Some(learned) = &mut learned {
            learned.over_budget = over_budget.get() && learned.extractor.is_some();
            self.warn_if_reached(learned);
        }
        Ok(learned)
    }

    /// Who would extract now, for a dry run.
    pub fn extractor(&self) -> &dyn Extractor {
        self.model.as_deref().unwrap_or(&LocalExtractor)
    }

    /// Whether a language model learns, as long as it can.
    pub fn has_model(&self) -> bool {
        self.model.is_some()
    }

    /// How long the language model is still left alone because it failed so often.
    pub fn rests_for(&self) -> Option<Duration> {
        self.model.as_deref().and_then(Extractor::rests_for)
    }

    /// Tokens of the language model that each tenant may take a day, if there is a bound.
    pub fn tokens_a_day_max(&self) -> Option<u64> {
        self.tokens_a_day_max
    }

    fn may_spend(&self, memory: &Memory, tenant: &TenantId) -> Result<bool, MemoryError> {
        let Some(max) = self.tokens_a_day_max else { return Ok(true) };
        Ok(memory.spent_today(tenant)?.tokens() < max)
    }

    /// Said once, by whoever spends the token that reaches it, and not at each job that comes after.
    fn warn_if_reached(&self, learned: &Learned) {
        let (Some(max), Some(today)) = (self.tokens_a_day_max, learned.spent_today) else { return };
        let tokens = today.tokens();
        if tokens >= max && tokens - learned.usage.total().tokens().min(tokens) < max {
            let tenant = learned.job.scope.tenant();
            tracing::warn!(%tenant, tokens, max, "the day's budget of learning is spent: patterns learn until tomorrow");
        }
    }
}

impl Memory {
    /// What a tenant has spent on language models since the day began in UTC.
    pub fn spent_today(&self, tenant: &TenantId) -> Result<Usage, MemoryError> {
        let today = usage_day(self.now());
        let spent = self.store.tenant_usage(tenant, today..=today)?;
        Ok(spent.into_iter().map(|count| count.usage).sum())
    }
}
