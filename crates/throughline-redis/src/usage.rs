//! What was spent on language models: a hash of counts for each user and for each tenant.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rand::RngCore as _;
use throughline::model::{Day, TenantId, Usage, UsageStage, UserKey};
use throughline::ports::DayUsage;

use crate::client::Call;
use crate::error::Fault;
use crate::keys::{Key, escaped};
use crate::reply;
use crate::script::USAGE;
use crate::store::RedisStore;

/// The last letter of a field, and what it counts.
const COUNTS: [char; 4] = ['c', 'p', 'a', 'n'];

/// The fields of a day and stage: `2026-11-25:0:c` and so on.
fn fields(day: Day, stage: UsageStage) -> [String; 4] {
    COUNTS.map(|count| format!("{day}:{}:{count}", stage.code()))
}

fn numbers(usage: Usage) -> [u64; 4] {
    let Usage { calls, prompt_tokens, answer_tokens, cost_nanos } = usage;
    [calls, prompt_tokens, answer_tokens, cost_nanos]
}

fn usage([calls, prompt_tokens, answer_tokens, cost_nanos]: [u64; 4]) -> Usage {
    Usage { calls, prompt_tokens, answer_tokens, cost_nanos }
}

/// The fields of a count, each with its number.
pub(crate) fn counted(count: &DayUsage) -> [(String, u64); COUNTS.len()] {
    let mut numbers = numbers(count.usage).into_iter();
    fields(count.day, count.stage).map(|field| (field, numbers.next().unwrap_or(0)))
}

/// The day, stage and place among [`COUNTS`] of a field; none if it counts nothing.
fn parse(field: &[u8]) -> Option<(Day, UsageStage, usize)> {
    let mut parts = std::str::from_utf8(field).ok()?.split(':');
    let (day, stage, count) = (parts.next()?, parts.next()?, parts.next()?);
    let at = COUNTS.iter().position(|known| count == known.to_string())?;
    Some((day.parse().ok()?, UsageStage::from_code(stage.parse().ok()?)?, at))
}

/// By day and code of the stage.
type Counted = BTreeMap<(Day, u8), (UsageStage, [u64; 4])>;

impl RedisStore {
    pub(crate) fn usage_key(&self, user: &UserKey) -> Key {
        self.keys.user(user, "usage")
    }

    fn tenant_usage_key(&self, tenant: &TenantId) -> Key {
        self.keys.global(&format!("usage:{}", escaped(tenant.as_str())), "usage")
    }

    /// Put the counts of another store in place of those that are here.
    pub(crate) fn restore_tenant_usage_calls(&self, tenant: &TenantId, counts: &[DayUsage]) -> Vec<Call> {
        let key = self.tenant_usage_key(tenant);
        let mut calls = vec![Call::plain("DEL", &key, &[])];
        for (field, number) in counts.iter().flat_map(counted) {
            calls.push(Call::plain("HSET", &key, &[field.as_bytes(), number.to_string().as_bytes()]));
        }
        calls
    }

    pub(crate) fn add_usage(
        &self,
        user: &UserKey,
        day: Day,
        stage: UsageStage,
        added: Usage,
    ) -> Result<Usage, Fault> {
        let id = rand::rng().next_u64().to_le_bytes().to_vec();
        let mut arguments = vec![id, COUNTS.len().to_string().into_bytes()];
        for (field, number) in fields(day, stage).into_iter().zip(numbers(added)) {
            arguments.extend([field.into_bytes(), number.to_string().into_bytes()]);
        }
        // Whoever is gone must not come back by what a late worker spent.
        let of_user = [self.usage_key(user), self.keys.user(user, "scopes")];
        let of_user = Call::script(&USAGE, &of_user, arguments.clone());
        // Of the tenant all stages of the day are asked for.
        arguments
            .extend(UsageStage::ALL.iter().flat_map(|stage| fields(day, *stage)).map(String::into_bytes));
        let of_tenant = Call::script(&USAGE, &[self.tenant_usage_key(&user.tenant)], arguments);
        let [_, answer] = reply::answers(redis::Value::Array(self.client.write_all(&[of_user, of_tenant])?))?;
        let mut sums = [0_u64; COUNTS.len()];
        for (at, value) in reply::list(answer)?.into_iter().enumerate() {
            sums[at % COUNTS.len()] += reply::number::<u64>(value)?;
        }
        Ok(usage(sums))
    }

    fn usages(&self, key: &Key) -> Result<Counted, Fault> {
        let mut found = Counted::new();
        for (field, value) in reply::pairs(self.client.read(Call::plain("HGETALL", key, &[]))?)? {
            if let Some((day, stage, at)) = parse(&field) {
                let (_, counts) = found.entry((day, stage.code())).or_insert((stage, [0; COUNTS.len()]));
                counts[at] = reply::number(redis::Value::BulkString(value))?;
            }
        }
        Ok(found)
    }

    fn usages_of_days(&self, key: &Key, days: &RangeInclusive<Day>) -> Result<Vec<DayUsage>, Fault> {
        let found = self.usages(key)?.into_iter().filter(|((day, _), _)| days.contains(day));
        Ok(found.map(|((day, _), (stage, counts))| DayUsage { day, stage, usage: usage(counts) }).collect())
    }

    pub(crate) fn user_usage(
        &self,
        user: &UserKey,
        days: &RangeInclusive<Day>,
    ) -> Result<Vec<DayUsage>, Fault> {
        self.usages_of_days(&self.usage_key(user), days)
    }

    pub(crate) fn tenant_usage(
        &self,
        tenant: &TenantId,
        days: &RangeInclusive<Day>,
    ) -> Result<Vec<DayUsage>, Fault> {
        self.usages_of_days(&self.tenant_usage_key(tenant), days)
    }

    /// How many days and stages a user has counts of.
    pub(crate) fn usages_count(&self, user: &UserKey) -> Result<u64, Fault> {
        Ok(self.usages(&self.usage_key(user))?.len() as u64)
    }
}
