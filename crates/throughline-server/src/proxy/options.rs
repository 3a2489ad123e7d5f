//! What a request asks of memory: whose, which conversation, how much, how long, and where its user
//! is.
//!
//! The first place that names a user counts: `X-Memory-User`, `?userId=`, body `user`, `safety_identifier`,
//! `metadata.user_id`. Without one nothing is remembered; a user is never guessed.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::Query;
use http::{HeaderMap, Uri};
use jiff::tz::TimeZone;
use throughline::model::{
    AgentId, AppId, NameError, RunId, Scope, SessionId, TenantId, UserId, read_time_zone,
};
use throughline_llm::RawObject;

use crate::error::{ApiError, ErrorCode};

/// The longest a chat may be told to wait for memory.
const DEADLINE_MS_MAX: u64 = 60_000;

/// What memory may do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Recall and record.
    Full,
    /// Recall, record nothing but the receipt.
    ReadOnly,
    /// Neither.
    Off,
}

/// What a request asks of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemoryOptions {
    /// Whose memory; none if no user is named.
    pub(super) scope: Option<Scope>,
    /// The conversation, if it is named.
    pub(super) session: Option<SessionId>,
    pub(super) mode: Mode,
    pub(super) budget_tokens: Option<u32>,
    pub(super) deadline: Option<Duration>,
    /// Where days begin and end for the user, if it is named.
    pub(super) zone: Option<TimeZone>,
}

impl MemoryOptions {
    /// Reads headers, query and body. A header or query that cannot be meant is an error, since nothing was sent
    /// anywhere yet.
    pub(super) fn read(
        tenant: TenantId,
        headers: &HeaderMap,
        uri: &Uri,
        body: &RawObject<'_>,
    ) -> Result<Self, ApiError> {
        let metadata = Metadata::of(body);
        let user = match header(headers, "x-memory-user")?.or_else(|| query(uri, "userId")) {
            Some(user) => Some(named("X-Memory-User", UserId::new(user))?),
            None => [text(body, "user"), text(body, "safety_identifier"), metadata.user_id]
                .into_iter()
                .flatten()
                .find(|user| !user.trim().is_empty())
                .map(|user| named("user", UserId::new(user)))
                .transpose()?,
        };
        let session = match header(headers, "x-memory-session")? {
            Some(session) => Some(named("X-Memory-Session", SessionId::new(session))?),
            None => {
                metadata.session_id.map(|id| named("metadata.session_id", SessionId::new(id))).transpose()?
            }
        };
        let agent = header(headers, "x-memory-agent")?;
        let app = header(headers, "x-memory-app")?;
        let run = header(headers, "x-memory-run")?;
        let scope = match user {
            Some(user) => Some(Scope {
                agent: agent.map(|id| named("X-Memory-Agent", AgentId::new(id))).transpose()?,
                app: app.map(|id| named("X-Memory-App", AppId::new(id))).transpose()?,
                run: run.map(|id| named("X-Memory-Run", RunId::new(id))).transpose()?,
                ..Scope::of(tenant, user)
            }),
            None => None,
        };
        let deadline_ms = number::<u64>(headers, "x-memory-deadline-ms")?;
        if let Some(deadline_ms) = deadline_ms.filter(|ms| *ms > DEADLINE_MS_MAX) {
            return Err(invalid(
                "X-Memory-Deadline-Ms",
                &format!("{deadline_ms} is more than {DEADLINE_MS_MAX}"),
            ));
        }
        Ok(Self {
            scope,
            session,
            mode: mode(headers)?,
            budget_tokens: number(headers, "x-memory-budget-tokens")?,
            deadline: deadline_ms.map(Duration::from_millis),
            zone: zone(headers, metadata.time_zone)?,
        })
    }
}

/// The part of the body's `metadata` that concerns us. Whatever else it holds, in whatever shape, is the provider's.
#[derive(Default)]
struct Metadata {
    user_id: Option<String>,
    session_id: Option<String>,
    time_zone: Option<String>,
}

impl Metadata {
    fn of(body: &RawObject<'_>) -> Self {
        let Some(metadata) = body.get("metadata").and_then(|raw| RawObject::parse(raw.get().as_bytes()).ok())
        else {
            return Self::default();
        };
        Self {
            user_id: text(&metadata, "user_id"),
            session_id: text(&metadata, "session_id"),
            time_zone: text(&metadata, "time_zone"),
        }
    }
}

fn text(object: &RawObject<'_>, key: &str) -> Option<String> {
    serde_json::from_str(object.get(key)?.get()).ok()
}

fn query(uri: &Uri, key: &str) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    pairs.into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn header(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, ApiError> {
    // Names are written in UTF-8, which HTTP headers carry as they are.
    match headers.get(name).map(|value| std::str::from_utf8(value.as_bytes())) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Some(Err(_)) => Err(ApiError::of_field(ErrorCode::InvalidUtf8, name, "is not UTF-8")),
    }
}

fn named<T>(what: &str, name: Result<T, NameError>) -> Result<T, ApiError> {
    name.map_err(|error| invalid(what, &error.to_string()))
}

fn number<T: FromStr>(headers: &HeaderMap, name: &'static str) -> Result<Option<T>, ApiError> {
    header(headers, name)?
        .map(|value| value.parse().map_err(|_| invalid(name, &format!("`{value}` is not a whole number"))))
        .transpose()
}

fn mode(headers: &HeaderMap) -> Result<Mode, ApiError> {
    match header(headers, "x-memory-mode")?.as_deref() {
        None | Some("full") => Ok(Mode::Full),
        Some("readonly") => Ok(Mode::ReadOnly),
        Some("off") => Ok(Mode::Off),
        Some(other) => {
            Err(invalid("X-Memory-Mode", &format!("`{other}` is none; use full, readonly or off")))
        }
    }
}

/// The header is meant for us, so it must make sense. A field of the metadata may have been there before us and say
/// what it likes: one that is no time zone is left alone.
fn zone(headers: &HeaderMap, metadata: Option<String>) -> Result<Option<TimeZone>, ApiError> {
    match header(headers, "x-memory-time-zone")? {
        Some(name) => read_time_zone(&name).map(Some).map_err(|why| invalid("X-Memory-Time-Zone", &why)),
        None => Ok(metadata.and_then(|name| read_time_zone(&name).ok())),
    }
}

fn invalid(what: &str, why: &str) -> ApiError {
    ApiError::of_field(ErrorCode::InvalidRequest, what, why)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use throughline::model::ZoneOffsets;

    use super::*;

    fn read(headers: &[(&'static str, &str)], uri: &str, body: &str) -> Result<MemoryOptions, ApiError> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        let body = RawObject::parse(body.as_bytes()).unwrap();
        MemoryOptions::read(TenantId::single(), &headers.collect(), &uri.parse().unwrap(), &body)
    }

    fn user(headers: &[(&'static str, &str)], uri: &str, body: &str) -> Option<String> {
        read(headers, uri, body).unwrap().scope.map(|scope| scope.user.user.to_string())
    }

    #[test]
    fn the_first_place_that_names_a_user_counts() {
        let body = r#"{"metadata":{"user_id":"e"},"safety_identifier":"d","user":"c"}"#;
        assert_eq!(user(&[("x-memory-user", "a")], "/v1?userId=b", body).as_deref(), Some("a"));
        assert_eq!(user(&[], "/v1?x=1&userId=b%20b", body).as_deref(), Some("b b"));
        assert_eq!(user(&[], "/v1", body).as_deref(), Some("c"));
        assert_eq!(
            user(&[], "/v1", r#"{"metadata":{"user_id":"e"},"safety_identifier":"d"}"#).as_deref(),
            Some("d")
        );
        assert_eq!(user(&[], "/v1", r#"{"metadata":{"user_id":"e"},"user":" "}"#).as_deref(), Some("e"));
        assert_eq!(user(&[], "/v1", r#"{"metadata":7,"user":null}"#), None);
    }

    #[test]
    fn a_user_may_be_named_in_any_script() {
        assert_eq!(user(&[("x-memory-user", "例え")], "/v1", "{}").as_deref(), Some("例え"));
    }

    #[test]
    fn the_session_comes_from_its_header_or_the_metadata() {
        let body = r#"{"metadata":{"session_id":"m"}}"#;
        let session = |headers| read(headers, "/", body).unwrap().session.unwrap().to_string();
        assert_eq!(session(&[]), "m");
        assert_eq!(session(&[("x-memory-session", "h")]), "h");
    }

    #[test]
    fn the_time_zone_comes_from_its_header_or_from_a_field_of_the_metadata_that_is_one() {
        let zone = |headers: &[_], metadata: &str| {
            let body = format!(r#"{{"metadata":{{"time_zone":{metadata}}}}}"#);
            read(headers, "/", &body).unwrap().zone.map(|zone| ZoneOffsets::at(&zone, []).name().to_owned())
        };
        assert_eq!(zone(&[], "null"), None);
        assert_eq!(zone(&[], r#""Asia/Tokyo""#).as_deref(), Some("Asia/Tokyo"));
        assert_eq!(zone(&[], r#""Pacific Time""#), None);
        let header = [("x-memory-time-zone", "-03:00")];
        assert_eq!(zone(&header, r#""Asia/Tokyo""#).as_deref(), Some("-03:00"));
    }

    #[test]
    fn an_option_that_cannot_be_meant_is_named() {
        for (header, value) in [
            ("x-memory-mode", "fulll"),
            ("x-memory-budget-tokens", "lots"),
            ("x-memory-deadline-ms", "-1"),
            ("x-memory-deadline-ms", "99999999"),
            ("x-memory-time-zone", "Europe/Vien"),
        ] {
            let error = read(&[(header, value)], "/", "{}").unwrap_err();
            assert_eq!(error.param.unwrap().to_lowercase(), header);
        }
        assert!(read(&[("x-memory-user", &"x".repeat(300))], "/", "{}").unwrap_err().message.contains("256"));
    }
}
