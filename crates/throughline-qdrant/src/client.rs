//! Requests to a Qdrant server: one attempt each, within a time. The API key goes into its header and nowhere else.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client as Http, Method, StatusCode, Url};
use serde_json::Value;
use throughline::ports::{StoreError, count_round_trip};
use tokio::runtime::Runtime;

/// Bytes of an answer that are read: a thousand hits need a hundredth of it.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Characters of a server's complaint that go into an error.
const COMPLAINT_CHARS_MAX: usize = 300;

/// The client of one server. It may be used by any thread that may block.
pub(crate) struct Client {
    http: Http,
    base: Url,
    password: Option<String>,
    /// Always there until drop.
    runtime: Option<Runtime>,
}

impl Client {
    /// `base` is `http://host:port` or `https://host:port`. Nothing is sent.
    pub(crate) fn new(base: Url, password: Option<&str>, call_max: Duration) -> Result<Self, StoreError> {
        let unavailable = |reason: String| StoreError::Unavailable(reason);
        let mut headers = HeaderMap::new();
        if let Some(password) = password {
            let mut value = HeaderValue::try_from(password)
                .map_err(|_| unavailable("Qdrant's API key has characters that no header may have".into()))?;
            value.set_sensitive(true);
            headers.insert("api-key", value);
        }
        let http = Http::builder()
            .default_headers(headers)
            .timeout(call_max)
            // A redirect would send the vectors somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| unavailable(format!("no HTTP client: {}", causes(&error))))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("qdrant")
            .enable_all()
            .build()
            .map_err(|error| unavailable(format!("no thread for Qdrant's client: {error}")))?;
        Ok(Self { http, base, password: password.map(str::to_owned), runtime: Some(runtime) })
    }

    /// The answer's `result`, or all of an answer without one; none if what the path names is not there.
    pub(crate) fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, StoreError> {
        let (status, answer) = self.send(method, path, body)?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let read: Option<Value> = serde_json::from_slice(&answer).ok();
        if !status.is_success() {
            let said = read.as_ref().and_then(|answer| answer["status"]["error"].as_str());
            let said = said.map_or_else(|| String::from_utf8_lossy(&answer).into_owned(), str::to_owned);
            let said: String = self.redact(said).chars().take(COMPLAINT_CHARS_MAX).collect();
            return Err(StoreError::Unavailable(format!("Qdrant answered HTTP {}: {said}", status.as_u16())));
        }
        let mut answer =
            read.ok_or_else(|| StoreError::Corrupt(format!("Qdrant's answer to {path} is no JSON")))?;
        Ok(Some(match answer.get_mut("result") {
            Some(result) => result.take(),
            None => answer,
        }))
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Vec<u8>), StoreError> {
        let gone = || StoreError::Unavailable("Qdrant's client was shut down".into());
        let url = self
            .base
            .join(path)
            .map_err(|error| StoreError::Unavailable(format!("Qdrant's URL: {error}")))?;
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        count_round_trip();
        let (answered, answer) = std::sync::mpsc::sync_channel(1);
        self.runtime.as_ref().ok_or_else(gone)?.spawn(async move {
            // The caller waits below, so there is always somebody to take this.
            let _ = answered.send(exchange(request).await);
        });
        let answer = answer.recv().map_err(|_| gone())?;
        answer.map_err(|error| StoreError::Unavailable(self.redact(error)))
    }

    fn redact(&self, text: String) -> String {
        match &self.password {
            Some(password) if !password.is_empty() => text.replace(password, "[key]"),
            _ => text,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Waiting for a runtime to end is not allowed inside another one, where this may well be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<(StatusCode, Vec<u8>), String> {
    let failed =
        |error: reqwest::Error| format!("Qdrant cannot be reached: {}", causes(&error.without_url()));
    let mut response = request.send().await.map_err(failed)?;
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("Qdrant's answer is larger than {ANSWER_BYTES_MAX} bytes"));
        }
        answer.extend_from_slice(&chunk);
    }
    Ok((response.status(), answer))
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
