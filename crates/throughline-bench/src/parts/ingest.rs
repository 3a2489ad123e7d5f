//! Turns taken into an embedded store with the model, in one process on two cores: turns a second, embedding included, and
//! what share of the time is the model's.
//!
//! The process is held to its cores by `taskset`, so this part needs Linux.

use std::process::Command;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::bench::{Bench, build_example, progress};
use crate::corpus;
use crate::measure::Rounds;
use crate::peer::ask;
use crate::report::Table;

const CORES: &str = "0,1";
/// Turns that one write has.
const BATCHES: [usize; 3] = [1, 4, 64];
/// More than are written in a window.
const TURNS: u64 = 20_000;

#[derive(Debug, Deserialize)]
struct Answer {
    turns: usize,
    seconds: f64,
    model_seconds: f64,
}

/// What is kept of the rounds of one size of writes.
#[derive(Debug, Clone, Default)]
struct Measured {
    rate: Rounds,
    share: Rounds,
    rate_without: Rounds,
}

/// Measures it.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let ours = build_example("throughline-embed", "ingest_bench")?;
    let turns: Vec<String> = (0..TURNS).map(|number| corpus::turn(3, number).content).collect();
    let bar = progress("ingest", bench.rounds as usize * BATCHES.len());
    let mut measured = vec![Measured::default(); BATCHES.len()];
    for _ in 0..bench.rounds {
        for (batch, measured) in BATCHES.iter().zip(&mut measured) {
            bar.set_message(format!("{batch} turns a write"));
            let folder = bench.folder("ingest")?;
            let request = json!({
                "model_dir": bench.model_dir, "folder": folder.join("store"), "turns": turns, "batch": batch,
                "seconds": bench.window().as_secs_f64(),
            });
            let mut command = Command::new("taskset");
            let answer: Answer =
                ask(command.args(["--cpu-list", CORES]).arg(&ours), &request, &folder.join("log"))?;
            ensure!(answer.turns > 0, "no turn was written");
            let turns = answer.turns as f64;
            measured.rate.push(turns / answer.seconds);
            measured.share.push(100.0 * answer.model_seconds / answer.seconds);
            measured.rate_without.push(turns / (answer.seconds - answer.model_seconds));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let columns = BATCHES.map(|batch| match batch {
        1 => "1 turn a write".to_owned(),
        batch => format!("{batch} turns a write"),
    });
    let mut table = Table::new("ingest", "Turns taken in with the model, two cores, one writer", columns);
    let cells = |pick: fn(&Measured) -> &Rounds| measured.iter().map(move |m| pick(m).clone());
    table.row("turns a second, embedding included", cells(|m| &m.rate));
    table.row("of that the model's, %", cells(|m| &m.share));
    table.row("turns a second without the model's time", cells(|m| &m.rate_without));
    Ok(vec![table])
}
