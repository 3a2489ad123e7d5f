//! The client: bytes in, the provider's reply out.
//!
//! One pool of HTTP/1.1 connections, on purpose: over HTTP/2 all streams to a host share one connection and wait
//! silently when the provider's limit of concurrent streams (usually 100) is reached.
//!
//! It must never follow a redirect (the credential would go along), never send a request twice that may have arrived,
//! and never limit the whole time of a reply: a stream may be long, only silence is limited.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use rand::Rng;
use reqwest::{Certificate, redirect};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    base_url::BaseUrl,
    body::UpstreamBody,
    error::{UpstreamError, root_cause},
    headers,
    secret::Secret,
};

/// How often a connection is tried before the upstream counts as unreachable.
const CONNECT_ATTEMPTS_MAX: u32 = 3;
/// The wait before the second attempt to connect; it doubles for each further one, and up to half is added at random.
const CONNECT_RETRY_MS: u64 = 50;
/// Idle connections kept for each upstream.
const IDLE_CONNECTIONS_MAX: usize = 256;
/// How long an idle connection is kept. Below what servers usually allow, so that it is rarely used as they close it.
const IDLE_CONNECTION_MS_MAX: u64 = 50_000;

/// How long to wait for what, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect_ms: u64,
    /// From sending the request to the first byte of the reply's body. Reasoning models take minutes.
    pub first_byte_ms_max: u64,
    /// Between two frames of the reply.
    pub idle_ms_max: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_byte_ms_max: 600_000, idle_ms_max: 300_000 }
    }
}

/// What an [`Upstream`] is made from.
#[derive(Debug, Clone)]
pub struct UpstreamConfig {
    /// The API's address.
    pub base_url: BaseUrl,
    /// The key to use when a request brings none for the provider.
    pub key: Option<Secret>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl UpstreamConfig {
    /// The defaults for this address: no key, default timeouts.
    pub fn new(base_url: BaseUrl) -> Self {
        Self { base_url, key: None, timeouts: Timeouts::default() }
    }
}

/// A request to forward.
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    /// The method.
    pub method: Method,
    /// The path below the base URL with its query, such as `chat/completions`.
    pub path_and_query: String,
    /// The client's headers as they came; what must not cross is left out by [`Upstream::send`].
    pub headers: HeaderMap,
    /// The body, sent as it is.
    pub body: Bytes,
}

/// The provider's reply: its status, the headers meant for the client, and its body frame by frame.
pub type UpstreamResponse = http::Response<UpstreamBody>;

/// A client of one OpenAI-compatible API. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: reqwest::Client,
    base_url: BaseUrl,
    authorization: Option<HeaderValue>,
    timeouts: Timeouts,
}

impl Upstream {
    /// Sets the client up; connects to nothing yet.
    ///
    /// Makes `ring` the process's TLS provider if there is none.
    ///
    /// # Errors
    /// [`UpstreamError::Setup`] if the key cannot stand in a header, or if the upstream needs TLS and the
    /// machine has no CA certificates.
    pub fn new(config: UpstreamConfig) -> Result<Self, UpstreamError> {
        let UpstreamConfig { base_url, key, timeouts } = config;
        let setup = |reason| UpstreamError::Setup { host: base_url.host(), reason };

        // An error means that a provider is installed already, which is what we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_millis(timeouts.connect_ms))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(Duration::from_millis(IDLE_CONNECTION_MS_MAX));
        if !base_url.is_https() {
            // A plain upstream works on a machine without any CA certificates.
            builder = builder.tls_certs_only(std::iter::empty::<Certificate>());
        }
        if base_url.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| setup(root_cause(&error)))?;

        let authorization =
            key.map(|key| HeaderValue::try_from(format!("Bearer {}", key.expose()))).transpose();
        let mut authorization =
            authorization.map_err(|_| setup("the key holds characters no header can carry".to_owned()))?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Self { client, base_url, authorization, timeouts })
    }

    /// The API's address.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Whether the server holds a key of its own for this upstream.
    pub fn has_key(&self) -> bool {
        self.authorization.is_some()
    }

    /// Forwards a request and returns as soon as the reply's head is there, whatever its status.
    ///
    /// Of the client's headers, those about one connection or host, `x-memory-*` and anything holding one of our own
    /// keys stay here. Only a failure to connect is tried again. Dropping the future or the reply's body cancels the
    /// request upstream.
    ///
    /// # Errors
    /// [`UpstreamError::Unreachable`], [`UpstreamError::FirstByteTimeout`], [`UpstreamError::Broken`].
    pub async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse, UpstreamError> {
        let UpstreamRequest { method, path_and_query, headers, body } = request;
        let url = self.base_url.endpoint(&path_and_query);
        let headers = headers::for_upstream(&headers, self.authorization.as_ref());

        let mut attempt = 1;
        loop {
            let request = self.client.request(method.clone(), url.clone());
            let request = request.headers(headers.clone()).body(body.clone());
            let first_byte_by = Instant::now() + Duration::from_millis(self.timeouts.first_byte_ms_max);
            let Ok(sent) = timeout_at(first_byte_by, request.send()).await else {
                let waited_ms = self.timeouts.first_byte_ms_max;
                return Err(UpstreamError::FirstByteTimeout { host: self.base_url.host(), waited_ms });
            };
            match sent {
                Ok(response) => return Ok(self.receive(response, first_byte_by)),
                Err(error) if !error.is_connect() => {
                    return Err(UpstreamError::Broken {
                        host: self.base_url.host(),
                        reason: root_cause(&error),
                    });
                }
                Err(error) if error.is_timeout() || attempt == CONNECT_ATTEMPTS_MAX => {
                    let reason = root_cause(&error);
                    return Err(UpstreamError::Unreachable { host: self.base_url.host(), reason });
                }
                Err(_) => {
                    sleep(connect_retry_wait(attempt)).await;
                    attempt += 1;
                }
            }
        }
    }

    fn receive(&self, response: reqwest::Response, first_byte_by: Instant) -> UpstreamResponse {
        let (mut head, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        head.headers = headers::for_client(&head.headers);
        // What the HTTP client noted about this connection is nobody else's business.
        head.extensions.clear();
        http::Response::from_parts(
            head,
            UpstreamBody::new(body, self.base_url.host(), self.timeouts, first_byte_by),
        )
    }
}

fn connect_retry_wait(attempt: u32) -> Duration {
    let wait_ms = CONNECT_RETRY_MS << (attempt - 1).min(10);
    Duration::from_millis(wait_ms + rand::rng().random_range(0..=wait_ms / 2))
}
