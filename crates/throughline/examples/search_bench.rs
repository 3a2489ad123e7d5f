//! Recalls in the process that the store is in, embedding excluded, for `throughline-bench search`.
//!
//! Reads one request as JSON from standard input and writes one answer to standard output, as the peers in
//! `throughline-bench/peers` do. `load` makes the store, and beside it files with the same turns and vectors for the peers;
//! `recall` measures.

#[path = "../benches/scripted/mod.rs"]
mod scripted;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use throughline::memory::Memory;
use throughline::recall::{RankingKind, RecallRequest, Recalled};

/// Whose turns the peers are told they are.
const USER: &str = "ana";
/// The default of the server.
const CACHE_BYTES: usize = 512 << 20;
/// Room for all the vectors of a million turns, to rank every one.
const EXACT_CACHE_BYTES: usize = 16 << 30;
/// Less than any search data: nothing stays in memory, so each recall reads all of it from the store.
const NO_CACHE_BYTES: usize = 1;
/// Recalls before the first that counts.
const WARMING: usize = 4;

#[derive(Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
enum Request {
    /// Makes the store and the files; that of the texts only if it is wanted.
    Load { folder: PathBuf, turns: usize, questions: usize, texts: bool },
    /// Asks all the questions with the search data in memory, and so many with it not in memory.
    Recall { folder: PathBuf, questions: usize, cold: usize },
    /// Asks so many questions about turns of these, and so many about nothing that was said, once as ever and once with every
    /// turn ranked in full.
    Agree { folder: PathBuf, turns: usize, questions: usize },
}

fn main() -> Result<(), Box<dyn Error>> {
    let answer = match serde_json::from_reader(std::io::stdin().lock())? {
        Request::Load { folder, turns, questions, texts } => load(&folder, turns, questions, texts)?,
        Request::Recall { folder, questions, cold } => recall(&folder, questions, cold)?,
        Request::Agree { folder, turns, questions } => agree(&folder, turns, questions)?,
    };
    std::io::stdout().write_all(answer.to_string().as_bytes())?;
    Ok(())
}

fn load(folder: &Path, turns: usize, questions: usize, texts: bool) -> Result<Value, Box<dyn Error>> {
    let turns: Vec<String> = scripted::turns().take(turns).collect();
    let questions: Vec<String> = scripted::questions().take(questions).collect();
    scripted::observe(&scripted::memory(&folder.join("store"), CACHE_BYTES), &turns);
    for (name, texts) in [("turns.f32", &turns), ("questions.f32", &questions)] {
        let mut file = BufWriter::new(File::create(folder.join(name))?);
        for text in texts {
            for component in scripted::embedding(text).vector {
                file.write_all(&component.to_le_bytes())?;
            }
        }
        file.flush()?;
    }
    if texts {
        let said: Vec<Value> = turns.iter().map(|text| json!({ "role": "user", "content": text })).collect();
        std::fs::write(folder.join("users.jsonl"), json!({ "user": USER, "turns": said }).to_string())?;
    }
    Ok(json!({ "user": USER, "dimensions": scripted::DIMENSIONS, "questions": questions }))
}

fn recall(folder: &Path, questions: usize, cold: usize) -> Result<Value, Box<dyn Error>> {
    let questions: Vec<String> = scripted::questions().take(questions).collect();
    let store = folder.join("store");
    let memory = scripted::memory(&store, CACHE_BYTES);
    for question in questions.iter().take(WARMING) {
        ask(&memory, question, RankingKind::Full)?;
    }
    let (mut whole, mut search, mut dense, mut dense_found) = (vec![], vec![], vec![], vec![]);
    for question in &questions {
        let recalled = ask(&memory, question, RankingKind::Full)?;
        whole.push(milliseconds(scripted::without_embedding(&recalled.timings)));
        search.push(milliseconds(stage(&recalled, "search")));
    }
    for question in &questions {
        let recalled = ask(&memory, question, RankingKind::Dense)?;
        dense.push(milliseconds(stage(&recalled, "search")));
        dense_found.push(found(&recalled));
    }
    let shard_bytes = memory.shard_bytes();
    drop(memory);
    let memory = scripted::memory(&store, NO_CACHE_BYTES);
    let mut cold_times = vec![];
    for question in questions.iter().take(cold) {
        let recalled = ask(&memory, question, RankingKind::Full)?;
        cold_times.push(milliseconds(scripted::without_embedding(&recalled.timings)));
    }
    Ok(json!({
        "whole_ms": whole, "search_ms": search, "dense_ms": dense, "dense_found": dense_found,
        "cold_ms": cold_times, "shard_bytes": shard_bytes,
    }))
}

fn agree(folder: &Path, turns: usize, questions: usize) -> Result<Value, Box<dyn Error>> {
    let about: Vec<String> = scripted::turns()
        .take(turns)
        .step_by((turns / questions).max(1))
        .map(|said| said.split(' ').step_by(3).collect::<Vec<_>>().join(" "))
        .collect();
    let about_nothing: Vec<String> = scripted::questions().take(questions).collect();
    let answers = |cache_bytes, exact, questions: &[String]| -> Result<Vec<Vec<u64>>, Box<dyn Error>> {
        let memory = scripted::memory(&folder.join("store"), cache_bytes);
        let ask = |question| {
            let request = RecallRequest { exact, ..RecallRequest::new(question) };
            Ok(found(&memory.recall(&scripted::scope(), &request)?))
        };
        questions.iter().map(ask).collect()
    };
    let both = |questions: &[String]| -> Result<Value, Box<dyn Error>> {
        let found = answers(CACHE_BYTES, false, questions)?;
        Ok(json!({ "found": found, "exact": answers(EXACT_CACHE_BYTES, true, questions)? }))
    };
    Ok(json!({ "about_a_turn": both(&about)?, "about_nothing": both(&about_nothing)? }))
}

/// The turns that were found, from 0 in the order in which they were said.
fn found(recalled: &Recalled) -> Vec<u64> {
    recalled.items.iter().map(|item| item.turn.id.seq - 1).collect()
}

fn ask(memory: &Memory, question: &str, ranking: RankingKind) -> Result<Recalled, Box<dyn Error>> {
    let request = RecallRequest { ranking, ..RecallRequest::new(question) };
    Ok(memory.recall(&scripted::scope(), &request)?)
}

fn stage(recalled: &Recalled, name: &str) -> Duration {
    recalled.timings.iter().filter(|timing| timing.stage == name).map(|timing| timing.took).sum()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
