//! Time of a recall over HTTP, by turns of the user, embedding off and on: warm, with the user's search data not in
//! memory, and as the first thing after a restart.
//!
//! Every query is another one, so that nothing can be remembered of it. Beside it: `mem0ai` on the same users.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::json;

use crate::bench::{Bench, progress};
use crate::client::Client;
use crate::corpus;
use crate::load::{User, Vectors, load};
use crate::measure::{Rounds, Times, milliseconds};
use crate::peer::{Mem0, STORES};
use crate::report::{Cell, Table};
use crate::server::{Embeddings, Options, Server};

/// Passages a recall is asked for.
const RESULTS: usize = 10;
/// The least that the cache can be set to: search data of two of the users below does not fit.
const SMALL_CACHE_BYTES: u64 = 1024 * 1024;
/// Users whose recall pushes another one out of the small cache.
pub(super) const PUSHING: [User; 3] =
    [User { number: 90, turns: 1_000 }, User { number: 91, turns: 1_000 }, User { number: 92, turns: 1_000 }];
const STAGES: [&str; 3] = ["embed", "search", "fetch"];

/// What is kept of the rounds for one user.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    pub(super) warm_p50: Rounds,
    pub(super) warm_p99: Rounds,
    processor_ms: Rounds,
    stages: [Rounds; STAGES.len()],
    pub(super) cold_p50: Rounds,
    pub(super) cold_p99: Rounds,
    first: Rounds,
    start_and_first: Rounds,
}

/// The peer's answer for all users.
#[derive(Debug, Deserialize)]
struct PeerAnswer {
    opened_ms: f64,
    users: Vec<PeerUser>,
}

#[derive(Debug, Deserialize)]
struct PeerUser {
    first_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    results: usize,
}

/// What is kept of the peer's rounds for one user.
#[derive(Debug, Clone)]
struct PeerMeasured {
    warm_p50: Rounds,
    warm_p99: Rounds,
    first: Rounds,
    start_and_first: Rounds,
    results: usize,
}

impl Default for PeerMeasured {
    fn default() -> Self {
        let none = Rounds::default;
        Self { warm_p50: none(), warm_p99: none(), first: none(), start_and_first: none(), results: RESULTS }
    }
}

/// Measures it.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let sizes: &[u64] = if bench.quick { &[100, 1_000] } else { &[100, 1_000, 10_000] };
    let users: Vec<User> = sizes.iter().zip(0..).map(|(&turns, number)| User { number, turns }).collect();
    let peers = if bench.peer.is_some() { STORES.len() * 2 } else { 0 };
    let bar = progress("recall", bench.rounds as usize * (2 * (2 + users.len()) + peers) + 2 + peers / 2);
    let mut ours = [vec![Measured::default(); users.len()], vec![Measured::default(); users.len()]];
    let mut theirs = vec![[(); 2].map(|()| vec![PeerMeasured::default(); users.len()]); STORES.len()];

    let embeddings = [Embeddings::Off, Embeddings::Local];
    let stores = [bench.folder("recall-words")?, bench.folder("recall-vectors")?];
    for (vectors, data) in [Vectors::None, Vectors::Scripted].into_iter().zip(&stores) {
        load(bench, &Options::new(data, Embeddings::Off), vectors, &[&users[..], &PUSHING].concat(), &bar)?;
        bar.inc(1);
    }
    let peer = bench.peer.as_ref().map(|mem0| Peer::load(bench, mem0, &users, &bar)).transpose()?;

    let mut questions = Questions::default();
    for _ in 0..bench.rounds {
        for ((embeddings, data), measured) in embeddings.iter().zip(&stores).zip(&mut ours) {
            let options = Options::new(data, embeddings.clone());
            bar.set_message(format!("{embeddings:?}: warm"));
            warm(bench, &options, &users, measured, &mut questions)?;
            bar.inc(1);
            bar.set_message(format!("{embeddings:?}: not in memory"));
            cold(bench, &options, &users, measured, &mut questions)?;
            bar.inc(1);
            for (user, measured) in users.iter().zip(measured) {
                bar.set_message(format!("{embeddings:?}: first after a restart"));
                first(bench, &options, *user, measured, &mut questions)?;
                bar.inc(1);
            }
        }
        if let Some(peer) = &peer {
            peer.round(bench, &users, &mut theirs, &mut questions, &bar)?;
        }
    }
    bar.finish_and_clear();
    Ok(tables(&users, &ours, peer.map(|_| &theirs[..]).unwrap_or_default()))
}

/// Never asks the same question twice.
#[derive(Default)]
pub(super) struct Questions(u64);

impl Questions {
    fn next(&mut self) -> String {
        self.0 += 1;
        corpus::question(self.0)
    }
}

fn recall(client: &mut Client, user: User, questions: &mut Questions) -> Result<Duration> {
    let body = json!({ "user": user.id(), "query": questions.next(), "limit": RESULTS });
    let reply = client.post("/api/v1/recall", &[], &body)?;
    let found = reply.json()?["items"].as_array().map_or(0, Vec::len);
    ensure!(found == RESULTS, "a recall from {} turns found {found} passages", user.turns);
    Ok(reply.total)
}

/// Recalls of each user whose search data is in memory.
pub(super) fn warm(
    bench: &Bench,
    options: &Options,
    users: &[User],
    measured: &mut [Measured],
    questions: &mut Questions,
) -> Result<()> {
    let server = Server::start(bench, options)?;
    let mut client = server.client()?;
    for (&user, measured) in users.iter().zip(measured) {
        for _ in 0..bench.either(10, 2) {
            recall(&mut client, user, questions)?;
        }
        let (before, used_before) = (server.metrics()?, server.processor_ms());
        let mut times = Times::default();
        for _ in 0..bench.either(300, 20) {
            times.push(recall(&mut client, user, questions)?);
        }
        let (after, used_after) = (server.metrics()?, server.processor_ms());
        measured.warm_p50.push(times.percentile(50));
        measured.warm_p99.push(times.percentile(99));
        let used = used_after.zip(used_before).map(|(after, before)| after - before);
        measured.processor_ms.push(used.map(|used| used / times.count() as f64));
        for (stage, rounds) in STAGES.into_iter().zip(&mut measured.stages) {
            rounds.push(after.stage_ms(stage, &before));
        }
    }
    server.stop()
}

/// Recalls of each user whose search data has to be read from the store.
pub(super) fn cold(
    bench: &Bench,
    options: &Options,
    users: &[User],
    measured: &mut [Measured],
    questions: &mut Questions,
) -> Result<()> {
    let server =
        Server::start(bench, &Options { cache_bytes_max: Some(SMALL_CACHE_BYTES), ..options.clone() })?;
    let mut client = server.client()?;
    for (&user, measured) in users.iter().zip(measured) {
        let mut times = Times::default();
        for _ in 0..bench.either(40, 4) {
            for pushing in PUSHING {
                recall(&mut client, pushing, questions)?;
            }
            times.push(recall(&mut client, user, questions)?);
        }
        measured.cold_p50.push(times.percentile(50));
        measured.cold_p99.push(times.percentile(99));
    }
    server.stop()
}

fn first(
    bench: &Bench,
    options: &Options,
    user: User,
    measured: &mut Measured,
    questions: &mut Questions,
) -> Result<()> {
    let server = Server::start(bench, options)?;
    let time = recall(&mut server.client()?, user, questions)?;
    measured.start_and_first.push(milliseconds(server.started().elapsed()));
    measured.first.push(milliseconds(time));
    server.stop()
}

/// The peer's stores, with the same turns.
struct Peer<'a> {
    mem0: &'a Mem0,
    folder: std::path::PathBuf,
}

impl<'a> Peer<'a> {
    fn load(bench: &Bench, mem0: &'a Mem0, users: &[User], bar: &ProgressBar) -> Result<Self> {
        let folder = bench.folder("recall-mem0")?;
        let file = folder.join("users.jsonl");
        let lines: Vec<String> = users
            .iter()
            .map(|user| {
                let turns = (0..user.turns).map(|number| corpus::turn(user.number, number));
                let turns: Vec<_> =
                    turns.map(|turn| json!({ "role": turn.role, "content": turn.content })).collect();
                json!({ "user": user.id(), "turns": turns }).to_string()
            })
            .collect();
        std::fs::write(&file, lines.join("\n"))?;
        let expected: u64 = users.iter().map(|user| user.turns).sum();
        for store in STORES {
            bar.set_message(format!("loading mem0 with {store}"));
            let request =
                json!({ "work": "load", "store": store, "directory": folder.join(store), "users": file });
            let answer: serde_json::Value = mem0.ask(&request, &folder.join(format!("{store}-load.log")))?;
            ensure!(
                answer["stored"] == expected,
                "mem0 with {store} kept {} of {expected} turns",
                answer["stored"]
            );
            bar.inc(1);
        }
        Ok(Self { mem0, folder })
    }

    fn round(
        &self,
        bench: &Bench,
        users: &[User],
        theirs: &mut [[Vec<PeerMeasured>; 2]],
        questions: &mut Questions,
        bar: &ProgressBar,
    ) -> Result<()> {
        let model = Server::start(bench, &Options::new(bench.folder("model")?, Embeddings::Local))?;
        for (store, measured) in STORES.into_iter().zip(theirs) {
            let urls = [None, Some(format!("http://{}/v1", model.address()))];
            for (embed, (measured, url)) in measured.iter_mut().zip(urls).enumerate() {
                bar.set_message(format!("mem0 with {store}, embedding {}", ["excluded", "on"][embed]));
                let asked: Vec<String> = (0..=bench.either(100, 10)).map(|_| questions.next()).collect();
                let ids: Vec<String> = users.iter().map(|user| user.id()).collect();
                let answer: PeerAnswer = self
                    .mem0
                    .ask(
                        &json!({
                            "work": "search", "store": store, "directory": self.folder.join(store),
                            "embedder_url": url, "users": ids, "questions": asked,
                        }),
                        &self.folder.join(format!("{store}-search.log")),
                    )
                    .with_context(|| format!("mem0 with {store}"))?;
                for (measured, user) in measured.iter_mut().zip(&answer.users) {
                    measured.warm_p50.push(user.p50_ms);
                    measured.warm_p99.push(user.p99_ms);
                    measured.first.push(user.first_ms);
                    measured.start_and_first.push(answer.opened_ms + user.first_ms);
                    measured.results = measured.results.min(user.results);
                }
                bar.inc(1);
            }
        }
        model.stop()
    }
}

fn tables(users: &[User], ours: &[Vec<Measured>; 2], theirs: &[[Vec<PeerMeasured>; 2]]) -> Vec<Table> {
    let columns = || users.iter().map(|user| format!("{} turns", user.turns));
    let mut warm = Table::new("recall-warm", "Recall of 10, warm, ms", columns());
    let mut cold = Table::new("recall-cold", "Recall of 10, cold, ms", columns());
    let mut stages = Table::new(
        "recall-stages",
        "Where a warm recall spends its time (means, inside the server), ms",
        columns(),
    );
    let cells = |measured: &[Measured], pick: fn(&Measured) -> &Rounds| -> Vec<Cell> {
        measured.iter().map(|m| pick(m).clone().into()).collect()
    };
    for (measured, embed) in ours.iter().zip(["off", "on"]) {
        let name = format!("throughline, embedding {embed}");
        warm.row(format!("{name}: p50"), cells(measured, |m| &m.warm_p50));
        warm.row(format!("{name}: p99"), cells(measured, |m| &m.warm_p99));
        warm.row(format!("{name}: processor time"), cells(measured, |m| &m.processor_ms));
        cold.row(format!("{name}, not in memory: p50"), cells(measured, |m| &m.cold_p50));
        cold.row(format!("{name}, not in memory: p99"), cells(measured, |m| &m.cold_p99));
        cold.row(format!("{name}: first after a restart"), cells(measured, |m| &m.first));
        cold.row(format!("{name}: process start to that answer"), cells(measured, |m| &m.start_and_first));
        for (at, stage) in STAGES.into_iter().enumerate() {
            if measured.iter().any(|m| m.stages[at].count() > 0) {
                stages.row(format!("{name}: {stage}"), measured.iter().map(|m| m.stages[at].clone()));
            }
        }
    }
    let cells = |measured: &[PeerMeasured], pick: fn(&PeerMeasured) -> &Rounds| -> Vec<Cell> {
        measured.iter().map(|m| pick(m).clone().into()).collect()
    };
    for (store, measured) in STORES.into_iter().zip(theirs) {
        for (embed, measured) in measured.iter().enumerate() {
            let name = format!("mem0ai, {store}, embedding {}", ["excluded", "on"][embed]);
            warm.row(format!("{name}: p50"), cells(measured, |m| &m.warm_p50));
            warm.row(format!("{name}: p99"), cells(measured, |m| &m.warm_p99));
            let ratios = measured
                .iter()
                .zip(&ours[embed])
                .map(|(their, our)| Cell::ratio(&their.warm_p50, &our.warm_p50));
            warm.row(format!("{name} ÷ throughline: p50"), ratios);
            warm.row(format!("{name}: found, of {RESULTS}"), measured.iter().map(|m| m.results.to_string()));
            cold.row(format!("{name}: first after opening"), cells(measured, |m| &m.first));
            cold.row(format!("{name}: opening and that answer"), cells(measured, |m| &m.start_and_first));
        }
    }
    vec![warm, cold, stages]
}
