//! Fields that several resources share: whose memory, times, sizes of a page, JSON that is kept as it is.

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use throughline::model::{
    AgentId, AppId, NameError, RunId, Scope, SessionId, TenantId, Timestamp, Turn, UserId, UserKey,
    read_time_zone,
};
use utoipa::IntoParams;

use crate::error::{ApiError, ErrorCode};

/// A number of this size or more counts milliseconds, a smaller one seconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;

/// Items of a page if the client does not say.
const PAGE_ITEMS_DEFAULT: usize = 100;
/// The most items of a page.
const PAGE_ITEMS_MAX: usize = 1_000;

/// Whose memory, in a URL.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhoQuery {
    /// The end user.
    pub(crate) user: String,
    /// An agent that keeps a memory of its own of the user.
    pub(crate) agent: Option<String>,
    /// A part of the product that keeps its own.
    pub(crate) app: Option<String>,
    /// One run of an agent that keeps its own.
    pub(crate) run: Option<String>,
}

impl WhoQuery {
    /// The scope, within the caller's tenant.
    pub(crate) fn scope(&self, tenant: TenantId) -> Result<Scope, ApiError> {
        Who {
            user: &self.user,
            agent: self.agent.as_deref(),
            app: self.app.as_deref(),
            run: self.run.as_deref(),
        }
        .scope(tenant)
    }
}

/// Whose memory, as a body names it.
pub(crate) struct Who<'a> {
    pub(crate) user: &'a str,
    pub(crate) agent: Option<&'a str>,
    pub(crate) app: Option<&'a str>,
    pub(crate) run: Option<&'a str>,
}

impl Who<'_> {
    /// The scope, within the caller's tenant.
    pub(crate) fn scope(&self, tenant: TenantId) -> Result<Scope, ApiError> {
        Ok(Scope {
            user: UserKey { tenant, user: user_id(self.user)? },
            agent: self.agent.map(AgentId::new).transpose().map_err(named("agent"))?,
            app: self.app.map(AppId::new).transpose().map_err(named("app"))?,
            run: self.run.map(RunId::new).transpose().map_err(named("run"))?,
        })
    }
}

/// The fields of a body that say whose memory it is about.
macro_rules! who {
    ($body:expr) => {
        $crate::api::fields::Who {
            user: &$body.user,
            agent: $body.agent.as_deref(),
            app: $body.app.as_deref(),
            run: $body.run.as_deref(),
        }
    };
}
pub(crate) use who;

/// An end user's id.
pub(crate) fn user_id(user: &str) -> Result<UserId, ApiError> {
    UserId::new(user).map_err(|error| match error {
        NameError::Empty { .. } => super::body::missing_user(),
        _ => named("user")(error),
    })
}

/// A conversation's id.
pub(crate) fn session_id(param: &str, session: &str) -> Result<SessionId, ApiError> {
    SessionId::new(session).map_err(named(param))
}

/// The error of a name that is none.
pub(crate) fn named(param: &str) -> impl Fn(NameError) -> ApiError {
    let param = param.to_owned();
    move |error| ApiError::of_field(ErrorCode::InvalidRequest, &param, error.to_string())
}

/// A time as clients write it: RFC 3339 text, or seconds or milliseconds since 1970.
pub(crate) fn time(param: &str, value: &Value) -> Result<Timestamp, ApiError> {
    let refuse = |what: String| ApiError::of_field(ErrorCode::InvalidTime, param, what);
    match value {
        Value::String(text) => {
            text.trim().parse().map_err(|error| refuse(format!("`{text}` is not a time: {error}")))
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::INFINITY);
            let milliseconds = if number.abs() < MILLISECONDS_FROM { number * 1e3 } else { number };
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a cast saturates, and the ends are out of range"
            )]
            let milliseconds = milliseconds.round() as i64;
            Timestamp::from_millisecond(milliseconds)
                .map_err(|_| refuse(format!("{number} is not a time between the years -9999 and 9999")))
        }
        other => Err(refuse(format!("expected a text or a number, not {other}"))),
    }
}

/// A time that may be left out.
pub(crate) fn optional_time(param: &str, value: Option<&Value>) -> Result<Option<Timestamp>, ApiError> {
    value.filter(|value| !value.is_null()).map(|value| time(param, value)).transpose()
}

/// A time zone, if one is named.
pub(crate) fn time_zone(param: &str, name: Option<&str>) -> Result<Option<TimeZone>, ApiError> {
    name.map(read_time_zone)
        .transpose()
        .map_err(|what| ApiError::of_field(ErrorCode::InvalidRequest, param, what))
}

/// The size of a page.
pub(crate) fn page_items(limit: Option<usize>) -> Result<usize, ApiError> {
    within("limit", limit.unwrap_or(PAGE_ITEMS_DEFAULT), 1, PAGE_ITEMS_MAX)
}

/// A number that must lie between two others, both of which are allowed.
pub(crate) fn within(param: &str, number: usize, least: usize, most: usize) -> Result<usize, ApiError> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    let what = format!("{number} is not between {least} and {most}");
    Err(ApiError::of_field(ErrorCode::InvalidRequest, param, what))
}

/// JSON that was kept as text.
pub(crate) fn raw_json(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

/// The content of a turn as it was given: a text, or JSON.
pub(crate) fn content_json(turn: &Turn) -> Option<Box<RawValue>> {
    let json = turn.content.json.as_deref().and_then(raw_json);
    json.or_else(|| serde_json::value::to_raw_value(&turn.content.text).ok())
}

/// A part of a turn's text.
pub(crate) fn passage(turn: &Turn, (from, to): (u32, u32)) -> &str {
    turn.content.text.get(from as usize..to as usize).unwrap_or(&turn.content.text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &Value, expected: Result<&str, &str>) {
        match (time("turns[3].time", value), expected) {
            (Ok(time), Ok(expected)) => assert_eq!(time.to_string(), expected),
            (Err(error), Err(part)) => {
                assert_eq!(error.code, ErrorCode::InvalidTime);
                assert!(
                    error.message.starts_with("turns[3].time: ") && error.message.contains(part),
                    "{error:?}"
                );
            }
            (got, _) => panic!("{value} became {got:?}"),
        }
    }

    #[test]
    fn a_time_is_a_text_with_an_offset_or_a_number_of_seconds_or_milliseconds() {
        check(&json!("2026-11-02T09:30:00Z"), Ok("2026-11-02T09:30:00Z"));
        check(&json!("2026-11-02T09:30:00.250+01:00"), Ok("2026-11-02T08:30:00.25Z"));
        check(&json!(1_700_000_000), Ok("2023-11-14T22:13:20Z"));
        check(&json!(1_700_000_000.5), Ok("2023-11-14T22:13:20.5Z"));
        check(&json!(1_700_000_000_123_i64), Ok("2023-11-14T22:13:20.123Z"));
        check(&json!(0), Ok("1970-01-01T00:00:00Z"));
        check(&json!(-1), Ok("1969-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_time_is_named_with_its_path() {
        check(&json!("soon"), Err("`soon` is not a time"));
        check(&json!("2026-11-02T09:30:00"), Err("is not a time"));
        check(&json!(1e300), Err("is not a time"));
        check(&json!(true), Err("expected a text or a number"));
    }
}
