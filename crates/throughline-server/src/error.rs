//! What a client is told when something goes wrong: one table of stable codes, one error type, two renderings.
//!
//! Every error that leaves this server stands in [`ErrorCode`]; the reference page of errors is made from it. A
//! code never changes its meaning. No message may carry a credential or what somebody said.

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use throughline::memory::MemoryError;
use throughline::ports::StoreError;

/// What a client that is told to come back should wait, in seconds.
const RETRY_AFTER_S: u64 = 1;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $status:ident, $hint:literal;)*) => {
        /// The stable name of what went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])* $name,)*
        }

        impl ErrorCode {
            /// All codes, in the order of the reference page.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status it comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// What to do about it.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

error_codes! {
    /// The body is not JSON.
    InvalidJson = "invalid_json", BAD_REQUEST, "Send one JSON value, in UTF-8; the message says where reading stopped.";
    /// The body or a parameter is not UTF-8.
    InvalidUtf8 = "invalid_utf8", BAD_REQUEST, "Encode the request as UTF-8.";
    /// A field has the wrong type, is missing, or has a value that is not accepted.
    InvalidRequest = "invalid_request", BAD_REQUEST, "The message names the field; the shapes are at /docs.";
    /// The request does not say whose memory it is about.
    MissingUser = "missing_user", BAD_REQUEST, "Name the end user in `user`; memory is never guessed.";
    /// A turn, a query or an identity without any text.
    EmptyContent = "empty_content", BAD_REQUEST, "Send some text, or leave the item out.";
    /// A time that is none.
    InvalidTime = "invalid_time", BAD_REQUEST, "Write RFC 3339 with an offset, such as 2026-11-02T09:30:00Z, or seconds or milliseconds since 1970 as a number.";
    /// More turns than one call takes.
    TooManyTurns = "too_many_turns", BAD_REQUEST, "Split the turns over several calls; they keep their order.";
    /// A filter that does not exist.
    UnknownFilter = "unknown_filter", BAD_REQUEST, "Filters are role, roles, session, sessions, from, until and metadata.";
    /// A cursor that this server did not give out.
    InvalidCursor = "invalid_cursor", BAD_REQUEST, "Pass `next_cursor` of the page before, unchanged, or leave it out for the first page.";
    /// A profile that does not meet the tenant's schema, or names a slot that is not in it.
    InvalidProfile = "invalid_profile", BAD_REQUEST, "The message says where the fault is; slots of your own are declared with PUT /api/v1/profile/schema.";
    /// A schema of profile slots that cannot be used.
    InvalidSchema = "invalid_schema", BAD_REQUEST, "Send a JSON Schema of type object whose properties are the slots, without references to other documents.";
    /// No credential was sent and one is needed.
    KeyRequired = "key_required", UNAUTHORIZED, "Send a key of `throughline keys create` in X-Memory-Key or as `Authorization: Bearer tl_…`.";
    /// The credential is not a key of this server, or was revoked.
    InvalidKey = "invalid_key", UNAUTHORIZED, "See `throughline keys list`; make a new key with `throughline keys create`.";
    /// The request comes from a web page or by a name that is not this machine's, and the server has no keys.
    NotLoopback = "not_loopback", FORBIDDEN, "Use http://127.0.0.1 or http://localhost, or make a key with `throughline keys create`.";
    /// There is no such thing.
    NotFound = "not_found", NOT_FOUND, "Check the path and the id; what belongs to another tenant is not found either.";
    /// The path exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The routes and their methods are at /docs.";
    /// Somebody else changed the same thing at the same moment.
    Conflict = "conflict", CONFLICT, "Read it again and repeat the change.";
    /// An idempotency key came before with another body.
    IdempotencyMismatch = "idempotency_mismatch", CONFLICT, "Use a new key for new content; repeat a call with exactly the same body.";
    /// The body is larger than is accepted.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "Split the request, or raise `body_bytes_max` of the server.";
    /// The tenant has sent as many requests in this minute as it may.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Wait as long as `Retry-After` says; `server.tenant_requests_a_minute_max` sets the bound.";
    /// Something failed that should not.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server's log has the details under the request id of this response.";
    /// What is kept in the store cannot be understood.
    StoreCorrupt = "store_corrupt", INTERNAL_SERVER_ERROR, "Run `throughline doctor` on the data directory.";
    /// The store was made by a newer version or for another embedding model.
    StoreMismatch = "store_mismatch", INTERNAL_SERVER_ERROR, "Run `throughline doctor` on the data directory; it says which version or model it needs.";
    /// No upstream was configured, so there is nothing to forward to.
    UpstreamNotConfigured = "upstream_not_configured", SERVICE_UNAVAILABLE, "Start the server with --upstream URL or set OPENAI_BASE_URL.";
    /// The upstream could not be reached or broke off before it answered.
    UpstreamUnreachable = "upstream_unreachable", BAD_GATEWAY, "Check the upstream URL and that it is running.";
    /// The upstream did not answer in time.
    UpstreamTimeout = "upstream_timeout", GATEWAY_TIMEOUT, "Try again, or raise the upstream timeout of the server.";
    /// The embedding model is not there (yet).
    ModelUnavailable = "model_unavailable", SERVICE_UNAVAILABLE, "See /readyz; `throughline model pull` fetches the model.";
    /// More requests than the server takes at once.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Wait and try again; `requests_in_flight_max` sets the bound.";
    /// The store is busy or cannot be reached.
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, "Wait and try again; writes can be repeated safely.";
    /// The store can be read but not written to.
    StoreReadOnly = "store_read_only", SERVICE_UNAVAILABLE, "The message says why: its memory has moved, the data directory or its file system may not be written to, or its server is a replica.";
    /// The request took longer than is allowed.
    Timeout = "timeout", GATEWAY_TIMEOUT, "Send less at once and try again; with an idempotency key a repeated write is safe.";
    /// No room is left for the store.
    StoreFull = "store_full", INSUFFICIENT_STORAGE, "Free some disk space; nothing that was acknowledged is lost.";
}

/// One line of the reference page of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorEntry {
    /// The name on the wire.
    pub code: &'static str,
    /// The HTTP status, as a number.
    pub status: u16,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// All errors this server can answer with.
pub fn error_table() -> impl Iterator<Item = ErrorEntry> {
    ErrorCode::ALL.iter().map(|code| ErrorEntry {
        code: code.as_str(),
        status: code.status().as_u16(),
        meaning: code.meaning(),
        hint: code.hint(),
    })
}

/// An error on its way to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Which of the table.
    pub code: ErrorCode,
    /// What happened, to which thing.
    pub message: String,
    /// The path of the field at fault, such as `turns[3].time`.
    pub param: Option<String>,
    /// When it is worth another try, in seconds, if that is known.
    pub retry_after_s: Option<u64>,
}

impl ApiError {
    /// An error that is no single field's fault.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), param: None, retry_after_s: None }
    }

    /// A field at fault; the message names it.
    pub fn of_field(code: ErrorCode, param: impl Into<String>, message: impl AsRef<str>) -> Self {
        let param = param.into();
        Self { param: Some(param.clone()), ..Self::new(code, format!("{param}: {}", message.as_ref())) }
    }

    /// With the time after which it is worth another try.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// A body that is not JSON, or not the JSON it should be.
    pub(crate) fn from_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let code = if text.starts_with("invalid unicode code point") {
            ErrorCode::InvalidUtf8
        } else if error.is_data() {
            ErrorCode::InvalidRequest
        } else {
            ErrorCode::InvalidJson
        };
        Self::new(code, format!("the body cannot be read: {text}"))
    }

    /// The JSON of this server's own API.
    pub fn native(&self) -> serde_json::Value {
        let mut error =
            json!({ "code": self.code.as_str(), "message": self.message, "hint": self.code.hint() });
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        json!({ "error": error })
    }

    /// The JSON that clients of the OpenAI API expect.
    pub fn openai(&self) -> serde_json::Value {
        let kind = match self.code.status().as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        };
        json!({ "error": {
            "message": format!("{} {}", self.message, self.code.hint()),
            "type": kind,
            "param": self.param,
            "code": self.code.as_str(),
        } })
    }
}

/// The native rendering. The error itself goes along in the response's extensions, so that it can be rendered otherwise.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), Json(self.native())).into_response();
        let wait =
            if self.code.status() == StatusCode::SERVICE_UNAVAILABLE { Some(RETRY_AFTER_S) } else { None };
        if let Some(seconds) = self.retry_after_s.or(wait) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Middleware: errors of paths under `/v1` get the OpenAI shape, wherever they were made. Responses of an upstream carry
/// no [`ApiError`] and pass untouched.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let openai = request.uri().path().starts_with("/v1/");
    let mut response = next.run(request).await;
    if openai && let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = axum::body::Body::from(error.openai().to_string());
    }
    response
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) => ErrorCode::StoreUnavailable,
            StoreError::Full(_) => ErrorCode::StoreFull,
            StoreError::ReadOnly(_) => ErrorCode::StoreReadOnly,
            StoreError::Corrupt(_) => ErrorCode::StoreCorrupt,
            StoreError::NewerSchema { .. } => ErrorCode::StoreMismatch,
            StoreError::Conflict => ErrorCode::Conflict,
            StoreError::IdempotencyMismatch => ErrorCode::IdempotencyMismatch,
        };
        if code.status().is_server_error() {
            tracing::error!(%error, code = code.as_str(), "the store failed");
        }
        Self::new(code, error.to_string())
    }
}

impl From<MemoryError> for ApiError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Store(error) => error.into(),
            MemoryError::Name(_) | MemoryError::Invalid(_) => {
                Self::new(ErrorCode::InvalidRequest, error.to_string())
            }
            MemoryError::Embed(_) => Self::new(ErrorCode::ModelUnavailable, error.to_string()),
            MemoryError::ModelMismatch { .. } => Self::new(ErrorCode::StoreMismatch, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_stands_once_in_the_table_and_says_what_to_do() {
        let codes: BTreeSet<_> = error_table().map(|entry| entry.code).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        for entry in error_table() {
            assert!(
                entry.status >= 400 && entry.hint.ends_with('.') && entry.meaning.ends_with('.'),
                "{entry:?}"
            );
        }
    }

    #[test]
    fn an_error_has_two_shapes_with_one_code() {
        let error = ApiError::of_field(ErrorCode::InvalidTime, "turns[3].time", "`soon` is no time");
        assert_eq!(error.native()["error"]["code"], "invalid_time");
        assert_eq!(error.native()["error"]["message"], "turns[3].time: `soon` is no time");
        assert_eq!(error.openai()["error"]["type"], "invalid_request_error");
        assert_eq!(error.openai()["error"]["param"], "turns[3].time");
    }

    #[test]
    fn a_full_store_is_507_and_an_unavailable_one_says_when_to_come_back() {
        assert_eq!(ApiError::from(StoreError::Full("disk".into())).code.status(), 507);
        let response = ApiError::from(StoreError::Unavailable("busy".into())).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
