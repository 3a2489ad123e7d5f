//! What it costs to learn from a transcript with a language model, beside mem0ai with the same model: calls, tokens and time
//! for a thousand turns, what memories come of them, and how many of these are junk (see [`junk`]).
//!
//! Both sides ask the model through a proxy here, which counts what the model's server says of each answer. Not part of
//! `all`: it needs a transcript and a model.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use throughline_testkit::{RecordedRequest, Script, ScriptedUpstream, replies};

use crate::bench::{Bench, progress};
use crate::client::Client;
use crate::junk;
use crate::report::{Cell, Table};
use crate::server::{Embeddings, Options, Server};

/// How the model's server calls its model, if it cares.
const MODEL: &str = "local-test";
/// Turns that are recorded together: what the user says, and the answer.
const TURNS_AN_EXCHANGE: usize = 2;
/// A session is learned from after so many turns, and at its end: as a server does by default.
const TURNS_A_BATCH: usize = 12;
/// How long an answer of the model may take.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(15);
const TURNS_OF_FIGURES: f64 = 1_000.0;

/// What is learned from, and who is asked.
#[derive(Debug)]
pub(crate) struct Task {
    /// An OpenAI-compatible server on this machine, with a context of 16,384 tokens.
    pub(crate) llm: SocketAddr,
    /// In the form of LoCoMo; the first conversation counts.
    pub(crate) transcript: PathBuf,
    /// How many turns of it.
    pub(crate) turns: usize,
    /// Where to write all memories, for whoever wants to read them.
    pub(crate) memories: Option<PathBuf>,
}

/// A turn of the transcript; the first speaker is the user, the second takes the model's part.
#[derive(Debug)]
struct Turn {
    session: String,
    role: &'static str,
    text: String,
}

/// What the model's server said of its answers.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    calls: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// What came of one side.
#[derive(Debug)]
struct Side {
    name: String,
    spent: Spent,
    took: Duration,
    memories: Vec<String>,
    failed: u64,
}

#[derive(Debug, Deserialize)]
struct PeerAnswer {
    memories: Vec<String>,
    failed: u64,
}

/// The proxy that counts.
struct Counter {
    upstream: ScriptedUpstream,
    spent: Arc<Mutex<Spent>>,
}

impl Counter {
    fn start(runtime: &tokio::runtime::Runtime, llm: SocketAddr) -> Self {
        let spent = Arc::new(Mutex::new(Spent::default()));
        let counted = Arc::clone(&spent);
        let upstream =
            runtime.block_on(ScriptedUpstream::start(move |request| match pass_on(request, llm) {
                Ok((status, answer)) => {
                    let usage = |what: &str| answer["usage"][what].as_u64().unwrap_or(0);
                    let mut spent = counted.lock().unwrap_or_else(PoisonError::into_inner);
                    spent.calls += 1;
                    spent.prompt_tokens += usage("prompt_tokens");
                    spent.completion_tokens += usage("completion_tokens");
                    Script::json(status, &answer)
                }
                Err(error) => Script::json(502, &replies::error(&format!("{error:#}"), "unreachable")),
            }));
        Self { upstream, spent }
    }

    /// What was spent since this was asked last.
    fn take(&self) -> Spent {
        std::mem::take(&mut *self.spent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn pass_on(request: &RecordedRequest, llm: SocketAddr) -> Result<(u16, Value)> {
    let reply = Client::patient(llm, ANSWER_TIME_MAX)?.post(&request.path, &[], &request.json())?;
    Ok((reply.status, serde_json::from_slice(&reply.body)?))
}

/// Measures it.
pub(crate) fn measure(bench: &Bench, task: &Task) -> Result<Vec<Table>> {
    let turns = transcript(task)?;
    let text: Vec<&str> = turns.iter().map(|turn| turn.text.as_str()).collect();
    let text = text.join("\n");
    // One thread waits for the model while others serve.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let counter = Counter::start(&runtime, task.llm);
    let bar = progress("learn", 4);
    let mut sides = Vec::new();
    for (name, model) in [("throughline", true), ("throughline, patterns alone", false)] {
        bar.set_message(name);
        sides.push(ours(bench, name, model.then_some(&counter), &turns)?);
        bar.inc(1);
    }
    if let Some(peer) = &bench.peer {
        let embedder = Server::start(bench, &Options::new(bench.folder("model")?, Embeddings::Local))?;
        for batch in [TURNS_AN_EXCHANGE, TURNS_A_BATCH] {
            let name = format!("mem0ai, {batch} turns an add");
            bar.set_message(name.clone());
            let folder = bench.folder("mem0-learn")?;
            let request = json!({
                "work": "learn", "store": "qdrant", "directory": folder.join("store"), "model": MODEL,
                "llm_url": counter.upstream.url(), "embedder_url": format!("http://{}/v1", embedder.address()),
                "batches": batches(&turns, batch).map(|batch| batch.iter().map(message).collect()).collect::<Vec<Vec<_>>>(),
            });
            let begun = Instant::now();
            let PeerAnswer { memories, failed } = peer.ask(&request, &folder.join("log"))?;
            sides.push(Side { name, spent: counter.take(), took: begun.elapsed(), memories, failed });
            bar.inc(1);
        }
        embedder.stop()?;
    }
    bar.finish_and_clear();
    if let Some(path) = &task.memories {
        write_memories(path, &sides, &text)?;
    }
    Ok(vec![table(&sides, turns.len(), &text)])
}

/// The first turns of the first conversation.
fn transcript(task: &Task) -> Result<Vec<Turn>> {
    let shown = task.transcript.display();
    let text = std::fs::read_to_string(&task.transcript).with_context(|| format!("cannot read {shown}"))?;
    let file: Value = serde_json::from_str(&text).with_context(|| format!("{shown} is not JSON"))?;
    let conversation = &file[0]["conversation"];
    let mut turns = Vec::new();
    for session in (1..).map(|number| format!("session_{number}")) {
        let Some(said) = conversation[&session].as_array() else { break };
        turns.extend(said.iter().filter_map(|turn| {
            let role = if turn["speaker"] == conversation["speaker_a"] { "user" } else { "assistant" };
            let text = turn["text"].as_str().filter(|text| !text.trim().is_empty())?.to_owned();
            Some(Turn { session: session.clone(), role, text })
        }));
    }
    turns.truncate(task.turns);
    ensure!(!turns.is_empty(), "{shown} has no conversation in the form of LoCoMo");
    Ok(turns)
}

/// At most so many turns of one session at a time.
fn batches(turns: &[Turn], turns_max: usize) -> impl Iterator<Item = &[Turn]> {
    turns.chunk_by(|one, next| one.session == next.session).flat_map(move |session| session.chunks(turns_max))
}

/// Names are left out: mem0ai does not show them to its model.
fn message(turn: &Turn) -> Value {
    json!({ "role": turn.role, "content": turn.text })
}

fn ours(bench: &Bench, name: &str, counter: Option<&Counter>, turns: &[Turn]) -> Result<Side> {
    let mut options = Options::new(bench.folder("learn")?, Embeddings::Local);
    options.learning = counter.map(|counter| (counter.upstream.url(), MODEL.to_owned()));
    let server = Server::start(bench, &options)?;
    let mut client = server.client()?;
    let (mut failed, begun) = (0, Instant::now());
    for batch in batches(turns, TURNS_A_BATCH) {
        for exchange in batch.chunks(TURNS_AN_EXCHANGE) {
            let said: Vec<Value> = exchange.iter().map(message).collect();
            let body = json!({ "user": "u", "session": batch[0].session, "turns": said });
            client.post("/api/v1/turns", &[], &body)?.json()?;
        }
        failed += learn(&mut client)?;
    }
    let took = begun.elapsed();
    let listed = client.get("/api/v1/memories?user=u&limit=1000")?.json()?;
    let memories = listed["memories"].as_array().context("memories")?;
    let memories = memories.iter().filter_map(|memory| memory["text"].as_str()).map(str::to_owned).collect();
    server.stop()?;
    Ok(Side {
        name: name.to_owned(),
        spent: counter.map(Counter::take).unwrap_or_default(),
        took,
        memories,
        failed,
    })
}

/// Learns all that waits; returns how many batches the model had no use for.
fn learn(client: &mut Client) -> Result<u64> {
    let mut failed = 0;
    loop {
        let learned = client.post("/api/v1/learn", &[], &json!({ "user": "u", "wait": true }))?.json()?;
        let count = |what: &str| learned[what].as_u64().unwrap_or(0);
        failed += count("failed") + count("degraded");
        if learned["done"] == true || count("failed") > 0 {
            return Ok(failed);
        }
    }
}

fn write_memories(path: &Path, sides: &[Side], transcript: &str) -> Result<()> {
    let sides: Vec<Value> = sides
        .iter()
        .map(|side| {
            let judged = side.memories.iter().zip(junk::judge(&side.memories, transcript));
            let memories: Vec<_> = judged.map(|(text, junk)| json!({ "text": text, "junk": junk })).collect();
            json!({ "side": side.name, "memories": memories })
        })
        .collect();
    std::fs::write(path, format!("{:#}\n", json!(sides)))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn table(sides: &[Side], turns: usize, transcript: &str) -> Table {
    let mut table = Table::new(
        "learn",
        "Learning with a language model, for 1,000 turns",
        sides.iter().map(|side| side.name.clone()),
    );
    let scale = TURNS_OF_FIGURES / turns as f64;
    let junk = |side: &Side| junk::judge(&side.memories, transcript).into_iter().flatten().count();
    let mut row = |name: &str, figure: &dyn Fn(&Side) -> f64| {
        table.row(name, sides.iter().map(|side| Cell::from(format!("{:.0}", figure(side)))));
    };
    row("calls", &|side| side.spent.calls as f64 * scale);
    row("prompt tokens", &|side| side.spent.prompt_tokens as f64 * scale);
    row("completion tokens", &|side| side.spent.completion_tokens as f64 * scale);
    row("wall time, minutes", &|side| side.took.as_secs_f64() / 60.0 * scale);
    row("memories", &|side| side.memories.len() as f64 * scale);
    row("of these junk", &|side| junk(side) as f64 * scale);
    row("of these junk, %", &|side| 100.0 * junk(side) as f64 / (side.memories.len() as f64).max(1.0));
    row("batches without a usable answer", &|side| side.failed as f64 * scale);
    table
}
