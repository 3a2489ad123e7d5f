//! Durable turns a second: by clients at once and turns a request, embedding off and on.
//!
//! A turn counts when the server has acknowledged it. Any failed request fails the run, and so does a turn that was
//! acknowledged and is not listed afterwards. Beside it: SQLite alone with an fsync at each commit, which is what the
//! disk allows to one writer that does not group its commits, and `mem0ai`, whose failures are counted.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use indicatif::ProgressBar;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::json;

use crate::bench::{Bench, progress};
use crate::client::Client;
use crate::corpus;
use crate::load::observe;
use crate::measure::{Rounds, Times, at_once};
use crate::peer::{Mem0, STORES};
use crate::report::{Cell, Table};
use crate::server::{Embeddings, Options, Server};

/// A number of clients at once, and of turns in each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) clients: usize,
    pub(super) turns: u64,
}

const LOADS: [Load; 4] = [
    Load { clients: 1, turns: 1 },
    Load { clients: 1, turns: 4 },
    Load { clients: 8, turns: 1 },
    Load { clients: 8, turns: 4 },
];

/// Each client writes for so many users, one after the other.
const USERS_A_CLIENT: u64 = 16;
/// Different turns the peer writes; it starts again after them.
const PEER_TURNS: u64 = 10_000;

impl Load {
    fn name(self) -> String {
        let plural = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        format!("{}, {} a request", plural(self.clients as u64, "client"), plural(self.turns, "turn"))
    }
}

/// What is kept of the rounds under one load.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    pub(super) turns_a_second: Rounds,
    p50_ms: Rounds,
    p99_ms: Rounds,
    processor_ms_a_turn: Rounds,
}

/// The peer's numbers, with what it lost over all rounds.
#[derive(Debug, Clone, Default)]
struct PeerMeasured {
    speed: Measured,
    failed: u64,
    unsaved: u64,
    lost: u64,
    unreadable: u64,
}

/// The peer's answer for one load.
#[derive(Debug, Deserialize)]
struct PeerCell {
    turns: u64,
    failed: u64,
    unsaved: u64,
    kept: Option<u64>,
    seconds: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct PeerAnswer {
    cells: Vec<PeerCell>,
}

/// Measures it.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let peers = if bench.peer.is_some() { STORES.len() * 2 } else { 0 };
    let bar = progress("writes", bench.rounds as usize * (LOADS.len() * 2 + 2 + peers));
    let mut ours: [[Measured; LOADS.len()]; 2] = Default::default();
    let mut sqlite: [Rounds; 2] = Default::default();
    let mut theirs: [[[PeerMeasured; LOADS.len()]; 2]; STORES.len()] = Default::default();
    for _ in 0..bench.rounds {
        for (embed, embeddings) in [Embeddings::Off, Embeddings::Local].into_iter().enumerate() {
            let server = Server::start(bench, &Options::new(bench.folder("writes")?, embeddings))?;
            for (load, measured) in LOADS.into_iter().zip(&mut ours[embed]) {
                bar.set_message(format!("embedding {}, {}", ["off", "on"][embed], load.name()));
                one_load(bench, &server, load, measured)?;
                bar.inc(1);
            }
            let waiting = server.metrics()?.get("throughline_unembedded_passages");
            ensure!(embed == 0 || waiting == 0.0, "{waiting} passages were written without a vector");
            server.stop()?;
        }
        for (rows, rounds) in [1, 4].into_iter().zip(&mut sqlite) {
            bar.set_message(format!("SQLite alone, {rows} rows a commit"));
            rounds.push(sqlite_rows_a_second(&bench.folder("sqlite")?, rows, bench.window())?);
            bar.inc(1);
        }
        if let Some(mem0) = &bench.peer {
            peer_round(bench, mem0, &mut theirs, &bar)?;
        }
    }
    bar.finish_and_clear();
    Ok(tables(&ours, &sqlite, bench.peer.as_ref().map(|_| &theirs)))
}

/// Writes turns for a while, and counts them afterwards.
pub(super) fn one_load(bench: &Bench, server: &Server, load: Load, measured: &mut Measured) -> Result<()> {
    let name = |client: usize, user: u64| format!("{}x{}-{client}-{user}", load.clients, load.turns);
    let used_before = server.processor_ms();
    let begin = Instant::now();
    let window = bench.window();
    let clients = at_once(load.clients, |client| {
        let mut connection = server.client()?;
        let (mut times, mut number) = (Times::default(), 0);
        while begin.elapsed() < window {
            let user = (number / load.turns) % USERS_A_CLIENT;
            let turns = (number..number + load.turns).map(|turn| corpus::turn(client as u64, turn));
            let sent = Instant::now();
            number += observe(&mut connection, &name(client, user), "day", turns)
                .with_context(|| format!("an add failed under {}", load.name()))?;
            times.push(sent.elapsed());
        }
        Ok((number, times))
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let used = server.processor_ms().zip(used_before).map(|(after, before)| after - before);
    let (mut acknowledged, mut times) = (0, Times::default());
    for (turns, taken) in clients {
        acknowledged += turns;
        times.extend(taken);
    }
    let mut connection = server.client()?;
    let mut listed = 0;
    for client in 0..load.clients {
        for user in 0..USERS_A_CLIENT {
            listed += count_listed(&mut connection, &name(client, user))?;
        }
    }
    ensure!(listed == acknowledged, "{acknowledged} turns acknowledged, {listed} listed");
    let turns = acknowledged as f64;
    measured.turns_a_second.push(turns / seconds);
    measured.p50_ms.push(times.percentile(50));
    measured.p99_ms.push(times.percentile(99));
    measured.processor_ms_a_turn.push(used.map(|used| used / turns));
    Ok(())
}

fn count_listed(client: &mut Client, user: &str) -> Result<u64> {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = client.get(&format!("/api/v1/turns?user={user}&limit=100{cursor}"))?.json()?;
        count += page["turns"].as_array().map_or(0, Vec::len) as u64;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(count),
        }
    }
}

fn sqlite_rows_a_second(folder: &Path, rows: u64, window: Duration) -> Result<f64> {
    let mut connection = Connection::open(folder.join("alone.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute("CREATE TABLE turns (id INTEGER PRIMARY KEY, role TEXT, content TEXT)", [])?;
    let begin = Instant::now();
    let mut number = 0;
    while begin.elapsed() < window {
        let transaction = connection.transaction()?;
        for _ in 0..rows {
            let turn = corpus::turn(0, number);
            transaction
                .prepare_cached("INSERT INTO turns (role, content) VALUES (?, ?)")?
                .execute([turn.role, turn.content.as_str()])?;
            number += 1;
        }
        transaction.commit()?;
    }
    Ok(number as f64 / begin.elapsed().as_secs_f64())
}

fn peer_round(
    bench: &Bench,
    mem0: &Mem0,
    theirs: &mut [[[PeerMeasured; LOADS.len()]; 2]; STORES.len()],
    bar: &ProgressBar,
) -> Result<()> {
    let folder = bench.folder("mem0")?;
    let turns: Vec<_> = (0..PEER_TURNS)
        .map(|number| corpus::turn(0, number))
        .map(|turn| json!({ "role": turn.role, "content": turn.content }))
        .collect();
    let file = folder.join("turns.json");
    std::fs::write(&file, json!(turns).to_string())?;
    // Its vectors come from the same model, served under `/v1/embeddings`.
    let model = Server::start(bench, &Options::new(bench.folder("model")?, Embeddings::Local))?;
    for (store, measured) in STORES.into_iter().zip(theirs) {
        let urls = [None, Some(format!("http://{}/v1", model.address()))];
        for (embed, (measured, url)) in measured.iter_mut().zip(urls).enumerate() {
            bar.set_message(format!("mem0 with {store}, embedding {}", ["excluded", "on"][embed]));
            let answer: PeerAnswer = mem0.ask(
                &json!({
                    "work": "writes", "store": store, "embedder_url": url, "seconds": bench.window().as_secs_f64(),
                    "directory": folder.join(format!("{store}-{embed}")), "turns": file,
                    "cells": LOADS.map(|load| json!({ "clients": load.clients, "turns": load.turns })),
                }),
                &folder.join(format!("{store}-{embed}.log")),
            )?;
            for (measured, cell) in measured.iter_mut().zip(answer.cells) {
                measured.add(&cell);
            }
            bar.inc(1);
        }
    }
    model.stop()
}

impl PeerMeasured {
    fn add(&mut self, cell: &PeerCell) {
        self.speed.turns_a_second.push(cell.turns as f64 / cell.seconds);
        self.speed.p50_ms.push(cell.p50_ms);
        self.speed.p99_ms.push(cell.p99_ms);
        self.failed += cell.failed;
        self.unsaved += cell.unsaved;
        match cell.kept {
            Some(kept) => self.lost += cell.turns.saturating_sub(kept),
            None => self.unreadable += 1,
        }
    }

    /// What went wrong, in words.
    fn failures(&self) -> String {
        let mut parts = vec![format!("{} failed", self.failed)];
        if self.unsaved > 0 {
            parts.push(format!("{} saves failed unreported", self.unsaved));
        }
        if self.lost > 0 {
            parts.push(format!("{} turns gone after reopening", self.lost));
        }
        if self.unreadable > 0 {
            parts.push(format!("{} stores do not open again", self.unreadable));
        }
        parts.join(", ")
    }
}

fn tables(
    ours: &[[Measured; LOADS.len()]; 2],
    sqlite: &[Rounds; 2],
    theirs: Option<&[[[PeerMeasured; LOADS.len()]; 2]; STORES.len()]>,
) -> Vec<Table> {
    let columns = || LOADS.map(Load::name);
    let mut speed = Table::new("writes", "Durable turns a second", columns());
    let mut request = Table::new("write-request", "Time of a write request, ms", columns());
    let mut failures = Table::new("write-failures", "Failed writes over all rounds", columns());
    let dash = || Cell::from("–".to_owned());
    for (embed, measured) in ["off", "on"].into_iter().zip(ours) {
        let name = format!("throughline, embedding {embed}");
        speed.row(&name, measured.each_ref().map(|m| m.turns_a_second.clone()));
        request.row(format!("{name}: p50"), measured.each_ref().map(|m| m.p50_ms.clone()));
        request.row(format!("{name}: p99"), measured.each_ref().map(|m| m.p99_ms.clone()));
        let processor = measured.each_ref().map(|m| m.processor_ms_a_turn.clone());
        request.row(format!("{name}: processor time a turn"), processor);
        // Had one failed, there would be no table.
        failures.row(name, LOADS.map(|_| "0 failed".to_owned()));
    }
    let [one, four] = sqlite.clone().map(Cell::from);
    speed.row("SQLite alone, fsync at each commit", [one, four, dash(), dash()]);
    for (store, number) in STORES.into_iter().zip(0..).take(if theirs.is_some() { STORES.len() } else { 0 }) {
        for (embed, measured) in
            theirs.into_iter().flat_map(|all: &[_; STORES.len()]| all[number].iter()).enumerate()
        {
            let measured: &[PeerMeasured; LOADS.len()] = measured;
            let name = format!("mem0ai, {store}, embedding {}", ["excluded", "on"][embed]);
            speed.row(&name, measured.each_ref().map(|m| m.speed.turns_a_second.clone()));
            let ratios = ours[embed]
                .iter()
                .zip(measured)
                .map(|(our, their)| Cell::ratio(&our.turns_a_second, &their.speed.turns_a_second));
            speed.row(format!("throughline ÷ {name}"), ratios);
            request.row(format!("{name}: p50"), measured.each_ref().map(|m| m.speed.p50_ms.clone()));
            request.row(format!("{name}: p99"), measured.each_ref().map(|m| m.speed.p99_ms.clone()));
            failures.row(name, measured.each_ref().map(PeerMeasured::failures));
        }
    }
    vec![speed, request, failures]
}
