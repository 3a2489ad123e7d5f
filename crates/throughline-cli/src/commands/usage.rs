//! `throughline usage`: what was spent on the learning model.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use throughline::model::{Day, TenantId, Usage as Spent, UserId, UserKey};
use throughline::ports::{DayUsage, usage_day};

use super::Run;
use crate::config::{MemoryFlags, money};
use crate::terminal::grouped;
use crate::wire;

/// Days that are shown if nobody says since when, today among them.
const DAYS_DEFAULT: i64 = 30;

/// Show what the learning model cost, by day and stage
///
/// Of a tenant, with users that are erased by now, or of one user. Days begin and end in UTC. Money is counted where
/// `learning.prompt_price` and `learning.answer_price` are set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline usage
  throughline usage --user ada --since 2026-11-01
  throughline usage --json | jq .total")]
pub(crate) struct Usage {
    /// Only what was spent for this end user
    #[arg(long, value_name = "ID", value_parser = |text: &str| UserId::new(text))]
    user: Option<UserId>,
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
    /// The first day; the 29th before today if left out
    #[arg(long, value_name = "YYYY-MM-DD")]
    since: Option<Day>,
    /// The last day; today if left out
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Day>,
    #[command(flatten)]
    flags: MemoryFlags,
}

impl Usage {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let memory = wire::open(&run.load(&self.flags)?.config, wire::IfAbsent::Refuse)?;
        let until = self.until.unwrap_or_else(|| usage_day(memory.now()));
        let before = jiff::Span::new().days(DAYS_DEFAULT - 1);
        let since = self.since.unwrap_or_else(|| until.checked_sub(before).unwrap_or(Day::MIN));
        let found = match &self.user {
            None => memory.store().tenant_usage(&self.tenant, since..=until)?,
            Some(user) => {
                let user = UserKey { tenant: self.tenant.clone(), user: user.clone() };
                memory.store().user_usage(&user, since..=until)?
            }
        };
        let total: Spent = found.iter().map(|count| count.usage).sum();
        let terminal = run.terminal;
        if terminal.is_json() {
            return terminal.document(&json!({
                "since": since.to_string(),
                "until": until.to_string(),
                "days": found.iter().map(document).collect::<Vec<_>>(),
                "total": spent(total),
            }));
        }
        if found.is_empty() {
            terminal.note(format!("Nothing was spent from {since} to {until}."));
            return Ok(());
        }
        let row = |day: String, stage: &str, usage: Spent| {
            let cost = if usage.cost_nanos > 0 { money(usage.cost_nanos) } else { String::new() };
            let [calls, prompt, answer] =
                [usage.calls, usage.prompt_tokens, usage.answer_tokens].map(grouped);
            [day, stage.to_owned(), calls, prompt, answer, cost]
        };
        let rows = found.iter().map(|count| row(count.day.to_string(), count.stage.as_str(), count.usage));
        let rows: Vec<_> = rows.chain([row("total".to_owned(), "", total)]).collect();
        terminal.table(["day", "stage", "calls", "prompt tokens", "completion tokens", "cost"], &rows)
    }
}

fn document(count: &DayUsage) -> Value {
    let mut document = spent(count.usage);
    document["day"] = json!(count.day.to_string());
    document["stage"] = json!(count.stage.as_str());
    document
}

fn spent(usage: Spent) -> Value {
    let mut spent = json!({
        "calls": usage.calls,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.answer_tokens,
    });
    if usage.cost_nanos > 0 {
        spent["cost"] = json!(usage.cost_nanos as f64 / 1e9);
    }
    spent
}
