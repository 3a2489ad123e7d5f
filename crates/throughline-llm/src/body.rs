//! The body of a provider's reply, with a limit on silence.
//!
//! It hands on each frame as it came, and must never read ahead: upstream is read only when the client takes more, so a
//! slow client slows the provider and nothing piles up here. Only waiting for the provider counts as silence,
//! not waiting for the client.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    error::{UpstreamError, root_cause},
    upstream::Timeouts,
};

/// The frames of a reply. Dropping it cancels the request upstream.
pub struct UpstreamBody {
    inner: reqwest::Body,
    host: String,
    timeouts: Timeouts,
    /// Rings when the provider has been silent for too long.
    alarm: Pin<Box<Sleep>>,
    /// Whether the alarm is set for the frame we wait for now.
    alarm_is_set: bool,
    began: bool,
    failed: bool,
}

impl UpstreamBody {
    pub(crate) fn new(
        inner: reqwest::Body,
        host: String,
        timeouts: Timeouts,
        first_byte_by: Instant,
    ) -> Self {
        let alarm = Box::pin(sleep_until(first_byte_by));
        Self { inner, host, timeouts, alarm, alarm_is_set: true, began: false, failed: false }
    }

    fn silence(&self) -> UpstreamError {
        let host = self.host.clone();
        if self.began {
            UpstreamError::IdleTimeout { host, waited_ms: self.timeouts.idle_ms_max }
        } else {
            UpstreamError::FirstByteTimeout { host, waited_ms: self.timeouts.first_byte_ms_max }
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let error = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.began = true;
                self.alarm_is_set = false;
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                UpstreamError::Broken { host: self.host.clone(), reason: root_cause(&error) }
            }
            Poll::Pending => {
                if !self.alarm_is_set {
                    let deadline = Instant::now() + Duration::from_millis(self.timeouts.idle_ms_max);
                    self.alarm.as_mut().reset(deadline);
                    self.alarm_is_set = true;
                }
                ready!(self.alarm.as_mut().poll(context));
                self.silence()
            }
        };
        self.failed = true;
        // Let go of the connection now, not when the client has read the error.
        self.inner = reqwest::Body::default();
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
