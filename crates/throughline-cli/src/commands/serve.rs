//! `throughline serve`: the server, from its settings to its clean end.
//!
//! It answers as soon as the store is open; the embedding model comes in behind (`keeper`).

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use throughline_server::{App, AuthMode, ServerConfig, Spool, SpoolConfig, serve};
use tokio::net::TcpListener;

use super::Run;
use crate::config::{Config, EmbeddingSource, Loaded, ServeFlags, Source, Value as _};
use crate::embedding::{self, LOCAL};
use crate::failure::{Failure, Hinting};
use crate::keeper::{Keeper, Task};
use crate::terminal::{Terminal, Tone};
use crate::{indexer, learning, store, wire};

/// The exit code of a program that was told twice to stop.
const EXIT_ON_SECOND_SIGNAL: i32 = 130;

/// Start the server: an OpenAI-compatible proxy with memory, and the native API
///
/// On the first start it fetches the embedding model and answers meanwhile; until the model is there, recall goes by words alone.
/// A stop signal lets what is in flight finish.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline serve --upstream https://api.openai.com/v1
  throughline serve --upstream http://localhost:11434/v1 --data ./memory
  throughline serve --store postgres://throughline@db.internal/memory      password: THROUGHLINE_STORE_PASSWORD
  throughline serve --listen 0.0.0.0:8077            after `throughline keys create`
  throughline serve --embeddings https://api.openai.com/v1

Then, in any OpenAI client, set the base URL to http://127.0.0.1:8077/v1 and name the end user
with each request: the header `X-Memory-User: ada`, or the field `user`.")]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: ServeFlags,
}

impl Serve {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let loaded = run.load(&self.flags)?;
        let config = &loaded.config;
        refuse_itself_as_upstream(&loaded)?;
        let memory = wire::open(config, wire::IfAbsent::Create)?;
        embedding::check_store(&memory, config)?;
        let has_keys = memory.store().keys()?.iter().any(|key| key.revoked.is_none());
        let auth = ServerConfig::check_bind(config.listen, has_keys)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        // The app starts tasks of its own as it is made.
        let in_runtime = runtime.enter();
        let app = App::with(
            memory.clone(),
            learning::learner(config)?,
            spool(config)?,
            server_config(config, auth)?,
        );
        drop(in_runtime);
        let status = app.model_status();
        runtime.block_on(async {
            let listener = TcpListener::bind(config.listen)
                .await
                .with_context(|| format!("cannot listen on {}", config.listen))
                .hint("is another server running there? `--listen HOST:PORT` takes another address")?;
            let address = listener.local_addr()?;
            // Before anybody is told that the server runs, so that no signal finds it unprepared.
            let signals = Signals::listen().context("signals cannot be received")?;
            // A closed standard output is no reason not to serve.
            let _ = Banner { loaded: &loaded, address, auth, terminal: run.terminal }.show();
            let indexer = indexer::start(memory.clone())?;
            let keeper =
                Keeper::start(Task { memory, config: config.clone(), status, terminal: run.terminal })?;
            let served = serve(listener, app, stop(signals, run.terminal)).await;
            drop((keeper, indexer));
            Ok(served?)
        })
    }
}

/// Where exchanges wait while the store cannot be written to: it is away, or its memory is being moved.
fn spool(config: &Config) -> Result<Option<Spool>> {
    let bytes_max = config.store_spool_bytes_max.0;
    if bytes_max == 0 {
        return Ok(None);
    }
    let folder = config.data.join("spool");
    let spool = Spool::open(SpoolConfig { folder: folder.clone(), bytes_max })
        .with_context(|| format!("{} cannot be used", folder.display()))
        .hint("what is said while the store takes no writes waits there; `--data DIR` names another folder, `store.spool_bytes_max = 0` goes without")?;
    Ok(Some(spool))
}

fn server_config(config: &Config, auth: AuthMode) -> Result<ServerConfig> {
    Ok(ServerConfig {
        auth,
        upstream: wire::upstream(config)?,
        body_bytes_max: config.body_bytes_max.size(),
        requests_in_flight_max: config.requests_in_flight_max.size(),
        tenant_requests_a_minute_max: u32::try_from(config.tenant_requests_a_minute_max.0)
            .unwrap_or(u32::MAX),
        request_ms_max: config.request_ms_max.0,
        engine_calls_max: config.engine_calls_max.size(),
        exchanges_open_max: config.exchanges_open_max.size(),
        memory_deadline_ms: config.memory_deadline_ms.0,
        query_embed_ms_max: config.query_embed_ms_max.0,
        shutdown_grace_ms_max: config.shutdown_grace_ms_max.0,
        learning: config.learning,
    })
}

/// `OPENAI_BASE_URL` may well be set to this very server, for the clients started in the same shell.
fn refuse_itself_as_upstream(loaded: &Loaded) -> Result<()> {
    let Some(upstream) = &loaded.config.upstream else { return Ok(()) };
    let listen = loaded.config.listen;
    let (host, port) = (upstream.host(), listen.port());
    let itself = upstream.is_loopback()
        && listen.ip().is_loopback()
        && port != 0
        && host.ends_with(&format!(":{port}"));
    if !itself {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the upstream {upstream} (from {}) is the address this server listens on",
        loaded.source("upstream.url")
    ))
    .hint("name the provider with `--upstream URL`; OPENAI_BASE_URL is for the clients"))
}

/// Done at the first signal to stop; a second one ends the program at once.
async fn stop(mut signals: Signals, terminal: Terminal) {
    signals.next().await;
    terminal.note("Stopping: what is in flight is finished first.");
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(EXIT_ON_SECOND_SIGNAL);
    });
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// What a person sees at the start.
struct Banner<'a> {
    loaded: &'a Loaded,
    address: SocketAddr,
    auth: AuthMode,
    terminal: Terminal,
}

impl Banner<'_> {
    fn show(&self) -> Result<()> {
        let (terminal, config) = (self.terminal, &self.loaded.config);
        let url = format!("http://{}", self.address);
        if terminal.is_json() {
            return terminal.document(&json!({
                "url": url,
                "data": config.store.is_none().then(|| config.data.display().to_string()),
                "store": store::place(config),
                "embeddings": config.embeddings.shown(),
                "model_dir": config.model_dir.display().to_string(),
                "upstream": config.upstream.as_ref().map(ToString::to_string),
                "keys_required": self.auth == AuthMode::Keys,
            }));
        }
        let fact = |name: &str, text: &str| {
            terminal.line(format!("  {}  {text}", terminal.paint(Tone::Dim, format!("{name:<9}"))))
        };
        terminal.line(terminal.paint(Tone::Bold, format!("Throughline {}", env!("CARGO_PKG_VERSION"))))?;
        terminal.line("")?;
        fact("address", &terminal.paint(Tone::Accent, &url))?;
        fact(if config.store.is_some() { "store" } else { "data" }, &store::place(config))?;
        fact("model", &self.model())?;
        fact("upstream", &self.upstream())?;
        fact(
            "access",
            match self.auth {
                AuthMode::Open => "programs on this machine; `throughline keys create` makes a key",
                AuthMode::Keys => "with a key of `throughline keys list`",
            },
        )?;
        terminal.line("")?;
        terminal.line("  Point any OpenAI client here and name the end user with each request:")?;
        terminal.line(terminal.paint(Tone::Accent, format!("    OPENAI_BASE_URL={url}/v1")))?;
        terminal.line(terminal.paint(Tone::Accent, "    X-Memory-User: ada"))?;
        terminal.line("")?;
        terminal.line(format!("  The native API is described at {url}/docs; Ctrl-C stops the server."))
    }

    fn model(&self) -> String {
        let config = &self.loaded.config;
        match &config.embeddings {
            EmbeddingSource::Off => "off: recall goes by words alone".to_owned(),
            EmbeddingSource::Remote { shown, .. } => format!("{} at {shown}", config.embeddings_model),
            EmbeddingSource::Local if LOCAL.is_in(&config.model_dir) => {
                format!("{} in {}", LOCAL.name, config.model_dir.display())
            }
            EmbeddingSource::Local => {
                format!("{} is not here yet: recall goes by words until it is", LOCAL.name)
            }
        }
    }

    fn upstream(&self) -> String {
        let config = &self.loaded.config;
        let Some(upstream) = &config.upstream else {
            return "none: chats are not forwarded; `--upstream URL` names one".to_owned();
        };
        let key = match (&config.upstream_key, self.loaded.source("upstream.key")) {
            (None, _) => "each request brings its own key".to_owned(),
            (Some(_), Source::Environment(name)) => format!("with the key of ${name}"),
            (Some(_), _) => "with the configured key".to_owned(),
        };
        format!("{upstream}, {key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Loaded};

    fn load(env: &[(&str, &str)]) -> Loaded {
        let variable = |name: &str| match name {
            "HOME" => Some("/h".to_owned()),
            name => env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        };
        Loaded::load(None, &Flags::default(), &variable).unwrap()
    }

    #[test]
    fn the_defaults_of_the_registry_are_those_of_the_crates() {
        let config = load(&[]).config;
        let server = ServerConfig { auth: AuthMode::Keys, ..server_config(&config, AuthMode::Open).unwrap() };
        assert_eq!(format!("{server:?}"), format!("{:?}", ServerConfig::default()));
        let settings = throughline::memory::Settings::default();
        assert_eq!(format!("{:?}", wire::settings(&config)), format!("{settings:?}"));
        let timeouts = throughline_llm::Timeouts::default();
        assert_eq!(config.upstream_connect_ms.0, timeouts.connect_ms);
        assert_eq!(config.upstream_first_byte_ms_max.0, timeouts.first_byte_ms_max);
        assert_eq!(config.upstream_idle_ms_max.0, timeouts.idle_ms_max);
    }

    #[test]
    fn a_server_does_not_forward_to_itself() {
        refuse_itself_as_upstream(&load(&[("OPENAI_BASE_URL", "http://localhost:8077/v1")])).unwrap_err();
        refuse_itself_as_upstream(&load(&[("OPENAI_BASE_URL", "http://localhost:8078/v1")])).unwrap();
        refuse_itself_as_upstream(&load(&[("OPENAI_BASE_URL", "https://api.openai.com/v1")])).unwrap();
    }
}
