//! A request's id, its span in the log, and its line in the metrics.
//!
//! The span has the route's pattern, never the path or the query, which name users.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

use crate::metrics;

/// Names a request in the log and in the response. A client may choose it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const REQUEST_ID_BYTES_MAX: usize = 128;

/// Middleware, outside of all others.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), %method, route);

    let mut response = next.run(request).instrument(span.clone()).await;
    // A provider's own request id stays.
    response.headers_mut().entry(REQUEST_ID).or_insert(id);
    let (status, took) = (response.status(), start.elapsed());
    span.in_scope(|| tracing::debug!(status = status.as_u16(), took_us = took.as_micros(), "answered"));
    metrics::request(&route, &method, status, took);
    response
}

/// The client's, if it is short and printable; else a new one.
fn request_id(request: &Request) -> HeaderValue {
    request
        .headers()
        .get(REQUEST_ID)
        .filter(|id| (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.to_str().is_ok())
        .cloned()
        .unwrap_or_else(|| {
            let id = format!("req_{}", uuid::Uuid::now_v7().simple());
            HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("req"))
        })
}
