//! What a chat pays: the same requests straight to the upstream, through the proxy with memory off, and with memory.
//!
//! The upstream plays a script: a whole answer at once, which shows the added time best, or a stream of pieces at a
//! fixed pace, which shows the time to the first byte and the gaps between pieces. Calling it directly measures the
//! client and the upstream themselves; what is on top of that is ours. A client that is alone waits until the exchange
//! before was recorded, as a person who reads the answer does; eight at once do not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use throughline_testkit::{RecordedRequest, Script, ScriptedUpstream, replies};
use tokio::runtime::Runtime;

use crate::bench::{Bench, progress};
use crate::client::{Client, Reply};
use crate::corpus;
use crate::load::{User, Vectors, load};
use crate::measure::{Rounds, Times, at_once, milliseconds};
use crate::report::{Cell, Table};
use crate::server::{Embeddings, Options, Server};

/// The way a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    ProxyOnly,
    MemoryByWords,
    MemoryWithModel,
}

const WAYS: [Way; 4] = [Way::Direct, Way::ProxyOnly, Way::MemoryByWords, Way::MemoryWithModel];
const CLIENTS: [usize; 2] = [1, 8];

/// Users of 1,000 turns, who chat in turns.
pub(super) const USERS: u64 = 8;
const TURNS_AT_START: u64 = 1_000;
/// The questions of the first chats after a start are not asked again later.
const FIRST_SERIES: u64 = 1 << 20;
/// How often it is looked whether an exchange is recorded.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Exchanges of a conversation; each request sends all that was said in it before.
const EXCHANGES: u64 = 4;
/// Pieces of a streamed answer, and the pause after each.
const PIECES: usize = 24;
const PAUSE: Duration = Duration::from_millis(5);

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Direct => "straight to the upstream",
            Self::ProxyOnly => "proxy, memory off",
            Self::MemoryByWords => "memory, embedding off",
            Self::MemoryWithModel => "memory, embedding on",
        }
    }

    fn has_memory(self) -> bool {
        matches!(self, Self::MemoryByWords | Self::MemoryWithModel)
    }
}

/// What is kept of the rounds for one way and number of clients.
#[derive(Debug, Clone, Default)]
struct Measured {
    whole: [Rounds; 2],
    whole_added: [Rounds; 2],
    first_byte: [Rounds; 2],
    gap: [Rounds; 2],
    stream: [Rounds; 2],
    chats: u64,
    with_memory: u64,
    degraded: BTreeMap<String, u64>,
}

/// The median and the 99th percentile.
const PERCENTILES: [usize; 2] = [50, 99];

/// Measures it.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let bar = progress("chat", bench.rounds as usize * WAYS.len() * CLIENTS.len() * 2 + 2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let upstream = upstream(&runtime);
    let turns = bench.either(usize::try_from(TURNS_AT_START)?, 100) as u64;
    let users: Vec<User> = (0..USERS).map(|number| User { number, turns }).collect();
    let mut stores = Vec::new();
    for embeddings in [Embeddings::Off, Embeddings::Local] {
        let data = bench.folder("chat")?;
        let vectors = if embeddings == Embeddings::Local { Vectors::OfModel } else { Vectors::None };
        let options = Options { upstream: Some(upstream.url()), ..Options::new(data, embeddings) };
        load(bench, &options, vectors, &users, &bar)?;
        stores.push(options);
        bar.inc(1);
    }
    let mut all: [[Measured; CLIENTS.len()]; WAYS.len()] = Default::default();
    let mut first: [Rounds; 2] = Default::default();
    for round in 0..u64::from(bench.rounds) {
        let servers: Vec<Server> =
            stores.iter().map(|options| Server::start(bench, options)).collect::<Result<_>>()?;
        let series = |way, clients, number| {
            let server = match way {
                Way::Direct => None,
                Way::ProxyOnly | Way::MemoryByWords => Some(&servers[0]),
                Way::MemoryWithModel => Some(&servers[1]),
            };
            Chats {
                way,
                server,
                address: server.map_or(upstream.address(), Server::address),
                clients,
                number,
            }
        };
        for (way, first) in [Way::MemoryByWords, Way::MemoryWithModel].into_iter().zip(&mut first) {
            let chats = series(way, 1, FIRST_SERIES + round);
            first.push(chats.run(1, false)?.first().map(|reply| milliseconds(reply.total)));
        }
        for (at, clients) in CLIENTS.into_iter().enumerate() {
            for (way, measured) in WAYS.into_iter().zip(&mut all) {
                let chats = series(way, clients, (round * 2 + at as u64) * 2);
                bar.set_message(format!("{}, whole answers, {clients} at once", way.name()));
                chats.whole(bench.either(240, 16), &mut measured[at])?;
                bar.inc(1);
                bar.set_message(format!("{}, streams, {clients} at once", way.name()));
                let streams = if clients == 1 { bench.either(40, 4) } else { bench.either(80, 8) };
                chats.streamed(streams, &mut measured[at])?;
                bar.inc(1);
            }
        }
        for server in servers {
            server.stop()?;
        }
    }
    bar.finish_and_clear();
    add_differences(&mut all);
    Ok(tables(&all, first))
}

/// Answers every chat with the same words, at once or piece by piece.
pub(super) fn upstream(runtime: &Runtime) -> ScriptedUpstream {
    let pieces: Vec<String> = (0..PIECES).map(|number| format!(" piece {number}")).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let whole = Script::json(200, &replies::completion(&corpus::turn(0, 1).content));
    let streamed = replies::text_events(&pieces)
        .iter()
        .fold(Script::event_stream(), |script, event| script.chunk(event).sleep(PAUSE))
        .end();
    let wants_stream = |request: &RecordedRequest| request.json()["stream"] == true;
    runtime.block_on(ScriptedUpstream::start(move |request| {
        if wants_stream(request) { streamed.clone() } else { whole.clone() }
    }))
}

/// A series of chats of some clients at once.
pub(super) struct Chats<'a> {
    pub(super) way: Way,
    /// None if they go straight to the upstream.
    pub(super) server: Option<&'a Server>,
    pub(super) address: SocketAddr,
    pub(super) clients: usize,
    /// No two series ask the same questions.
    pub(super) number: u64,
}

impl Chats<'_> {
    fn whole(&self, count: usize, measured: &mut Measured) -> Result<()> {
        let mut totals = Times::default();
        for reply in self.run(count, false)? {
            measured.count(&reply);
            totals.push(reply.total);
        }
        push(&mut measured.whole, &totals);
        Ok(())
    }

    fn streamed(&self, count: usize, measured: &mut Measured) -> Result<()> {
        let (mut first_bytes, mut gaps, mut totals) = (Times::default(), Times::default(), Times::default());
        for reply in self.run(count, true)? {
            measured.count(&reply);
            first_bytes.push(reply.first_byte);
            reply.gaps().for_each(|gap| gaps.push(gap));
            totals.push(reply.total);
        }
        push(&mut measured.first_byte, &first_bytes);
        push(&mut measured.gap, &gaps);
        push(&mut measured.stream, &totals);
        Ok(())
    }

    /// All replies to `count` requests, shared among the clients.
    pub(super) fn run(&self, count: usize, stream: bool) -> Result<Vec<Reply>> {
        let series = self.number + u64::from(stream);
        let replies = at_once(self.clients, |client| {
            let mut connection = Client::connect(self.address)?;
            let mut replies = Vec::new();
            let mut messages = Vec::new();
            for number in 0..(count / self.clients) as u64 {
                let conversation = client as u64 + number / EXCHANGES;
                if number % EXCHANGES == 0 {
                    messages = vec![json!({ "role": "system", "content": "You are a helpful assistant." })];
                }
                let question = corpus::question((series << 32) | ((client as u64) << 16) | number);
                messages.push(json!({ "role": "user", "content": question }));
                let user = format!("user-{}", conversation % USERS);
                let reply = self.ask(&mut connection, &user, &messages, stream)?;
                messages.push(json!({ "role": "assistant", "content": said(&reply, stream)? }));
                replies.push(reply);
                self.settle()?;
            }
            Ok(replies)
        })
        .with_context(|| format!("{}, {} at once", self.way.name(), self.clients))?;
        Ok(replies.into_iter().flatten().collect())
    }

    /// Waits until everything said so far is recorded, if the client is alone.
    fn settle(&self) -> Result<()> {
        while let (Some(server), true, 1) = (self.server, self.way.has_memory(), self.clients) {
            if server.metrics()?.get("throughline_record_queue") == 0.0 {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn ask(&self, client: &mut Client, user: &str, messages: &[Value], stream: bool) -> Result<Reply> {
        let body = json!({ "model": "scripted-model", "messages": messages, "stream": stream, "user": user });
        let mode = if self.way.has_memory() { "full" } else { "off" };
        let reply = client.post("/v1/chat/completions", &[("x-memory-mode", mode)], &body)?;
        ensure!(reply.status == 200, "status {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
        Ok(reply)
    }
}

/// What the model said, as a client that keeps its history puts it together.
fn said(reply: &Reply, stream: bool) -> Result<String> {
    if !stream {
        let text = reply.json()?["choices"][0]["message"]["content"].as_str().map(str::to_owned);
        return text.context("the answer has no text");
    }
    let body = std::str::from_utf8(&reply.body)?;
    ensure!(body.ends_with(replies::DONE), "the stream broke off");
    let events = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let mut text = String::new();
    for event in events {
        let event: Value = serde_json::from_str(event)?;
        text.push_str(event["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    Ok(text)
}

fn push(rounds: &mut [Rounds; 2], times: &Times) {
    for (rounds, percent) in rounds.iter_mut().zip(PERCENTILES) {
        rounds.push(times.percentile(percent));
    }
}

impl Measured {
    fn count(&mut self, reply: &Reply) {
        self.chats += 1;
        let hits: u64 = reply.header("x-memory-hits").and_then(|hits| hits.parse().ok()).unwrap_or(0);
        self.with_memory += u64::from(hits > 0);
        if let Some(reason) = reply.header("x-memory-degraded") {
            *self.degraded.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// How many chats got memory, and what the server said was missing from it.
    fn completeness(&self) -> String {
        let reasons: Vec<String> =
            self.degraded.iter().map(|(reason, count)| format!("; {count} {reason}")).collect();
        format!("{} of {}{}", self.with_memory, self.chats, reasons.concat())
    }
}

/// What each way adds to the direct one, round by round.
fn add_differences(all: &mut [[Measured; CLIENTS.len()]; WAYS.len()]) {
    let (direct, others) = all.split_at_mut(1);
    for (measured, direct) in others.iter_mut().flatten().zip(direct[0].iter().cycle()) {
        measured.whole_added = [0, 1].map(|at| measured.whole[at].minus(&direct.whole[at]));
    }
}

fn tables(all: &[[Measured; CLIENTS.len()]; WAYS.len()], first: [Rounds; 2]) -> Vec<Table> {
    let columns = || {
        CLIENTS
            .into_iter()
            .flat_map(|clients| PERCENTILES.map(|percent| format!("{clients} at once: p{percent}")))
    };
    let mut whole = Table::new("chat-whole", "A whole answer, ms", columns());
    let mut stream = Table::new("chat-stream", "A stream of pieces 5 ms apart, ms", columns());
    let mut count = Table::new(
        "chat-memory",
        "Chats that got recalled text, and what `X-Memory-Degraded` said",
        CLIENTS.map(|clients| format!("{clients} at once")),
    );
    let cells = |measured: &[Measured; CLIENTS.len()], pick: fn(&Measured) -> &[Rounds; 2]| -> Vec<Cell> {
        measured.iter().flat_map(pick).cloned().map(Cell::from).collect()
    };
    for (way, measured) in WAYS.into_iter().zip(all) {
        let name = way.name();
        whole.row(name, cells(measured, |m| &m.whole));
        if way != Way::Direct {
            whole.row(format!("{name}: added"), cells(measured, |m| &m.whole_added));
        }
        stream.row(format!("{name}: first byte"), cells(measured, |m| &m.first_byte));
        stream.row(format!("{name}: gap between pieces"), cells(measured, |m| &m.gap));
        stream.row(format!("{name}: total"), cells(measured, |m| &m.stream));
        if way.has_memory() {
            count.row(name, measured.iter().map(Measured::completeness));
        }
    }
    let ways = [Way::MemoryByWords, Way::MemoryWithModel].map(Way::name);
    let mut start = Table::new("chat-first", "The first chat after a restart, a whole answer, ms", ways);
    start.row("throughline", first);
    vec![whole, stream, start, count]
}
