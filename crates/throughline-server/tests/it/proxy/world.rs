//! A server with a store of its own in front of a scripted upstream.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use throughline::memory::{Memory, Settings};
use throughline::model::{Scope, TenantId, Timestamp, Turn, UserId};
use throughline::ports::{Clock, TurnsPage};
use throughline_llm::{BaseUrl, Timeouts, Upstream, UpstreamConfig};
use throughline_server::{App, AuthMode, ServerConfig, serve};
use throughline_sqlite::{SqliteOptions, SqliteStore};
use throughline_testkit::ScriptedUpstream;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct World {
    pub(crate) upstream: ScriptedUpstream,
    pub(crate) memory: Arc<Memory>,
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    directory: TempDir,
}

impl World {
    pub(crate) async fn new(upstream: ScriptedUpstream) -> Self {
        Self::with(upstream, |_| {}).await
    }

    pub(crate) async fn with(upstream: ScriptedUpstream, change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::start(upstream, tempfile::tempdir().unwrap(), Arc::new(Timestamp::now), change).await
    }

    /// One where it is always this time.
    pub(crate) async fn at(time: &str, upstream: ScriptedUpstream) -> Self {
        let time: Timestamp = time.parse().unwrap();
        Self::start(upstream, tempfile::tempdir().unwrap(), Arc::new(move || time), |_| {}).await
    }

    async fn start(
        upstream: ScriptedUpstream,
        directory: TempDir,
        clock: Arc<dyn Clock>,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let memory = Arc::new(Memory::open(Arc::new(store), clock, Settings::default()).unwrap());
        let base_url: BaseUrl = upstream.url().parse().unwrap();
        let timeouts = Timeouts { connect_ms: 1_000, first_byte_ms_max: 20_000, idle_ms_max: 20_000 };
        let upstream_client =
            Upstream::new(UpstreamConfig { timeouts, ..UpstreamConfig::new(base_url) }).unwrap();
        let mut config = ServerConfig {
            auth: AuthMode::Open,
            upstream: Some(upstream_client),
            memory_deadline_ms: 20_000,
            ..ServerConfig::default()
        };
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = App::new(Arc::clone(&memory), config);
        let (stop, stopped) = oneshot::channel::<()>();
        let server =
            tokio::spawn(async move { serve(listener, app, async { drop(stopped.await) }).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { upstream, memory, url, client, stop: Some(stop), server, directory }
    }

    /// Stops the server as a signal does, and waits until it has finished.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        (&mut self.server).await.unwrap();
    }

    /// Stops the server and starts another one on the same data.
    pub(crate) async fn restarted(mut self) -> Self {
        self.stop().await;
        let Self { upstream, directory, memory, .. } = self;
        drop(memory);
        Self::start(upstream, directory, Arc::new(Timestamp::now), |_| {}).await
    }

    pub(crate) fn post(&self, body: &Value) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/v1/chat/completions", self.url)).body(body.to_string())
    }

    /// A chat of the user `ana`; the answer is read to its end.
    pub(crate) async fn chat(&self, messages: Value) -> reqwest::Response {
        self.post(&json!({ "model": "m", "messages": messages }))
            .header("x-memory-user", "ana")
            .send()
            .await
            .unwrap()
    }

    /// What the upstream was sent as `messages` last.
    pub(crate) fn sent(&self) -> Vec<Value> {
        self.upstream.last_request().json()["messages"].as_array().unwrap().clone()
    }

    /// All turns of `ana` in order, as soon as there are `count`.
    pub(crate) async fn turns(&self, count: usize) -> Vec<Turn> {
        let scope = Scope::of(TenantId::single(), UserId::new("ana").unwrap());
        let page = TurnsPage { session: None, after: 0, limit: 1_000 };
        let wait = async {
            loop {
                let turns = self.memory.store().turns_page(&scope, &page).unwrap();
                if turns.len() >= count {
                    return turns;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the turns were recorded")
    }
}

pub(crate) fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

pub(crate) fn assistant(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

pub(crate) fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}
