//! The search in the process that the store is in, embedding excluded, by turns of the user: with the search data in memory
//! and without. Beside it, on the same vectors: exact search by numpy and by faiss, and `mem0ai`.
//!
//! Ours ranks by all its arms (words, vectors, tokens, the conversation's structure) and reads the texts; numpy and faiss
//! compare vectors and give numbers. So a row of ours compares vectors alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use indicatif::ProgressBar;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::bench::{Bench, build_example, progress};
use crate::measure::{Rounds, Times};
use crate::peer::{Mem0, STORES, ask};
use crate::report::{Cell, Table, number};

const TURNS: [usize; 2] = [1_000, 20_000];
const TURNS_FULL: usize = 1_000_000;
const TURNS_QUICK: usize = 1_000;
/// mem0 is not measured beyond: its local qdrant advises against more, its faiss writes all it has with each thousand added.
const MEM0_TURNS_MAX: usize = 20_000;
/// Reading all of so many turns for one recall takes seconds.
const COLD_MANY_TURNS_MIN: usize = 100_000;
const RESULTS: usize = 10;

/// What is kept of the rounds of one searcher over a user of some size.
#[derive(Debug, Clone, Default)]
struct Measured {
    p50: Rounds,
    p99: Rounds,
}

impl Measured {
    fn push(&mut self, times: Vec<f64>) {
        let times = Times::from_milliseconds(times);
        self.p50.push(times.percentile(50));
        self.p99.push(times.percentile(99));
    }
}

/// All that is measured of one size.
#[derive(Debug, Default)]
struct Sized {
    ours: Measured,
    ours_search: Measured,
    ours_dense: Measured,
    ours_cold: Measured,
    numpy: Measured,
    numpy_cold: Measured,
    faiss: Measured,
    faiss_cold: Measured,
    mem0: [Measured; STORES.len()],
    mem0_cold: [Rounds; STORES.len()],
    /// The least number of results that a search gave.
    mem0_found: [Option<usize>; STORES.len()],
    /// How many of ten turns are the same by our vectors and by numpy, in the mean.
    same: Option<f64>,
    /// How many of ten turns are the same as when every turn is ranked in full, in the mean: of questions about a turn, and
    /// about nothing that was said.
    same_as_exact: [f64; 2],
}

#[derive(Debug, Deserialize)]
struct Loaded {
    user: String,
    dimensions: usize,
    questions: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct OurAnswer {
    whole_ms: Vec<f64>,
    search_ms: Vec<f64>,
    dense_ms: Vec<f64>,
    dense_found: Vec<Vec<u64>>,
    cold_ms: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct AgreeAnswer {
    about_a_turn: BothRankings,
    about_nothing: BothRankings,
}

#[derive(Debug, Deserialize)]
struct BothRankings {
    found: Vec<Vec<u64>>,
    exact: Vec<Vec<u64>>,
}

#[derive(Debug, Deserialize)]
struct ExactAnswer {
    numpy_ms: Vec<f64>,
    faiss_ms: Vec<f64>,
    numpy_cold_ms: Vec<f64>,
    faiss_cold_ms: Vec<f64>,
    found: Vec<Vec<u64>>,
}

#[derive(Debug, Deserialize)]
struct Mem0Answer {
    opened_ms: f64,
    users: [Mem0User; 1],
}

#[derive(Debug, Deserialize)]
struct Mem0User {
    first_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    results: usize,
}

/// Measures it.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let mut sizes = if bench.quick { vec![TURNS_QUICK] } else { TURNS.to_vec() };
    sizes.extend(bench.full.then_some(TURNS_FULL));
    let ours = build_example("throughline", "search_bench")?;
    let bar = progress("search", sizes.len() * (1 + bench.rounds as usize));
    let mut all = Vec::new();
    for &turns in &sizes {
        bar.set_message(format!("{turns} turns: taking them in"));
        let user = User::load(bench, &ours, turns)?;
        bar.inc(1);
        bar.set_message(format!("{turns} turns: ranking every turn in full"));
        let mut of_size = Sized { same_as_exact: user.agreement(bench)?, ..Sized::default() };
        for _ in 0..bench.rounds {
            user.round(&mut of_size, &bar)?;
            bar.inc(1);
        }
        all.push(of_size);
        // A million turns take gigabytes of disk.
        std::fs::remove_dir_all(&user.folder)?;
    }
    bar.finish_and_clear();
    Ok(tables(&sizes, &all, bench.peer.is_some()))
}

/// A user of some size, in a store of ours and in files and stores of the peers.
struct User<'a> {
    turns: usize,
    folder: PathBuf,
    loaded: Loaded,
    ours: &'a Path,
    peer: Option<&'a Mem0>,
    cold: usize,
}

impl<'a> User<'a> {
    fn load(bench: &'a Bench, ours: &'a Path, turns: usize) -> Result<Self> {
        let folder = bench.folder("search")?;
        let questions = bench.either(300, 20);
        let peer = bench.peer.as_ref();
        let with_mem0 = peer.filter(|_| turns <= MEM0_TURNS_MAX);
        let request = json!({
            "work": "load", "folder": folder, "turns": turns, "questions": questions, "texts": with_mem0.is_some(),
        });
        let loaded = ask(&mut Command::new(ours), &request, &folder.join("load.log"))?;
        for store in with_mem0.map(|_| STORES).into_iter().flatten() {
            let answer: Value = Self::mem0(
                with_mem0,
                &folder,
                store,
                json!({
                    "work": "load", "users": folder.join("users.jsonl"), "vectors": folder.join("turns.f32"),
                }),
            )?;
            ensure!(
                answer["stored"] == turns,
                "mem0 with {store} kept {} of {turns} turns",
                answer["stored"]
            );
        }
        let cold = if turns < COLD_MANY_TURNS_MIN { bench.either(30, 3) } else { 3 };
        Ok(Self { turns, folder, loaded, ours, peer, cold })
    }

    fn mem0<Answer: DeserializeOwned>(
        peer: Option<&Mem0>,
        folder: &Path,
        store: &str,
        mut request: Value,
    ) -> Result<Answer> {
        request["store"] = json!(store);
        request["directory"] = json!(folder.join(store));
        let peer = peer.context("mem0 is not there")?;
        peer.ask(&request, &folder.join(format!("{store}.log"))).with_context(|| format!("mem0 with {store}"))
    }

    /// The same in each round, so it is found out once.
    fn agreement(&self, bench: &Bench) -> Result<[f64; 2]> {
        let request = json!({
            "work": "agree", "folder": self.folder, "turns": self.turns, "questions": bench.either(100, 20),
        });
        let answer: AgreeAnswer =
            ask(&mut Command::new(self.ours), &request, &self.folder.join("agree.log"))?;
        let same = |both: &BothRankings| same(&both.found, &both.exact);
        Ok([same(&answer.about_a_turn), same(&answer.about_nothing)])
    }

    fn round(&self, sized: &mut Sized, bar: &ProgressBar) -> Result<()> {
        let Self { turns, folder, loaded, cold, .. } = self;
        bar.set_message(format!("{turns} turns: throughline"));
        let request =
            json!({ "work": "recall", "folder": folder, "questions": loaded.questions.len(), "cold": cold });
        let ours: OurAnswer = ask(&mut Command::new(self.ours), &request, &folder.join("recall.log"))?;
        sized.ours.push(ours.whole_ms);
        sized.ours_search.push(ours.search_ms);
        sized.ours_dense.push(ours.dense_ms);
        sized.ours_cold.push(ours.cold_ms);
        let Some(peer) = self.peer else { return Ok(()) };

        bar.set_message(format!("{turns} turns: numpy and faiss"));
        let request = json!({ "folder": folder, "dimensions": loaded.dimensions, "cold": cold });
        let words = peer.exact_search();
        let exact: ExactAnswer =
            ask(Command::new(&words[0]).args(&words[1..]), &request, &folder.join("exact.log"))?;
        sized.numpy.push(exact.numpy_ms);
        sized.faiss.push(exact.faiss_ms);
        sized.numpy_cold.push(exact.numpy_cold_ms);
        sized.faiss_cold.push(exact.faiss_cold_ms);
        sized.same = Some(same(&ours.dense_found, &exact.found));
        if *turns > MEM0_TURNS_MAX {
            return Ok(());
        }
        for (at, store) in STORES.into_iter().enumerate() {
            bar.set_message(format!("{turns} turns: mem0 with {store}"));
            let request = json!({
                "work": "search", "embedder_url": null, "users": [loaded.user],
                "questions": loaded.questions, "question_vectors": folder.join("questions.f32"),
            });
            let Mem0Answer { opened_ms, users: [user] } = Self::mem0(self.peer, folder, store, request)?;
            sized.mem0[at].p50.push(user.p50_ms);
            sized.mem0[at].p99.push(user.p99_ms);
            sized.mem0_cold[at].push(opened_ms + user.first_ms);
            let found = &mut sized.mem0_found[at];
            *found = Some(found.map_or(user.results, |least| least.min(user.results)));
        }
        Ok(())
    }
}

/// How many turns two searches have in common, in the mean over the questions.
fn same(ours: &[Vec<u64>], theirs: &[Vec<u64>]) -> f64 {
    let both = ours.iter().zip(theirs);
    let shared = both.map(|(ours, theirs)| ours.iter().filter(|turn| theirs.contains(turn)).count());
    shared.sum::<usize>() as f64 / ours.len().max(1) as f64
}

fn tables(sizes: &[usize], all: &[Sized], with_peers: bool) -> Vec<Table> {
    let columns = || sizes.iter().map(|turns| format!("{} turns", number(*turns as f64)));
    let mut warm =
        Table::new("search-warm", "Search for 10 in process, embedding excluded, warm, ms", columns());
    let mut cold =
        Table::new("search-cold", "Search for 10 in process, embedding excluded, cold, ms", columns());
    let row = |table: &mut Table, name: &str, pick: &dyn Fn(&Sized) -> &Rounds| {
        table.row(name, all.iter().map(|sized| pick(sized).clone()));
    };
    row(&mut warm, "throughline, all arms, texts read: p50", &|sized| &sized.ours.p50);
    row(&mut warm, "throughline, all arms, texts read: p99", &|sized| &sized.ours.p99);
    row(&mut warm, "throughline, all arms, the search alone: p50", &|sized| &sized.ours_search.p50);
    row(&mut warm, "throughline, vectors only, the search alone: p50", &|sized| &sized.ours_dense.p50);
    row(&mut warm, "throughline, vectors only, the search alone: p99", &|sized| &sized.ours_dense.p99);
    for (at, asked) in ["about a turn", "about nothing that was said"].into_iter().enumerate() {
        let name = format!("of {RESULTS}, those of ranking every turn in full; questions {asked}");
        warm.row(name, all.iter().map(|sized| number(sized.same_as_exact[at])));
    }
    row(&mut cold, "throughline, all arms, texts read: p50", &|sized| &sized.ours_cold.p50);
    if !with_peers {
        return vec![warm, cold];
    }
    row(&mut warm, "numpy, exact, vectors only: p50", &|sized| &sized.numpy.p50);
    row(&mut warm, "numpy, exact, vectors only: p99", &|sized| &sized.numpy.p99);
    row(&mut warm, "faiss IndexFlatIP, vectors only: p50", &|sized| &sized.faiss.p50);
    row(&mut warm, "faiss IndexFlatIP, vectors only: p99", &|sized| &sized.faiss.p99);
    let ratios = |pick: fn(&Sized) -> (&Rounds, &Rounds)| -> Vec<Cell> {
        let ratio = |sized: &Sized| {
            let (one, other) = pick(sized);
            Cell::ratio(one, other)
        };
        all.iter().map(ratio).collect()
    };
    warm.row("numpy ÷ throughline, all arms, texts read: p50", ratios(|s| (&s.numpy.p50, &s.ours.p50)));
    warm.row("faiss ÷ throughline, all arms, texts read: p50", ratios(|s| (&s.faiss.p50, &s.ours.p50)));
    warm.row("faiss ÷ throughline, vectors only: p50", ratios(|s| (&s.faiss.p50, &s.ours_dense.p50)));
    let same = all.iter().map(|sized| sized.same.map_or("–".to_owned(), number));
    warm.row(format!("of {RESULTS} by our vectors, those of numpy"), same);
    row(&mut cold, "numpy, exact, vectors only, read from the file: p50", &|sized| &sized.numpy_cold.p50);
    row(&mut cold, "faiss IndexFlatIP, vectors only, read from the file: p50", &|sized| {
        &sized.faiss_cold.p50
    });
    for (at, store) in STORES.into_iter().enumerate() {
        row(&mut warm, &format!("mem0ai, {store}, texts read: p50"), &|sized| &sized.mem0[at].p50);
        row(&mut warm, &format!("mem0ai, {store}, texts read: p99"), &|sized| &sized.mem0[at].p99);
        let name = format!("mem0ai, {store} ÷ throughline, all arms, texts read: p50");
        warm.row(name, all.iter().map(|sized| Cell::ratio(&sized.mem0[at].p50, &sized.ours.p50)));
        let found = all.iter().map(|s| s.mem0_found[at].map_or("–".to_owned(), |found| found.to_string()));
        warm.row(format!("mem0ai, {store}: found, of {RESULTS}"), found);
        row(&mut cold, &format!("mem0ai, {store}, opening and that answer"), &|sized| &sized.mem0_cold[at]);
    }
    vec![warm, cold]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_searches_share_does_not_depend_on_order() {
        assert!((same(&[vec![1, 2, 3], vec![4, 5, 6]], &[vec![3, 2, 9], vec![6, 5, 4]]) - 2.5).abs() < 1e-9);
    }
}
