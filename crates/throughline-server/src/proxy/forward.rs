//! Sending a request upstream and handing its response on.

use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use throughline_llm::{
    ErrorAsLastEvent, Exchange, Upstream, UpstreamError, UpstreamRequest, is_event_stream, observe,
};

use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::limits::read_body;
use crate::metrics;
use crate::state::AppState;

use super::report::MemoryReport;

/// Any path of the upstream that memory has no part in.
pub(super) async fn untouched(
    State(state): State<AppState>,
    _: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(&state, body).await?;
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
    let sent = Instant::now();
    let response = match upstream.send(request).await {
        Ok(response) => {
            metrics::stage("upstream_first_byte", sent.elapsed());
            observe(response, on_end)
        }
        Err(error) => {
            metrics::upstream_error(class(&error));
            tracing::warn!(%error, "no answer from the upstream");
            let mut response = api_error(&error).into_response();
            report.put_on(response.headers_mut());
            return Ok(response);
        }
    };
    let (mut head, body) = response.into_parts();
    match head.status.as_u16() {
        429 => metrics::upstream_error("429"),
        400..500 => metrics::upstream_error("4xx"),
        500.. => metrics::upstream_error("5xx"),
        _ => {}
    }
    report.put_on(&mut head.headers);
    let body = if is_event_stream(&head.headers) {
        Body::new(ErrorAsLastEvent::new(body, |error: &UpstreamError| api_error(error).openai().to_string()))
    } else {
        Body::new(body)
    };
    Ok(Response::from_parts(head, body))
}

fn upstream(state: &AppState) -> Result<&Upstream, ApiError> {
    let missing = || ApiError::new(ErrorCode::UpstreamNotConfigured, "there is no upstream to forward to");
    state.config.upstream.as_ref().ok_or_else(missing)
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

fn class(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::Unreachable { .. } => "unreachable",
        UpstreamError::FirstByteTimeout { .. } => "first_byte_timeout",
        UpstreamError::IdleTimeout { .. } => "idle_timeout",
        _ => "broken",
    }
}

fn api_error(error: &UpstreamError) -> ApiError {
    let code = match error {
        UpstreamError::FirstByteTimeout { .. } | UpstreamError::IdleTimeout { .. } => {
            ErrorCode::UpstreamTimeout
        }
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
