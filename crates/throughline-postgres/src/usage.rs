//! What was spent on language models: a table of users, one of tenants, and one of what a tenant has spent in all on a day.

use std::ops::RangeInclusive;

use throughline::model::{Day, TenantId, Usage, UsageStage, UserKey};
use throughline::ports::{DayUsage, StoreError};
use tokio_postgres::{Client, Row};

use crate::calls::Calls;
use crate::error::Fault;
use crate::statement::{Reply, Statement, column};

/// See [`throughline::ports::UsageStore::add_usage`].
pub(crate) fn add(
    calls: &Calls,
    user: &UserKey,
    day: Day,
    stage: UsageStage,
    usage: Usage,
) -> Result<Usage, StoreError> {
    let (tenant, day, stage) = (user.tenant.as_str(), day.to_string(), i16::from(stage.code()));
    calls.write(async |transaction| {
        // Whoever is gone must not come back by what a late worker spent: the lock waits for an erasure under way.
        let of_user = Statement::new(
            "WITH known AS MATERIALIZED (
                 SELECT FROM throughline.scopes WHERE tenant = $5 AND user_name = $6 FOR KEY SHARE)
             INSERT INTO throughline.user_usage AS kept
                 (calls, prompt_tokens, answer_tokens, cost_nanos, tenant, user_name, day, stage)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT FROM known)
             ON CONFLICT (tenant, user_name, day, stage) DO UPDATE SET calls = kept.calls + excluded.calls,
                 prompt_tokens = kept.prompt_tokens + excluded.prompt_tokens,
                 answer_tokens = kept.answer_tokens + excluded.answer_tokens,
                 cost_nanos = kept.cost_nanos + excluded.cost_nanos",
        )
        .with_usage(usage)
        .with(tenant)
        .with(user.user.as_str())
        .with(day.as_str())
        .with(stage);
        let of_tenant = Statement::new(
            "INSERT INTO throughline.tenant_usage AS kept
                 (calls, prompt_tokens, answer_tokens, cost_nanos, tenant, day, stage)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant, day, stage) DO UPDATE SET calls = kept.calls + excluded.calls,
                 prompt_tokens = kept.prompt_tokens + excluded.prompt_tokens,
                 answer_tokens = kept.answer_tokens + excluded.answer_tokens,
                 cost_nanos = kept.cost_nanos + excluded.cost_nanos",
        )
        .with_usage(usage)
        .with(tenant)
        .with(day.as_str())
        .with(stage);
        // Last, since all of the tenant wait at this row.
        let of_day = Statement::new(
            "INSERT INTO throughline.tenant_days AS kept
                 (calls, prompt_tokens, answer_tokens, cost_nanos, tenant, day)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (tenant, day) DO UPDATE SET calls = kept.calls + excluded.calls,
                 prompt_tokens = kept.prompt_tokens + excluded.prompt_tokens,
                 answer_tokens = kept.answer_tokens + excluded.answer_tokens,
                 cost_nanos = kept.cost_nanos + excluded.cost_nanos
             RETURNING calls, prompt_tokens, answer_tokens, cost_nanos",
        )
        .with_usage(usage)
        .with(tenant)
        .with(day.as_str());
        let replies = transaction.commit(vec![of_user, of_tenant, of_day]).await?;
        let row = replies.last().and_then(Reply::first);
        usage_from(row.ok_or_else(|| Fault::Damaged("a count of usage is gone".into()))?, 0)
    })
}

/// See [`throughline::ports::UsageStore::user_usage`].
pub(crate) async fn of_user(
    client: &Client,
    user: &UserKey,
    days: &RangeInclusive<Day>,
) -> Result<Vec<DayUsage>, Fault> {
    let reply = Statement::new(
        "SELECT day, stage, calls, prompt_tokens, answer_tokens, cost_nanos FROM throughline.user_usage
         WHERE tenant = $1 AND user_name = $2 AND day BETWEEN $3 AND $4 ORDER BY day, stage",
    )
    .with(user.tenant.as_str())
    .with(user.user.as_str())
    .with(days.start().to_string())
    .with(days.end().to_string())
    .send(client)
    .await?;
    reply.rows.iter().map(|row| day_usage(row, 0)).collect()
}

/// See [`throughline::ports::UsageStore::tenant_usage`].
pub(crate) async fn of_tenant(
    client: &Client,
    tenant: &TenantId,
    days: &RangeInclusive<Day>,
) -> Result<Vec<DayUsage>, Fault> {
    let reply = Statement::new(
        "SELECT day, stage, calls, prompt_tokens, answer_tokens, cost_nanos FROM throughline.tenant_usage
         WHERE tenant = $1 AND day BETWEEN $2 AND $3 ORDER BY day, stage",
    )
    .with(tenant.as_str())
    .with(days.start().to_string())
    .with(days.end().to_string())
    .send(client)
    .await?;
    reply.rows.iter().map(|row| day_usage(row, 0)).collect()
}

/// Takes away the user's own counts.
pub(crate) fn erase(user: &UserKey) -> Statement<'_> {
    Statement::new("DELETE FROM throughline.user_usage WHERE tenant = $1 AND user_name = $2")
        .with(user.tenant.as_str())
        .with(user.user.as_str())
}

/// Asks for the counts of all tenants: the tenant's name, then what [`day_usage`] reads.
pub(crate) fn of_all_tenants() -> Statement<'static> {
    Statement::new(
        "SELECT tenant, day, stage, calls, prompt_tokens, answer_tokens, cost_nanos FROM throughline.tenant_usage
         ORDER BY tenant, day, stage",
    )
}

/// Puts a count of another store in place of what is here.
pub(crate) fn restore_of_user<'a>(user: &'a UserKey, count: &DayUsage) -> Statement<'a> {
    Statement::new(
        "INSERT INTO throughline.user_usage (calls, prompt_tokens, answer_tokens, cost_nanos, tenant, user_name, day, stage)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant, user_name, day, stage) DO UPDATE SET calls = excluded.calls,
             prompt_tokens = excluded.prompt_tokens, answer_tokens = excluded.answer_tokens, cost_nanos = excluded.cost_nanos",
    )
    .with_usage(count.usage)
    .with(user.tenant.as_str())
    .with(user.user.as_str())
    .with(count.day.to_string())
    .with(i16::from(count.stage.code()))
}

/// Adds a count of another store to a tenant without it; [`sum_up_days`] comes after the last.
pub(crate) fn restore_of_tenant<'a>(tenant: &'a TenantId, count: &DayUsage) -> Statement<'a> {
    Statement::new(
        "INSERT INTO throughline.tenant_usage (calls, prompt_tokens, answer_tokens, cost_nanos, tenant, day, stage)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .with_usage(count.usage)
    .with(tenant.as_str())
    .with(count.day.to_string())
    .with(i16::from(count.stage.code()))
}

/// Makes the sums of days anew, of which there are none.
pub(crate) fn sum_up_days() -> Statement<'static> {
    Statement::new(
        "INSERT INTO throughline.tenant_days (tenant, day, calls, prompt_tokens, answer_tokens, cost_nanos)
         SELECT tenant, day, sum(calls), sum(prompt_tokens), sum(answer_tokens), sum(cost_nanos)
         FROM throughline.tenant_usage GROUP BY tenant, day",
    )
}

/// From six columns, the first of which has this number.
pub(crate) fn day_usage(row: &Row, first: usize) -> Result<DayUsage, Fault> {
    let damaged = |what: &str| Fault::Damaged(format!("a count of usage is of {what} that is none"));
    let stage = u8::try_from(column::<i16>(row, first + 1)?).ok().and_then(UsageStage::from_code);
    Ok(DayUsage {
        day: column::<&str>(row, first)?.parse().map_err(|_| damaged("a day"))?,
        stage: stage.ok_or_else(|| damaged("a stage"))?,
        usage: usage_from(row, first + 2)?,
    })
}

/// From four columns, the first of which has this number.
fn usage_from(row: &Row, first: usize) -> Result<Usage, Fault> {
    let count = |at| Ok::<_, Fault>(u64::try_from(column::<i64>(row, first + at)?).unwrap_or(0));
    Ok(Usage { calls: count(0)?, prompt_tokens: count(1)?, answer_tokens: count(2)?, cost_nanos: count(3)? })
}

impl Statement<'_> {
    fn with_usage(self, usage: Usage) -> Self {
        let Usage { calls, prompt_tokens, answer_tokens, cost_nanos } = usage;
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.with(count(calls)).with(count(prompt_tokens)).with(count(answer_tokens)).with(count(cost_nanos))
    }
}
