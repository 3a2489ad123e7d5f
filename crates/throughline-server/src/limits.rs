//! Bounds on what clients can ask for at once: requests in flight, time, bytes.
//!
//! A bound that is hit is an error that names it; nothing here queues.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// How much of a body that is too large is read to its end, so that its sender gets to see the answer.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Middleware: refuses requests above the bound. A request counts until its response body has ended.
pub(crate) async fn in_flight(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(place) = places.try_acquire_owned() else {
        return ApiError::new(ErrorCode::Overloaded, "too many requests are in flight").into_response();
    };
    next.run(request).await.map(|body| Body::new(Counted { body, _place: place }))
}

/// A response body that holds its place until it is dropped.
struct Counted {
    body: Body,
    _place: OwnedSemaphorePermit,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Middleware for the native API: gives up on a request that takes too long.
pub(crate) async fn time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let most = state.config.request_ms_max;
    match tokio::time::timeout(Duration::from_millis(most), next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            ErrorCode::Timeout,
            format!(
                "the request took longer than {most} ms (`request_ms_max`); what it began may still happen"
            ),
        )
        .into_response(),
    }
}

/// All of a request's body, if it is not larger than is accepted.
pub(crate) async fn read_body(state: &AppState, body: Body) -> Result<Bytes, ApiError> {
    read_up_to(body, state.config.body_bytes_max).await
}

async fn read_up_to(mut body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let too_large = || {
        Err(ApiError::new(
            ErrorCode::BodyTooLarge,
            format!("the body is larger than {bytes_max} bytes (`body_bytes_max`)"),
        ))
    };
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > DRAIN_BYTES_MAX.max(bytes_max) {
        return too_large();
    }
    let mut collected = BytesMut::with_capacity(if announced > bytes_max { 0 } else { announced });
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::new(
                ErrorCode::InvalidRequest,
                format!("the body broke off after {seen} bytes: {error}"),
            )
        })?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen > bytes_max {
            collected = BytesMut::new();
            if seen > DRAIN_BYTES_MAX.max(bytes_max) {
                break;
            }
        } else {
            collected.extend_from_slice(&data);
        }
    }
    if seen > bytes_max { too_large() } else { Ok(collected.freeze()) }
}

/// What a handler that panicked answers.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    // The panic's text may quote what somebody said; it stays out of the answer and of our own log line.
    tracing::error!("a request handler panicked");
    ApiError::new(ErrorCode::Internal, "the server failed on this request").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read_and_one_byte_more_is_refused() {
        assert_eq!(read_up_to(Body::from("abcd"), 4).await.unwrap(), "abcd");
        let error = read_up_to(Body::from("abcde"), 4).await.unwrap_err();
        assert_eq!(error.code.status(), 413);
        assert!(error.message.contains("4 bytes"), "{}", error.message);
    }

    #[test]
    fn a_panic_is_an_error_that_tells_nothing_of_what_was_said() {
        let response = panicked(Box::new("a user's words"));
        assert_eq!(response.status(), 500);
        let error = response.extensions().get::<ApiError>().unwrap();
        assert_eq!(error.code, ErrorCode::Internal);
        assert!(!error.message.contains("words"));
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_bounded_all_the_same() {
        let frames = futures_util::stream::iter((0..10).map(|_| Ok::<_, std::convert::Infallible>("xx")));
        assert_eq!(read_up_to(Body::from_stream(frames), 4).await.unwrap_err().code, ErrorCode::BodyTooLarge);
    }
}
