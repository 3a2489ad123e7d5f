//! The same work on each engine, in one run: the embedded store, and whatever servers are named.
//!
//! Beside it what these servers do alone, asked for nothing but one key, one row or one vector ([`redis`], [`postgres`]), which is
//! the limit of anything that is kept on them; and `mem0ai` on pgvector.

mod engine;
mod postgres;
mod redis;

use anyhow::{Context as _, Result, ensure};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Runtime;

pub(crate) use engine::Engine;

use crate::bench::{Bench, progress};
use crate::corpus;
use crate::load::{User, Vectors, load};
use crate::measure::{Rounds, Times};
use crate::report::{Cell, Table};
use crate::server::{Embeddings, Options, Server};

use super::chat::{self, Chats, Way};
use super::recall::{self, PUSHING, Questions};
use super::writes::{self, Load};

/// Clients at once, each with one turn a request.
const CLIENTS: [usize; 2] = [1, 8];
/// Turns of the user whose memory is recalled, and of those who chat.
const TURNS: u64 = 1_000;
/// Different turns the peer writes; it starts again after them.
const PEER_TURNS: u64 = 10_000;

/// What is kept of the rounds of one engine.
#[derive(Debug, Clone, Default)]
struct Measured {
    writes: [writes::Measured; CLIENTS.len()],
    recall: [recall::Measured; 1],
    chat_p50: Rounds,
    chat_p99: Rounds,
    context_trips: Rounds,
    record_trips: Rounds,
    bytes: Rounds,
}

/// What a server does alone, or the peer on it: operations a second by clients, and the time of one search.
#[derive(Debug, Clone, Default)]
struct Alone {
    rates: [Rounds; CLIENTS.len()],
    p50: Rounds,
    p99: Rounds,
}

impl Alone {
    fn searched(&mut self, times: &Times) {
        self.p50.push(times.percentile(50));
        self.p99.push(times.percentile(99));
    }
}

/// All that does less than an engine, by its name.
#[derive(Debug, Default)]
struct Limits(Vec<(&'static str, Alone)>);

impl Limits {
    fn of(&mut self, name: &'static str) -> &mut Alone {
        let at = self.0.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.0.push((name, Alone::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

/// Measures the embedded store and these.
pub(crate) fn measure(bench: &Bench, servers: &[Engine]) -> Result<Vec<Table>> {
    let engines = [&[Engine::embedded()], servers].concat();
    let steps = bench.rounds as usize * (engines.len() * 4 + 3) + engines.len();
    let bar = progress("engines", steps);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let upstream = chat::upstream(&runtime);
    let turns = bench.either(usize::try_from(TURNS)?, 100) as u64;
    let users: Vec<User> = (0..chat::USERS).map(|number| User { number, turns }).collect();
    let mut filled = Vec::new();
    let mut all = vec![Measured::default(); engines.len()];
    for (engine, measured) in engines.iter().zip(&mut all) {
        let data = bench.folder("engines")?;
        let options = Options {
            store: engine.fresh(&runtime, "filled")?,
            upstream: Some(upstream.url()),
            ..Options::new(data, Embeddings::Local)
        };
        let all_users = [&users[..], &PUSHING].concat();
        let before = engine.bytes(&runtime, &options)?;
        load(bench, &options, Vectors::Scripted, &all_users, &bar)
            .with_context(|| format!("loading {}", engine.name))?;
        let loaded: u64 = all_users.iter().map(|user| user.turns).sum();
        let taken = engine.bytes(&runtime, &options)? - before;
        measured.bytes.push(taken * 1_000.0 / loaded as f64);
        filled.push(options);
        bar.inc(1);
    }
    let mut questions = Questions::default();
    let (mut direct, mut limits) = (Alone::default(), Limits::default());
    for round in 0..bench.rounds {
        for ((engine, options), measured) in engines.iter().zip(&filled).zip(&mut all) {
            bar.set_message(format!("{}, writes", engine.name));
            write(bench, engine, &runtime, round, measured)?;
            bar.inc(1);
            bar.set_message(format!("{}, recall", engine.name));
            recall::warm(bench, options, &users[..1], &mut measured.recall, &mut questions)?;
            bar.inc(1);
            recall::cold(bench, options, &users[..1], &mut measured.recall, &mut questions)?;
            bar.inc(1);
            bar.set_message(format!("{}, chats", engine.name));
            chats(bench, options, round, measured)?;
            bar.inc(1);
        }
        bar.set_message("chats, straight to the upstream");
        direct.searched(&series(None, upstream.address(), u64::from(round)).times(bench)?);
        bar.inc(1);
        bar.set_message("servers alone");
        for engine in servers {
            redis::alone(bench, engine, &mut limits)?;
            postgres::alone(bench, engine, &runtime, &mut limits)?;
        }
        bar.inc(1);
        peer(bench, servers, &runtime, round, &mut limits, &bar)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(tables(&engines, &all, &direct, &limits))
}

/// Durable turns a second, into a new memory without vectors.
fn write(
    bench: &Bench,
    engine: &Engine,
    runtime: &Runtime,
    round: u32,
    measured: &mut Measured,
) -> Result<()> {
    let store = engine.fresh(runtime, &format!("writes{round}"))?;
    let options = Options { store, ..Options::new(bench.folder("engine-writes")?, Embeddings::Off) };
    let server = Server::start(bench, &options)?;
    for (clients, measured) in CLIENTS.into_iter().zip(&mut measured.writes) {
        writes::one_load(bench, &server, Load { clients, turns: 1 }, measured)
            .with_context(|| engine.name.clone())?;
    }
    server.stop()
}

/// Chats of one client, and what they have of round trips.
fn chats(bench: &Bench, options: &Options, round: u32, measured: &mut Measured) -> Result<()> {
    let server = Server::start(bench, options)?;
    // What is done once for a new process and a new connection is not what a chat costs.
    series(Some(&server), server.address(), u64::from(round) * 2).run(bench.either(32, 8), false)?;
    let before = server.metrics()?;
    let times = series(Some(&server), server.address(), u64::from(round) * 2 + 1).times(bench)?;
    let after = server.metrics()?;
    measured.chat_p50.push(times.percentile(50));
    measured.chat_p99.push(times.percentile(99));
    measured.context_trips.push(after.round_trips("context", &before));
    measured.record_trips.push(after.round_trips("record", &before));
    server.stop()
}

fn series(server: Option<&Server>, address: std::net::SocketAddr, number: u64) -> Chats<'_> {
    let way = if server.is_some() { Way::MemoryWithModel } else { Way::Direct };
    Chats { way, server, address, clients: 1, number }
}

impl Chats<'_> {
    fn times(&self, bench: &Bench) -> Result<Times> {
        let mut times = Times::default();
        self.run(bench.either(240, 16), false)?.iter().for_each(|reply| times.push(reply.total));
        Ok(times)
    }
}

#[derive(Debug, Deserialize)]
struct PeerWrites {
    cells: Vec<PeerCell>,
}

#[derive(Debug, Deserialize)]
struct PeerCell {
    turns: u64,
    failed: u64,
    seconds: f64,
}

#[derive(Debug, Deserialize)]
struct PeerSearch {
    users: Vec<PeerUser>,
}

#[derive(Debug, Deserialize)]
struct PeerUser {
    p50_ms: f64,
    p99_ms: f64,
    results: usize,
}

/// The peer, on the first server that speaks Postgres.
fn peer(
    bench: &Bench,
    servers: &[Engine],
    runtime: &Runtime,
    round: u32,
    limits: &mut Limits,
    bar: &ProgressBar,
) -> Result<()> {
    let (Some(mem0), Some(engine)) = (&bench.peer, servers.iter().find(|engine| engine.is_postgres())) else {
        return Ok(());
    };
    bar.set_message("mem0 with pgvector");
    let store = engine.fresh(runtime, &format!("peer{round}"))?.context("Postgres is a server")?;
    let folder = bench.folder("engines-mem0")?;
    let turn = |user: u64, number| {
        let turn = corpus::turn(user, number);
        json!({ "role": turn.role, "content": turn.content })
    };
    let (turns, users) = (folder.join("turns.json"), folder.join("users.jsonl"));
    std::fs::write(
        &turns,
        json!((0..PEER_TURNS).map(|number| turn(0, number)).collect::<Vec<_>>()).to_string(),
    )?;
    // The same number of users as ours: what others have said is in the same table.
    let each = bench.either(usize::try_from(TURNS)?, 100) as u64;
    let lines: Vec<String> = (0..chat::USERS)
        .map(|user| json!({ "user": format!("user-{user}"), "turns": (0..each).map(|number| turn(user, number)).collect::<Vec<_>>() }))
        .map(|line| line.to_string())
        .collect();
    std::fs::write(&users, lines.join("\n"))?;
    let ask = |mut request: serde_json::Value| {
        let work = request["work"].to_string();
        request["store"] = json!("pgvector");
        request["url"] = json!(store.url);
        request["directory"] = json!(folder.join(work.trim_matches('"')));
        (request, folder.join(format!("{}.log", work.trim_matches('"'))))
    };
    let (request, log) = ask(json!({
        "work": "writes", "seconds": bench.window().as_secs_f64(), "turns": turns, "embedder_url": null,
        "cells": CLIENTS.map(|clients| json!({ "clients": clients, "turns": 1 })),
    }));
    let written: PeerWrites = mem0.ask(&request, &log)?;
    let alone = limits.of("mem0ai on pgvector, embedding excluded");
    for (rounds, cell) in alone.rates.iter_mut().zip(written.cells) {
        ensure!(cell.failed == 0, "{} writes of mem0 failed", cell.failed);
        rounds.push(cell.turns as f64 / cell.seconds);
    }
    let (request, log) = ask(json!({ "work": "load", "users": users }));
    let _: serde_json::Value = mem0.ask(&request, &log)?;
    let asked: Vec<String> =
        (0..=bench.either(100, 10) as u64).map(|n| corpus::question(1 << 40 | n)).collect();
    let (request, log) =
        ask(json!({ "work": "search", "users": ["user-0"], "questions": asked, "embedder_url": null }));
    let found: PeerSearch = mem0.ask(&request, &log)?;
    let user = found.users.first().context("mem0 has searched for nobody")?;
    ensure!(user.results > 0, "mem0 found nothing");
    alone.p50.push(user.p50_ms);
    alone.p99.push(user.p99_ms);
    Ok(())
}

fn tables(engines: &[Engine], all: &[Measured], direct: &Alone, limits: &Limits) -> Vec<Table> {
    let clients = CLIENTS.map(|count| format!("{count} client{}", if count == 1 { "" } else { "s" }));
    let dash = || Cell::from("–".to_owned());
    let mut written = Table::new("engines-writes", "Durable turns a second, embedding off", clients);
    let times = ["warm: p50", "warm: p99", "cold: p50", "cold: p99"];
    let mut recalled = Table::new("engines-recall", "Recall of 10 of a user's 1,000 turns, ms", times);
    let chatted = ["p50", "p99", "round trips before the model", "round trips to record"];
    let mut chatted = Table::new("engines-chat", "A chat with memory, a whole answer, ms", chatted);
    let mut size =
        Table::new("engines-size", "What is kept of 1,000 turns, vectors and tokens included", ["bytes"]);
    chatted.row(
        "straight to the upstream",
        [direct.p50.clone().into(), direct.p99.clone().into(), dash(), dash()],
    );
    for (engine, measured) in engines.iter().zip(all) {
        let name = format!("throughline, {}", engine.name);
        written.row(&name, measured.writes.each_ref().map(|measured| measured.turns_a_second.clone()));
        let [found] = &measured.recall;
        recalled.row(
            &name,
            [&found.warm_p50, &found.warm_p99, &found.cold_p50, &found.cold_p99].map(Clone::clone),
        );
        let chat = [&measured.chat_p50, &measured.chat_p99, &measured.context_trips, &measured.record_trips];
        chatted.row(&name, chat.map(Clone::clone));
        size.row(&name, [measured.bytes.clone()]);
    }
    for (name, alone) in &limits.0 {
        if alone.rates.iter().any(|rounds| rounds.count() > 0) {
            written.row(*name, alone.rates.clone());
        }
        if alone.p50.count() > 0 {
            recalled.row(*name, [alone.p50.clone().into(), alone.p99.clone().into(), dash(), dash()]);
        }
    }
    vec![written, recalled, chatted, size]
}
