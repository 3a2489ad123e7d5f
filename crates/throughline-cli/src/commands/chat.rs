//! `throughline chat`: a chat with memory in the terminal.
//!
//! Either opens the memory itself and talks to the upstream, or talks to a running server that does both.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use serde_json::{Value as Json, json};
use throughline::context::append;
use throughline::journal::Said;
use throughline::memory::{ContextRequest, Exchange, Memory};
use throughline::model::{Content, Receipt, Role, Scope, SessionId, Timestamp};
use throughline_llm::{Exchange as Answer, Outcome, Upstream, UpstreamConfig, UpstreamRequest};
use tokio::runtime::Runtime;

use super::Run;
use crate::args::ScopeArgs;
use crate::config::{ChatFlags, Loaded, Source, Value as _};
use crate::failure::{Failure, Hinting, shown};
use crate::terminal::{Terminal, Tone, shorten};
use crate::{embedding, shapes, wire};

/// The largest answer of a Throughline server to a question about its memory.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Model names that an error lists.
const MODELS_SHOWN_MAX: usize = 12;

const HELP: &str = "/memory  what memory gave for your last message\n/quit    end the chat (so does Ctrl-D)";

/// Chat with a model that remembers
///
/// In the chat, /memory shows what was recalled for your last message and /quit ends it. Reads from a pipe too: each
/// line is a message.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline chat --user ada --upstream https://api.openai.com/v1 --model gpt-4o-mini
  throughline chat --user ada --server http://127.0.0.1:8077
  echo \"What do you know about me?\" | throughline chat --user ada --json")]
pub(crate) struct Chat {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Go on with this conversation; a new one if not given
    #[arg(long, value_name = "ID", value_parser = |text: &str| SessionId::new(text))]
    session: Option<SessionId>,

    #[command(flatten)]
    flags: ChatFlags,
}

impl Chat {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let loaded = run.load(&self.flags)?;
        let config = &loaded.config;
        let session = match &self.session {
            Some(session) => session.clone(),
            None => new_session()?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let backend = Backend::new(&loaded, &self.scope, run.terminal)?;
        let model = match &config.chat_model {
            Some(model) => model.clone(),
            None => runtime.block_on(only_model(backend.upstream()))?,
        };
        let history = Vec::new();
        Conversation { backend, runtime, model, session, history, terminal: run.terminal, last: None }.run()
    }
}

fn new_session() -> Result<SessionId> {
    let random = uuid::Uuid::now_v7().simple().to_string();
    Ok(SessionId::new(format!("chat-{}-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S"), &random[26..]))?)
}

/// Where memory and model are.
enum Backend {
    /// Memory in this process, the model upstream.
    InProcess { memory: Arc<Memory>, upstream: Upstream, scope: Scope, embed_deadline: Duration },
    /// Both behind a running server.
    Server { chat: Upstream, api: Upstream, user: String, time_zone: Option<String> },
}

impl Backend {
    fn new(loaded: &Loaded, scope: &ScopeArgs, terminal: Terminal) -> Result<Self> {
        let config = &loaded.config;
        if let Some(server) = &config.chat_server {
            if scope.agent.is_some() || scope.app.is_some() || scope.run.is_some() {
                return Err(Failure::usage("--agent, --app and --run cannot be used with --server"));
            }
            let root = server.to_string();
            let root = root.trim_end_matches('/').trim_end_matches("/v1").to_owned();
            let key = config.chat_key.clone().or_else(|| config.upstream_key.clone());
            let client = |path: &str| -> Result<Upstream> {
                let base_url = format!("{root}{path}").parse()?;
                Ok(Upstream::new(UpstreamConfig { key: key.clone(), ..UpstreamConfig::new(base_url) })?)
            };
            // The server has a default of its own, which only somebody's word should overrule.
            let named = *loaded.source("memory.time_zone") != Source::Default;
            return Ok(Self::Server {
                chat: client("/v1")?,
                api: client("/api/v1")?,
                user: scope.user.to_string(),
                time_zone: named.then(|| config.time_zone.shown()),
            });
        }
        let upstream = wire::upstream(config)?.ok_or_else(|| {
            Failure::usage("there is no model to talk to: no upstream is configured")
                .hint("`--upstream URL` names a provider, `--server URL` a running Throughline")
        })?;
        let memory = wire::open(config, wire::IfAbsent::Create)?;
        embedding::attach_if_there(&memory, config, terminal)?;
        let embed_deadline = Duration::from_millis(config.query_embed_ms_max.0);
        Ok(Self::InProcess { memory, upstream, scope: scope.scope(), embed_deadline })
    }

    fn upstream(&self) -> &Upstream {
        match self {
            Self::InProcess { upstream, .. } => upstream,
            Self::Server { chat, .. } => chat,
        }
    }
}

/// The upstream's model, if there is only one to choose from.
pub(super) async fn only_model(upstream: &Upstream) -> Result<String> {
    let advice = "name one with `--model NAME`";
    let models = get(upstream, Method::GET, "models", Bytes::new()).await.hint(advice)?;
    let names: Vec<&str> =
        models["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str()).collect();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Failure::usage("the upstream names no models").hint(advice)),
        several => {
            let shown = several.iter().take(MODELS_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
            let more = if several.len() > MODELS_SHOWN_MAX { ", …" } else { "" };
            Err(Failure::usage(format!("the upstream has {} models: {shown}{more}", several.len()))
                .hint(advice))
        }
    }
}

/// Asks for a JSON document.
async fn get(upstream: &Upstream, method: Method, path: &str, body: Bytes) -> Result<Json> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    let path_and_query = path.to_owned();
    let response = upstream.send(UpstreamRequest { method, path_and_query, headers, body }).await?;
    let (head, body) = response.into_parts();
    let body = http_body_util::Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Failure::error(format!("{}: {error}", upstream.base_url())))?.to_bytes();
    if !head.status.is_success() {
        let text = String::from_utf8_lossy(&body);
        return Err(Failure::error(format!(
            "{} answered {} to {path}: {}",
            upstream.base_url(),
            head.status,
            shorten(&text, 300)
        )));
    }
    serde_json::from_slice(&body)
        .with_context(|| format!("{} answered {path} with something else than JSON", upstream.base_url()))
}

/// One side of the conversation that memory gave something to.
enum Given {
    Receipt(Box<Receipt>),
    Asked(String),
}

struct Conversation {
    backend: Backend,
    runtime: Runtime,
    model: String,
    session: SessionId,
    history: Vec<Said>,
    terminal: Terminal,
    last: Option<Given>,
}

impl Conversation {
    fn run(mut self) -> Result<()> {
        let interactive = io::stdin().is_terminal() && !self.terminal.is_json();
        if interactive {
            self.terminal.note(format!("{} · session {}\n{HELP}", self.model, self.session));
        }
        loop {
            if interactive {
                self.terminal.piece(&self.terminal.paint(Tone::Accent, "you> "))?;
            }
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim() {
                "" => {}
                "/quit" | "/exit" => return Ok(()),
                "/memory" => self.show_memory()?,
                "/help" => self.terminal.note(HELP),
                message => match self.exchange(message) {
                    // At a prompt, one failure does not end the chat.
                    Err(error) if interactive => self.terminal.note(shown(&error).trim_end()),
                    done => done?,
                },
            }
        }
    }

    fn exchange(&mut self, message: &str) -> Result<()> {
        self.history.push(said(Role::User, message));
        let answer = self.ask(message);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.history.pop();
                return Err(error);
            }
        };
        self.history.push(said(Role::Assistant, &answer.reply.text));
        if self.terminal.is_json() {
            let receipt = match &self.last {
                Some(Given::Receipt(receipt)) => Some(shapes::receipt(receipt)),
                _ => None,
            };
            return self.terminal.document(&json!({
                "session": self.session.as_str(),
                "user": message,
                "assistant": answer.reply.text,
                "model": answer.reply.model,
                "receipt": receipt,
            }));
        }
        self.terminal.line("")
    }

    fn ask(&mut self, message: &str) -> Result<Answer> {
        match &self.backend {
            Backend::InProcess { memory, upstream, scope, embed_deadline } => {
                let request = ContextRequest {
                    session: Some(self.session.clone()),
                    messages: self.history.clone(),
                    query: None,
                    budget_tokens: None,
                    zone: None,
                    embed_deadline: *embed_deadline,
                };
                let context = memory.context(scope, &request)?;
                let prefix =
                    context.prefix.iter().map(|prefix| json!({ "role": "system", "content": prefix }));
                let mut messages: Vec<Json> = prefix.chain(self.history.iter().map(message_of)).collect();
                if let (Some(block), Some(last)) = (&context.block, messages.last_mut()) {
                    last["content"] = Json::from(append(message, block));
                }
                let body = json!({ "model": self.model, "messages": messages, "stream": true });
                let answer = self.answer(upstream, &body)?;
                memory.record(
                    scope,
                    Exchange {
                        time: None,
                        session: Some(self.session.clone()),
                        new_session: self.session.clone(),
                        messages: self.history.clone(),
                        reply: Some(said(Role::Assistant, &answer.reply.text))
                            .filter(|reply| !reply.content.text.trim().is_empty()),
                        outcome: (answer.outcome == Outcome::Truncated).then(|| "truncated".to_owned()),
                        zone: None,
                        receipt: Some(context.receipt.clone()),
                    },
                )?;
                self.last = Some(Given::Receipt(Box::new(context.receipt)));
                Ok(answer)
            }
            Backend::Server { chat, user, time_zone, .. } => {
                let messages: Vec<Json> = self.history.iter().map(message_of).collect();
                let mut metadata = json!({ "session_id": self.session.as_str() });
                if let Some(zone) = time_zone {
                    metadata["time_zone"] = Json::from(zone.as_str());
                }
                let body = json!({
                    "model": self.model,
                    "messages": messages,
                    "stream": true,
                    "user": user,
                    "metadata": metadata,
                });
                let answer = self.answer(chat, &body)?;
                self.last = Some(Given::Asked(message.to_owned()));
                Ok(answer)
            }
        }
    }

    /// Streams the answer to the terminal.
    fn answer(&self, upstream: &Upstream, body: &Json) -> Result<Answer> {
        let (terminal, quiet) = (self.terminal, self.terminal.is_json());
        let mut written = Ok(());
        let answer = self.runtime.block_on(upstream.chat(body, |piece| {
            if !quiet && written.is_ok() {
                written = terminal.piece(piece);
            }
        }));
        written?;
        Ok(answer?)
    }

    fn show_memory(&self) -> Result<()> {
        match (&self.last, &self.backend) {
            (None, _) => self.terminal.note("Nothing was asked yet."),
            (Some(Given::Receipt(receipt)), Backend::InProcess { memory, scope, .. }) => {
                let used: Vec<u64> = receipt
                    .items
                    .iter()
                    .filter(|item| item.dropped.is_none())
                    .map(|item| item.turn)
                    .collect();
                let zone = &memory.settings().zone;
                for turn in memory.store().turns(scope, &used)? {
                    let who = turn.name.as_deref().unwrap_or(turn.role.as_str());
                    self.passage(
                        &zone.to_datetime(turn.time).strftime("%-d %b %Y %H:%M").to_string(),
                        who,
                        &turn.content.text,
                    )?;
                }
                super::context::show_receipt(receipt, self.terminal)?;
            }
            (Some(Given::Asked(query)), Backend::Server { api, user, time_zone, .. }) => {
                let body = json!({ "user": user, "query": query, "limit": 10, "time_zone": time_zone });
                let body = body.to_string();
                let found = self.runtime.block_on(get(api, Method::POST, "recall", Bytes::from(body)))?;
                for item in found["items"].as_array().into_iter().flatten() {
                    let text = |key: &str| item[key].as_str().unwrap_or_default();
                    self.passage(text("time"), text("role"), text("text"))?;
                }
            }
            // What was given and where it came from always belong together.
            _ => {}
        }
        Ok(())
    }

    fn passage(&self, time: &str, who: &str, text: &str) -> Result<()> {
        let terminal = self.terminal;
        let head = terminal.paint(Tone::Dim, format!("  {time} {who}: "));
        terminal.line(format!("{head}{}", shorten(text, 2 * terminal.width())))
    }
}

fn said(role: Role, text: &str) -> Said {
    Said { role, name: None, content: Content::text(text) }
}

fn message_of(said: &Said) -> Json {
    json!({ "role": said.role.as_str(), "content": said.content.text })
}
