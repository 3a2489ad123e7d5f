//! What a tenant or one of its users spent on the learning model, by day and stage, and how much of today's budget is left.

use std::ops::RangeInclusive;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use throughline::memory::MemoryError;
use throughline::model::{Day, Usage, UserKey};
use throughline::ports::{DayUsage, usage_day};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::QueryArgs;
use super::fields::{time, user_id};
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Days that are shown if nobody says since when, today among them.
const DAYS_DEFAULT: i64 = 30;
/// The most days of one answer.
const DAYS_MAX: i32 = 1_000;

/// Whose usage, and of which days.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowUsage {
    /// An end user. If left out, the whole tenant, with users that are erased by now.
    user: Option<String>,
    /// The first day, `2026-11-25`, or a time in it; the 29th before today if left out. Days begin and end in UTC.
    since: Option<String>,
    /// The last day; today if left out. At most 1,000 days are shown.
    until: Option<String>,
}

/// What was spent on the learning model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageOut {
    /// The first day that was looked at.
    since: String,
    /// The last one.
    until: String,
    /// By day and stage; those without any are left out.
    days: Vec<DayOut>,
    /// All of them together.
    total: SpentOut,
    /// What the tenant may spend today.
    budget: BudgetOut,
}

/// What was spent on one day in one stage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayOut {
    /// The day, in UTC.
    #[schema(examples("2026-11-25"))]
    day: String,
    /// `extract`; `repair`: asking again since an answer could not be read; or `summarise`: telling a conversation in short.
    stage: &'static str,
    #[serde(flatten)]
    spent: SpentOut,
}

/// Calls, tokens and money.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpentOut {
    /// Answers of the model.
    calls: u64,
    /// Tokens of prompts.
    prompt_tokens: u64,
    /// Tokens of answers.
    completion_tokens: u64,
    /// What they cost, in the currency of the configured prices; left out where there was no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
}

/// The tenant's tokens of today, however many users and processes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetOut {
    /// Spent since midnight in UTC.
    tokens_today: u64,
    /// From so many on the local extractor learns until tomorrow; null for no bound.
    tokens_a_day_max: Option<u64>,
    /// Whether that is so.
    spent: bool,
}

impl From<Usage> for SpentOut {
    fn from(usage: Usage) -> Self {
        Self {
            calls: usage.calls,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.answer_tokens,
            cost: (usage.cost_nanos > 0).then(|| usage.cost_nanos as f64 / 1e9),
        }
    }
}

impl From<DayUsage> for DayOut {
    fn from(count: DayUsage) -> Self {
        Self { day: count.day.to_string(), stage: count.stage.as_str(), spent: count.usage.into() }
    }
}

/// What was spent on the learning model, of the tenant or of one user. It is counted in the store, for all processes together.
#[utoipa::path(
    get, path = "/usage", tag = "server", operation_id = "show_usage", params(ShowUsage),
    responses(
        (status = 200, description = "By day and stage, the oldest first.", body = UsageOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(show): QueryArgs<ShowUsage>,
) -> Result<Json<UsageOut>, ApiError> {
    let tenant = principal.tenant;
    let user = show.user.as_deref().map(user_id).transpose()?;
    let user = user.map(|user| UserKey { tenant: tenant.clone(), user });
    let today = usage_day(state.engine.memory().now());
    let days = days(&show, today)?;
    let tokens_a_day_max = state.learner.tokens_a_day_max();
    state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let found = match &user {
                Some(user) => memory.store().user_usage(user, days.clone())?,
                None => memory.store().tenant_usage(&tenant, days.clone())?,
            };
            let tokens_today = memory.spent_today(&tenant)?.tokens();
            Ok(Json(UsageOut {
                since: days.start().to_string(),
                until: days.end().to_string(),
                total: found.iter().map(|count| count.usage).sum::<Usage>().into(),
                days: found.into_iter().map(DayOut::from).collect(),
                budget: BudgetOut {
                    tokens_today,
                    tokens_a_day_max,
                    spent: tokens_a_day_max.is_some_and(|max| tokens_today >= max),
                },
            }))
        })
        .await
}

fn days(show: &ShowUsage, today: Day) -> Result<RangeInclusive<Day>, ApiError> {
    let until = show.until.as_deref().map_or(Ok(today), |until| day("until", until))?;
    let before = jiff::Span::new().days(DAYS_DEFAULT - 1);
    let since = match &show.since {
        Some(since) => day("since", since)?,
        None => until.checked_sub(before).unwrap_or(Day::MIN),
    };
    let days = since.until(until).map_or(0, |span| span.get_days()).saturating_add(1);
    if days > DAYS_MAX {
        let what = format!("{since} to {until} is {days} days; ask for {DAYS_MAX} at most");
        return Err(ApiError::of_field(ErrorCode::InvalidRequest, "since", what));
    }
    Ok(since..=until)
}

/// A day as it is written, or the one of a time in UTC.
fn day(param: &str, text: &str) -> Result<Day, ApiError> {
    text.parse().or_else(|_| time(param, &Value::String(text.to_owned())).map(usage_day))
}
