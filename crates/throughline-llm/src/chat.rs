//! One chat with the provider for ourselves: send messages, read the reply.
//!
//! Not for clients' requests, which are forwarded. It must never send a request twice.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::{
    error::UpstreamError,
    exchange::{Exchange, Outcome},
    observe::{End, Observer},
    upstream::{Upstream, UpstreamRequest},
};

/// Why a chat brought no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    /// The provider was not reached, or broke off.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The provider said no, or what it said is no chat completion.
    #[error("upstream {host} gave no reply (status {status}): {reason}")]
    Refused {
        /// Host and port.
        host: String,
        /// The HTTP status; 200 if the refusal is in the body.
        status: StatusCode,
        /// The provider's words if it had any.
        reason: String,
        /// How many seconds the provider wants to be left alone.
        retry_after_s: Option<u64>,
    },
}

impl Upstream {
    /// Posts a chat completion and returns the reply of choice 0; its outcome is `Complete` or `Truncated`.
    ///
    /// `request` is the body as OpenAI defines it: at least `model` and `messages`, and `"stream": true` to have
    /// `on_text` called for each piece of text as it comes; otherwise it is called once.
    ///
    /// # Errors
    /// [`ChatError`], if the provider cannot be reached, breaks off, or answers with anything but a chat completion.
    pub async fn chat(&self, request: &Value, mut on_text: impl FnMut(&str)) -> Result<Exchange, ChatError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let request = UpstreamRequest {
            method: Method::POST,
            path_and_query: "chat/completions".to_owned(),
            headers,
            body: Bytes::from(request.to_string()),
        };
        let (head, mut body) = self.send(request).await?.into_parts();
        let mut observer = Observer::new(head.status, &head.headers);
        let mut told = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(bytes) = frame?.into_data() {
                observer.push(&bytes);
                if observer.text().len() > told {
                    on_text(&observer.text()[told..]);
                    told = observer.text().len();
                }
            }
        }
        let exchange = observer.end(&End::Finished);
        if exchange.outcome == Outcome::Failed {
            let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            return Err(ChatError::Refused {
                host: self.base_url().host(),
                status: head.status,
                reason: exchange.failure.unwrap_or_default(),
                retry_after_s: retry_after.and_then(|seconds| seconds.trim().parse().ok()),
            });
        }
        if exchange.reply.text.len() > told {
            on_text(&exchange.reply.text[told..]);
        }
        Ok(exchange)
    }
}
