//! The embedding model alone, in its process, on one core and on two: texts a second, and the time of a query of 20
//! tokens. Beside it: onnxruntime with the same network in `f32`, on the same cores.
//!
//! Both are processes held to their cores by `taskset`, so this part needs Linux.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bench::{Bench, build_example, progress};
use crate::corpus;
use crate::measure::Rounds;
use crate::peer::ask;
use crate::report::{Cell, Table};

/// Twenty tokens of the model, the two at the ends included; the peer counts them.
const QUERY: &str = "what did we decide about the budget for the new kitchen when Maria visited us in May?";
const QUERY_TOKENS: usize = 20;
/// Turns of one short text each, and turns that a long text is made of.
const SHORT_TEXTS: u64 = 128;
const LONG_TEXTS: u64 = 24;
const TURNS_A_LONG_TEXT: u64 = 6;
const CORES: [&str; 2] = ["0", "0,1"];
const COLUMNS: [&str; 3] = ["short texts a second", "long texts a second", "a query of 20 tokens, ms"];

#[derive(Debug, Deserialize)]
struct Answer {
    texts_a_second: [f64; 2],
    query_ms: f64,
    query_tokens: Option<usize>,
}

/// What is kept of the rounds of one side on some cores.
#[derive(Debug, Clone, Default)]
struct Measured([Rounds; COLUMNS.len()]);

/// Measures it.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let ours = vec![build_example("throughline-embed", "embed_bench")?];
    let mut sides = vec![("throughline", ours)];
    sides.extend(bench.peer.as_ref().map(|peer| ("onnxruntime, fp32", peer.onnxruntime())));
    let bar = progress("embed", bench.rounds as usize * CORES.len() * sides.len());
    let mut measured = vec![vec![Measured::default(); sides.len()]; CORES.len()];
    let words = bench.folder("embed")?.join("words");
    for _ in 0..bench.rounds {
        for (cores, measured) in CORES.iter().zip(&mut measured) {
            for ((name, command), measured) in sides.iter().zip(measured) {
                bar.set_message(format!("{name}, cores {cores}"));
                let answer = work(command, cores, &request(bench, cores), &words).context(*name)?;
                let tokens = answer.query_tokens.unwrap_or(QUERY_TOKENS);
                ensure!(tokens == QUERY_TOKENS, "the query has {tokens} tokens, not {QUERY_TOKENS}");
                let [short, long] = answer.texts_a_second;
                for (rounds, number) in measured.0.iter_mut().zip([short, long, answer.query_ms]) {
                    rounds.push(number);
                }
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(vec![table(&sides, &measured)])
}

fn request(bench: &Bench, cores: &str) -> Value {
    let short: Vec<String> = (0..SHORT_TEXTS).map(|number| corpus::turn(1, number).content).collect();
    let long: Vec<String> = (0..LONG_TEXTS)
        .map(|text| {
            let turns = text * TURNS_A_LONG_TEXT..(text + 1) * TURNS_A_LONG_TEXT;
            turns.map(|number| corpus::turn(2, number).content).collect::<Vec<_>>().join(" ")
        })
        .collect();
    json!({
        "model_dir": bench.model_dir, "query": QUERY, "lists": [short, long],
        "seconds": bench.window().as_secs_f64(), "threads": cores.split(',').count(),
    })
}

fn work(command: &[PathBuf], cores: &str, request: &Value, log: &Path) -> Result<Answer> {
    ask(Command::new("taskset").args(["--cpu-list", cores]).args(command), request, log)
}

fn table(sides: &[(&str, Vec<PathBuf>)], measured: &[Vec<Measured>]) -> Table {
    let mut table = Table::new("embed", "The embedding model in its process", COLUMNS);
    for (cores, measured) in CORES.iter().zip(measured) {
        let on = match cores.split(',').count() {
            1 => "one core".to_owned(),
            count => format!("{count} cores"),
        };
        for ((name, _), measured) in sides.iter().zip(measured) {
            table.row(format!("{name}, {on}"), measured.0.clone());
        }
        if let [Measured([our_short, our_long, our_query]), Measured([short, long, query])] = &measured[..] {
            let times =
                [Cell::ratio(our_short, short), Cell::ratio(our_long, long), Cell::ratio(query, our_query)];
            table.row(format!("throughline faster, {on}"), times);
        }
    }
    table
}
