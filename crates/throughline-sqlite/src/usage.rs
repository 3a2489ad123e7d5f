//! What was spent on language models: a table of users, one of tenants.

use std::ops::RangeInclusive;

use rusqlite::{Connection, Row, Rows, params};
use throughline::model::{Day, TenantId, Usage, UsageStage, UserKey};
use throughline::ports::DayUsage;

use crate::error::Fault;
use crate::scopes;

/// See [`throughline::ports::UsageStore::add_usage`].
pub(crate) fn add(
    connection: &Connection,
    user: &UserKey,
    day: Day,
    stage: UsageStage,
    usage: Usage,
) -> Result<Usage, Fault> {
    const ADD: &str = "DO UPDATE SET calls = calls + excluded.calls,
         prompt_tokens = prompt_tokens + excluded.prompt_tokens,
         answer_tokens = answer_tokens + excluded.answer_tokens, cost_nanos = cost_nanos + excluded.cost_nanos";
    let (tenant, day) = (user.tenant.as_str(), day.to_string());
    let Usage { calls, prompt_tokens, answer_tokens, cost_nanos } = usage;
    // Whoever is gone must not come back by what a late worker spent.
    if scopes::has_user(connection, user)? {
        let mut statement = connection.prepare_cached(&format!(
            "INSERT INTO user_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, user, day, stage) {ADD}"
        ))?;
        let user = user.user.as_str();
        statement.execute(params![
            tenant,
            user,
            day,
            stage.code(),
            calls,
            prompt_tokens,
            answer_tokens,
            cost_nanos
        ])?;
    }
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO tenant_usage VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, day, stage) {ADD}"
    ))?;
    statement.execute(params![tenant, day, stage.code(), calls, prompt_tokens, answer_tokens, cost_nanos])?;
    let mut statement = connection.prepare_cached(
        "SELECT sum(calls), sum(prompt_tokens), sum(answer_tokens), sum(cost_nanos) FROM tenant_usage
         WHERE tenant = ? AND day = ?",
    )?;
    Ok(statement.query_row([tenant, &day], |row| usage_from(row, 0))?)
}

/// See [`throughline::ports::UsageStore::user_usage`].
pub(crate) fn of_user(
    connection: &Connection,
    user: &UserKey,
    days: &RangeInclusive<Day>,
) -> Result<Vec<DayUsage>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT day, stage, calls, prompt_tokens, answer_tokens, cost_nanos FROM user_usage
         WHERE tenant = ? AND user = ? AND day BETWEEN ? AND ? ORDER BY day, stage",
    )?;
    let [first, last] = [days.start(), days.end()].map(ToString::to_string);
    collect(statement.query([user.tenant.as_str(), user.user.as_str(), &first, &last])?)
}

/// See [`throughline::ports::UsageStore::tenant_usage`].
pub(crate) fn of_tenant(
    connection: &Connection,
    tenant: &TenantId,
    days: &RangeInclusive<Day>,
) -> Result<Vec<DayUsage>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT day, stage, calls, prompt_tokens, answer_tokens, cost_nanos FROM tenant_usage
         WHERE tenant = ? AND day BETWEEN ? AND ? ORDER BY day, stage",
    )?;
    let [first, last] = [days.start(), days.end()].map(ToString::to_string);
    collect(statement.query([tenant.as_str(), &first, &last])?)
}

/// How many rows of the user's own there were.
pub(crate) fn erase(connection: &Connection, user: &UserKey) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached("DELETE FROM user_usage WHERE tenant = ? AND user = ?")?;
    Ok(statement.execute([user.tenant.as_str(), user.user.as_str()])? as u64)
}

/// Puts a count of another store in place of what is here.
pub(crate) fn restore_of_user(
    connection: &Connection,
    user: &UserKey,
    count: &DayUsage,
) -> Result<(), Fault> {
    let DayUsage { day, stage, usage } = count;
    let Usage { calls, prompt_tokens, answer_tokens, cost_nanos } = usage;
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO user_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    let (tenant, user, day) = (user.tenant.as_str(), user.user.as_str(), day.to_string());
    statement.execute(params![
        tenant,
        user,
        day,
        stage.code(),
        calls,
        prompt_tokens,
        answer_tokens,
        cost_nanos
    ])?;
    Ok(())
}

/// Adds a count of another store to a tenant without it.
pub(crate) fn restore_of_tenant(
    connection: &Connection,
    tenant: &TenantId,
    count: &DayUsage,
) -> Result<(), Fault> {
    let DayUsage { day, stage, usage } = count;
    let Usage { calls, prompt_tokens, answer_tokens, cost_nanos } = usage;
    connection.execute(
        "INSERT INTO tenant_usage VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            tenant.as_str(),
            day.to_string(),
            stage.code(),
            calls,
            prompt_tokens,
            answer_tokens,
            cost_nanos
        ],
    )?;
    Ok(())
}

fn collect(mut rows: Rows<'_>) -> Result<Vec<DayUsage>, Fault> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(day_usage(row)?);
    }
    Ok(found)
}

fn day_usage(row: &Row<'_>) -> Result<DayUsage, Fault> {
    let damaged = |what: &str| Fault::Damaged(format!("a count of usage is of {what} that is none"));
    let day: String = row.get(0)?;
    Ok(DayUsage {
        day: day.parse().map_err(|_| damaged("a day"))?,
        stage: UsageStage::from_code(row.get(1)?).ok_or_else(|| damaged("a stage"))?,
        usage: usage_from(row, 2)?,
    })
}

/// From four columns, the first of which has this number.
fn usage_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Usage> {
    Ok(Usage {
        calls: row.get(first)?,
        prompt_tokens: row.get(first + 1)?,
        answer_tokens: row.get(first + 2)?,
        cost_nanos: row.get(first + 3)?,
    })
}
