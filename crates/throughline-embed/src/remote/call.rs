//! Calls of the endpoint: batches, how many at once, retries until the deadline.
//!
//! What may pass (no connection, 408, 429, 5xx) is tried again after a random pause that grows, or after what
//! `Retry-After` asks for if the deadline allows it. Everything else fails at once.

use std::time::Duration;

use futures_util::future::try_join_all;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use throughline::ports::{EmbedError, EmbedRole};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{RemoteSettings, wire};
use crate::text::head;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// The first pause is up to this long, each further one up to twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Bytes of an answer that are read; a batch of long vectors in decimal needs a tenth of it.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Characters of a server's complaint that go into an error.
const COMPLAINT_CHARS_MAX: usize = 300;

/// The client of one endpoint.
pub(super) struct Endpoint {
    client: Client,
    url: Url,
    settings: RemoteSettings,
    queries: Semaphore,
    passages: Semaphore,
}

/// How one attempt failed.
enum Failure {
    /// It may pass; the server may have said when.
    Passing {
        error: EmbedError,
        retry_after: Option<Duration>,
    },
    Final(EmbedError),
}

impl Endpoint {
    pub(super) fn new(settings: RemoteSettings) -> Result<Self, EmbedError> {
        // The URL may hold credentials, so these errors do not repeat it.
        let refuse = |reason: String| EmbedError::Rejected(format!("embeddings base URL: {reason}"));
        let url = format!("{}/embeddings", settings.base_url.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| refuse(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it must start with http:// or https://".into()));
        }
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.0)).map_err(|_| {
                EmbedError::Rejected("the embeddings API key has characters that no header may have".into())
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIME_MAX)
            // A redirected POST becomes a GET or repeats the texts elsewhere; neither is wanted.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| EmbedError::Unavailable(format!("no HTTP client: {}", causes(&error))))?;
        let requests_max = settings.requests_max.max(1);
        Ok(Self {
            client,
            url,
            settings,
            queries: Semaphore::new(requests_max),
            passages: Semaphore::new(requests_max),
        })
    }

    /// The request bodies for these texts, in order, each within the limits, and how many texts it has.
    pub(super) fn batches(&self, role: EmbedRole, texts: &[&str]) -> Vec<(Vec<u8>, usize)> {
        let prefix = match role {
            EmbedRole::Query => &self.settings.query_prefix,
            EmbedRole::Passage => &self.settings.passage_prefix,
        };
        let mut batches = Vec::new();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for text in texts {
            let text = format!("{prefix}{}", head(text));
            // Hosted models refuse an empty string.
            let text = if text.trim().is_empty() { " ".to_owned() } else { text };
            let full = batch.len() >= self.settings.batch_texts_max.max(1)
                || bytes + text.len() > self.settings.batch_bytes_max;
            if full && !batch.is_empty() {
                batches.push(std::mem::take(&mut batch));
                bytes = 0;
            }
            bytes += text.len();
            batch.push(text);
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches.iter().map(|batch| (wire::request(&self.settings.model, batch), batch.len())).collect()
    }

    /// Sends the batches, some at a time, and puts the vectors in their order. The first failure ends it.
    pub(super) async fn embed(
        &self,
        role: EmbedRole,
        batches: Vec<(Vec<u8>, usize)>,
        dimensions: Option<usize>,
        until: Instant,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let permits = match role {
            EmbedRole::Query => &self.queries,
            EmbedRole::Passage => &self.passages,
        };
        let calls = batches.into_iter().map(async |(body, count)| {
            let _permit = permits
                .acquire()
                .await
                .map_err(|_| EmbedError::Unavailable("its client was shut down".into()))?;
            let answer = self.send(body, until).await?;
            wire::vectors(&answer, count, dimensions).map_err(EmbedError::Malformed)
        });
        match timeout_at(until, try_join_all(calls)).await {
            Ok(vectors) => Ok(vectors?.into_iter().flatten().collect()),
            Err(_) => Err(EmbedError::DeadlineExceeded),
        }
    }

    /// One request, tried again while that may help and there is time. Ends by the caller's timeout otherwise.
    async fn send(&self, body: Vec<u8>, until: Instant) -> Result<Vec<u8>, EmbedError> {
        let body = bytes::Bytes::from(body);
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let (error, retry_after) = match self.attempt(body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing { error, retry_after }) => (error, retry_after),
            };
            let wait = retry_after.unwrap_or_else(|| pause.mul_f64(rand::random_range(0.5..=1.0)));
            let next = Instant::now() + wait;
            if attempt >= self.settings.attempts_max || next >= until {
                return Err(error);
            }
            tracing::debug!(%error, attempt, wait_ms = wait.as_millis(), "an embeddings request is tried again");
            sleep_until(next).await;
            pause *= 2;
        }
        unreachable!("the loop above has no end of its own")
    }

    async fn attempt(&self, body: bytes::Bytes) -> Result<Vec<u8>, Failure> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let answer = self.read(response).await?;
        if status.is_success() {
            return Ok(answer);
        }
        let complaint = format!("HTTP {}: {}", status.as_u16(), self.excerpt(&answer));
        let passing = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        Err(if passing {
            Failure::Passing { error: EmbedError::Unavailable(complaint), retry_after }
        } else {
            Failure::Final(EmbedError::Rejected(complaint))
        })
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                let reason = format!("the answer is larger than {ANSWER_BYTES_MAX} bytes");
                return Err(Failure::Final(EmbedError::Malformed(reason)));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let error = self.redact(causes(&error.without_url()));
        Failure::Passing { error: EmbedError::Unavailable(error), retry_after: None }
    }

    /// The start of what a server said, without our key if it repeats it.
    fn excerpt(&self, answer: &[u8]) -> String {
        let said =
            wire::error_message(answer).unwrap_or_else(|| String::from_utf8_lossy(answer).into_owned());
        let said = self.redact(said);
        if said.trim().is_empty() {
            "no reason given".into()
        } else {
            said.chars().take(COMPLAINT_CHARS_MAX).collect()
        }
    }

    fn redact(&self, text: String) -> String {
        match &self.settings.api_key {
            Some(key) if !key.0.is_empty() => text.replace(&key.0, "[key]"),
            _ => text,
        }
    }
}

/// `Retry-After` in seconds; its other form, a date, would need trust in two clocks and is not used by these servers.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u32 = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// An error and what caused it, in one line; the outermost alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
