//! Sending a request upstream and handing its response on.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use http_body::Body as _;
use throughline_llm::{ErrorAsLastEvent, Exchange, Upstream, UpstreamError, UpstreamRequest, observe};

use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::limits::read_body;
use crate::state::AppState;

use super::report::MemoryReport;

/// Any path of the upstream that memory has no part in.
pub(super) async fn untouched(
    State(state): State<AppState>,
    _: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, state.config.body_bytes_max).await?;
    send(&state, &parts, body, &MemoryReport::without("not_a_chat"), drop).await
}

/// Sends the request and returns the upstream's response as it comes, with the report in its headers. `on_end` gets what
/// the upstream said, once, when its response is over in whatever way; not at all if there was none.
pub(super) async fn send(
    state: &AppState,
    parts: &Parts,
    body: Bytes,
    report: &MemoryReport,
    on_end: impl FnOnce(Exchange) + Send + Unpin + 'static,
) -> Result<Response, ApiError> {
    let upstream = upstream(state)?;
    let request = UpstreamRequest {
        method: parts.method.clone(),
        path_and_query: path_and_query(parts),
        headers: parts.headers.clone(),
        body,
    };
    let response = match upstream.send(request).await {
        Ok(response) => observe(response, on_end),
        Err(error) => {
            metrics::counter!("throughline_upstream_errors_total", "kind" => kind(&error)).increment(1);
            tracing::warn!(%error, "no answer from the upstream");
            let mut response = api_error(&error).into_response();
            report.put_on(response.headers_mut());
            return Ok(response);
        }
    };
    let (mut head, body) = response.into_parts();
    if !head.status.is_success() {
        let class = if head.status.is_server_error() { "5xx" } else { "4xx" };
        metrics::counter!("throughline_upstream_errors_total", "kind" => class).increment(1);
    }
    report.put_on(&mut head.headers);
    let is_stream = head
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/event-stream"));
    let body = if is_stream {
        // Proxies in front of us must not collect the events before they pass them on.
        head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Body::new(ErrorAsLastEvent::new(body, |error: &UpstreamError| api_error(error).openai().to_string()))
    } else {
        debug_assert!(!body.is_end_stream() || body.size_hint().exact() == Some(0));
        Body::new(body)
    };
    Ok(Response::from_parts(head, body))
}

fn upstream(state: &AppState) -> Result<&Upstream, ApiError> {
    let missing = || ApiError::new(ErrorCode::UpstreamNotConfigured, "there is no upstream to forward to");
    state.upstream.as_ref().ok_or_else(missing)
}

/// The path below `/v1/`, with the query but for what is meant for us.
fn path_and_query(parts: &Parts) -> String {
    let path = parts.uri.path();
    let path = path.strip_prefix("/v1/").unwrap_or(path);
    let query: Vec<&str> = parts
        .uri
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| pair.split('=').next() != Some("userId") && !pair.is_empty())
        .collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

fn kind(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::Unreachable { .. } => "unreachable",
        UpstreamError::FirstByteTimeout { .. } => "first_byte_timeout",
        UpstreamError::IdleTimeout { .. } => "idle_timeout",
        _ => "broken",
    }
}

fn api_error(error: &UpstreamError) -> ApiError {
    let code = match error {
        UpstreamError::FirstByteTimeout { .. } | UpstreamError::IdleTimeout { .. } => ErrorCode::UpstreamTimeout,
        _ => ErrorCode::UpstreamUnreachable,
    };
    ApiError::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_goes_upstream_without_what_is_meant_for_memory() {
        let path = |uri: &str| path_and_query(&http::Request::get(uri).body(()).unwrap().into_parts().0);
        assert_eq!(path("/v1/chat/completions?userId=ana"), "chat/completions");
        assert_eq!(path("/v1/chat/completions?a=1&userId=ana&b="), "chat/completions?a=1&b=");
        assert_eq!(path("/v1/models"), "models");
    }
}
