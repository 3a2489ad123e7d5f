//! Requests read strictly: what cannot be understood is refused, and the refusal says where.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::{ApiError, ErrorCode};
use crate::limits::read_body;
use crate::state::AppState;

/// A JSON body, whatever the content type says.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let bytes = read_body(state, request.into_body()).await?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        ApiError::new(ErrorCode::InvalidUtf8, format!("the body is not UTF-8 at byte {at}"))
    })?;
    if !text.trim_start().starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| ApiError::from_json(&error))?;
        return Err(ApiError::new(ErrorCode::InvalidRequest, "the body: expected an object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            misfit(&path, &without_place(&error.to_string()))
        } else {
            ApiError::from_json(&error)
        }
    })?;
    json.end().map_err(|error| ApiError::from_json(&error))?;
    Ok(value)
}

/// A value that is JSON, but not what it should be. `path` is `.` for the whole.
fn misfit(path: &str, what: &str) -> ApiError {
    let missing = what.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some("user") => missing_user(),
        Some(field) => {
            let path = if path == "." { field.to_owned() } else { format!("{path}.{field}") };
            ApiError::of_field(ErrorCode::InvalidRequest, path, "is missing")
        }
        None if path == "." => ApiError::new(ErrorCode::InvalidRequest, format!("the body: {what}")),
        None => ApiError::of_field(ErrorCode::InvalidRequest, path, what),
    }
}

/// The path says where; the line and column of a value well inside a body do not help.
fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

pub(super) fn missing_user() -> ApiError {
    ApiError::of_field(ErrorCode::MissingUser, "user", "is missing")
}

/// The query of a URL.
pub(crate) struct QueryArgs<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for QueryArgs<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        // Decoding would put a replacement character for what is not UTF-8, and two users would become one.
        if !decodes_to_utf8(parts.uri.query().unwrap_or_default()) {
            return Err(ApiError::new(ErrorCode::InvalidUtf8, "the query is not UTF-8"));
        }
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                if text.contains("missing field `user`") {
                    return Err(missing_user());
                }
                let what = text.split_once(": ").map_or(text.as_str(), |(_, what)| what);
                Err(ApiError::new(ErrorCode::InvalidRequest, format!("the query: {what}")))
            }
        }
    }
}

fn decodes_to_utf8(query: &str) -> bool {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// The last segment of a path, decoded.
pub(crate) struct PathId(pub(crate) String);

impl FromRequestParts<AppState> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(rejection) => {
                Err(ApiError::new(ErrorCode::InvalidUtf8, format!("the path: {}", rejection.body_text())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only what cannot be read is looked at")]
    struct Body {
        user: String,
        turns: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    struct Item {
        role: String,
        metadata: Option<Box<RawValue>>,
    }

    fn check(body: &[u8], code: ErrorCode, message: &str) {
        let error = parse::<Body>(body).unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
    }

    #[test]
    fn what_cannot_be_read_is_refused_where_it_stands() {
        check(b"{\"user\": \"a\",\n oops", ErrorCode::InvalidJson, "line 2 column 2");
        check(b"", ErrorCode::InvalidJson, "line 1 column 0");
        check(br#"{"user":"a","turns":[]} x"#, ErrorCode::InvalidJson, "trailing characters");
        check(b"{\"user\":\"\xff\"}", ErrorCode::InvalidUtf8, "at byte 9");
        check(br#"{"turns":[]}"#, ErrorCode::MissingUser, "user");
        check(br#"{"user":"a"}"#, ErrorCode::InvalidRequest, "turns: is missing");
        check(
            br#"{"user":"a","turns":[{"role":"user"},{}]}"#,
            ErrorCode::InvalidRequest,
            "turns[1].role: is missing",
        );
        check(
            br#"{"user":"a","turns":[{"role":7}]}"#,
            ErrorCode::InvalidRequest,
            "turns[0].role: invalid type",
        );
        check(
            br#"{"user":7}"#,
            ErrorCode::InvalidRequest,
            "user: invalid type: integer `7`, expected a string",
        );
        for other in ["[]", r#"["ana",[]]"#, "null", "7"] {
            check(other.as_bytes(), ErrorCode::InvalidRequest, "the body: expected an object");
        }
    }

    #[test]
    fn a_query_is_utf8_after_decoding_or_refused() {
        for (query, expected) in [
            ("", true),
            ("user=a+b%20c", true),
            ("user=%C3%A9", true),
            ("user=%c3", false),
            ("user=%ff&x=1", false),
            ("a=%", true),
            ("a=%zz", true),
        ] {
            assert_eq!(decodes_to_utf8(query), expected, "{query}");
        }
    }

    #[test]
    fn json_that_is_only_kept_stays_as_it_was() {
        let body = br#"{"user":"a","turns":[{"role":"user","metadata":{"b":1, "a":100000000000000000000000000001}}]}"#;
        let body: Body = parse(body).unwrap();
        let item = &body.turns[0];
        assert_eq!(item.metadata.as_ref().unwrap().get(), r#"{"b":1, "a":100000000000000000000000000001}"#);
        assert_eq!(item.role, "user");
    }
}
