//! An embedder behind any OpenAI-compatible `POST {base}/embeddings`.
//!
//! The trait is synchronous and the client is not, so this owns a runtime of one thread; it may be called from any
//! thread that may block. The API key goes into the `Authorization` header and nowhere else: no error, log line or
//! `Debug` output has it.

mod call;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use self::call::Endpoint;

/// A call ends after this time even if its deadline is later.
const CALL_TIME_MAX: Duration = Duration::from_hours(1);

/// What the endpoint is asked to find out the model's dimensions.
const PROBE: &str = "dimensions";

/// An API key. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Where the endpoint is and how much may be asked of it.
#[derive(Debug, Clone)]
pub struct RemoteSettings {
    /// The part before `/embeddings`, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Sent as a bearer token if there is one.
    pub api_key: Option<ApiKey>,
    /// The model's name, as the endpoint knows it.
    pub model: String,
    /// Components of a vector; asked of the endpoint if not given.
    pub dimensions: Option<usize>,
    /// Put before each query, such as `query: ` for the E5 models.
    pub query_prefix: String,
    /// Put before each passage, such as `passage: ` for the E5 models.
    pub passage_prefix: String,
    /// Texts of one request; at least 1 is sent.
    pub batch_texts_max: usize,
    /// Bytes of text of one request; a single longer text is sent alone.
    pub batch_bytes_max: usize,
    /// Requests at the same time, counted for queries and passages apart so that a query does not wait for an import.
    pub requests_max: usize,
    /// Times one request is sent before its failure counts, if the failure may pass.
    pub attempts_max: u32,
}

impl RemoteSettings {
    /// Settings for a model at a base URL, with no key and limits that hosted and local servers accept.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: None,
            model: model.into(),
            dimensions: None,
            query_prefix: String::new(),
            passage_prefix: String::new(),
            batch_texts_max: 64,
            batch_bytes_max: 128 * 1024,
            requests_max: 4,
            attempts_max: 4,
        }
    }
}

/// An [`Embedder`] that asks an OpenAI-compatible server. TLS needs a process-wide `rustls` provider, installed by
/// the program before this is made.
pub struct RemoteEmbedder {
    model: EmbeddingModel,
    endpoint: Arc<Endpoint>,
    /// Always there until drop.
    runtime: Option<Runtime>,
}

impl RemoteEmbedder {
    /// Prepares the client and, if `dimensions` is not set, asks the endpoint for a first vector within `deadline`.
    /// With `dimensions` set nothing is sent, so an endpoint that is down now may come up later.
    pub fn connect(settings: RemoteSettings, deadline: Duration) -> Result<Self, EmbedError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("embed-remote")
            .enable_all()
            .build()
            .map_err(|error| EmbedError::Unavailable(format!("no thread for its client: {error}")))?;
        let (name, dimensions) = (settings.model.clone(), settings.dimensions);
        let endpoint = Arc::new(Endpoint::new(settings)?);
        let model = EmbeddingModel { name, dimensions: dimensions.unwrap_or_default() };
        let mut embedder = Self { model, endpoint, runtime: Some(runtime) };
        if dimensions.is_none() {
            let first = embedder.ask(EmbedRole::Query, &[PROBE], deadline, None)?;
            embedder.model.dimensions = first.first().map_or(0, Vec::len);
        }
        Ok(embedder)
    }

    fn ask(
        &self,
        role: EmbedRole,
        texts: &[&str],
        deadline: Duration,
        dimensions: Option<usize>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let gone = || EmbedError::Unavailable("its client was shut down".into());
        let until = Instant::now() + deadline.min(CALL_TIME_MAX);
        let batches = self.endpoint.batches(role, texts);
        let endpoint = self.endpoint.clone();
        let (answered, answer) = std::sync::mpsc::sync_channel(1);
        self.runtime.as_ref().ok_or_else(gone)?.spawn(async move {
            // The caller waits below, so there is always somebody to take this.
            let _ = answered.send(endpoint.embed(role, batches, dimensions, until).await);
        });
        answer.recv().map_err(|_| gone())?
    }
}

impl Embedder for RemoteEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(
        &self,
        role: EmbedRole,
        texts: &[&str],
        deadline: Duration,
    ) -> Result<Vec<Embedding>, EmbedError> {
        let vectors = self.ask(role, texts, deadline, Some(self.model.dimensions))?;
        Ok(vectors.into_iter().map(|vector| Embedding { vector, ..Embedding::default() }).collect())
    }
}

impl Drop for RemoteEmbedder {
    fn drop(&mut self) {
        // Waiting for a runtime to end is not allowed inside another one, where this may well be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
