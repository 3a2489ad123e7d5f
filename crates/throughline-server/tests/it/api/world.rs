//! A server with a store of its own, and a client that speaks JSON to it.

use std::sync::Arc;

use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use throughline::learn::Extractor;
use throughline::memory::{LearnSettings, Learner, Memory, Settings};
use throughline::model::{TenantId, Timestamp};
use throughline_server::{App, AuthMode, ModelStatus, ServerConfig, create_key, serve};
use throughline_sqlite::{SqliteOptions, SqliteStore};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct World {
    pub(crate) memory: Arc<Memory>,
    pub(crate) url: String,
    pub(crate) model: ModelStatus,
    client: reqwest::Client,
    key: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    _directory: TempDir,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer that must be a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// The code of an error, which must have a message and a hint.
    pub(crate) fn code(&self) -> String {
        let error = &self.json()["error"];
        assert!(error["message"].is_string() && error["hint"].is_string(), "{self:?}");
        error["code"].as_str().unwrap().to_owned()
    }
}

impl World {
    /// Open to everybody on this machine.
    pub(crate) async fn open() -> Self {
        Self::with(ServerConfig { auth: AuthMode::Open, ..ServerConfig::default() }).await
    }

    pub(crate) async fn with(config: ServerConfig) -> Self {
        Self::over(SqliteOptions::default(), config).await
    }

    pub(crate) async fn over(options: SqliteOptions, config: ServerConfig) -> Self {
        Self::start(options, Learner::new(None, LearnSettings::default(), None), config).await
    }

    /// Open, without a worker in the background, and with a learning model.
    pub(crate) async fn asking(model: Arc<dyn Extractor>, request_ms_max: u64) -> Self {
        Self::learning(Learner::new(Some(model), LearnSettings::default(), None), request_ms_max).await
    }

    /// Open, without a worker in the background, and with this learner.
    pub(crate) async fn learning(learner: Learner, request_ms_max: u64) -> Self {
        let config =
            ServerConfig { auth: AuthMode::Open, learning: false, request_ms_max, ..ServerConfig::default() };
        Self::start(SqliteOptions::default(), learner, config).await
    }

    async fn start(options: SqliteOptions, learner: Learner, config: ServerConfig) -> Self {
        // Only the first of a process takes effect.
        drop(rustls::crypto::ring::default_provider().install_default());
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), options).unwrap();
        let memory =
            Arc::new(Memory::open(Arc::new(store), Arc::new(Timestamp::now), Settings::default()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = App::with(Arc::clone(&memory), learner, None, config);
        let model = app.model_status();
        let (stop, stopped) = oneshot::channel::<()>();
        let server =
            tokio::spawn(async move { serve(listener, app, async { drop(stopped.await) }).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { memory, url, model, client, key: None, stop: Some(stop), server, _directory: directory }
    }

    /// A key of a tenant. Other than a server's own, it is known in full.
    pub(crate) fn key(&self, tenant: &str) -> (String, String) {
        let (key, plain) = create_key(&self.memory, TenantId::new(tenant).unwrap(), "test").unwrap();
        (key.id, plain.expose().to_owned())
    }

    /// From now on, requests carry this key.
    pub(crate) fn use_key(&mut self, key: &str) {
        self.key = Some(key.to_owned());
    }

    /// Asks the server to stop, as a signal does. Await the second value for its end.
    pub(crate) fn stop(self) -> (reqwest::Client, JoinHandle<()>) {
        drop(self.stop);
        (self.client, self.server)
    }

    /// A request about to be made; `path` is below `/api/v1` unless it begins with a dot.
    pub(crate) fn request(&self, method: &Method, path: &str) -> reqwest::RequestBuilder {
        let url = match path.strip_prefix('.') {
            Some(path) => format!("{}{path}", self.url),
            None => format!("{}/api/v1{path}", self.url),
        };
        let request = self.client.request(method.clone(), url);
        match &self.key {
            Some(key) => request.header("x-memory-key", key),
            None => request,
        }
    }

    pub(crate) async fn send(&self, method: &Method, path: &str, body: &Value) -> Answer {
        answer(self.request(method, path).body(body.to_string())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(&Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(&Method::PUT, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(&Method::PATCH, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer(self.request(&Method::DELETE, path)).await
    }

    /// Writes what the user `ana` says in a session.
    pub(crate) async fn say(&self, session: &str, text: &str) -> Value {
        let turns = serde_json::json!([{ "role": "user", "content": text }]);
        self.post("/turns", &serde_json::json!({ "user": "ana", "session": session, "turns": turns }))
            .await
            .ok()
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}
