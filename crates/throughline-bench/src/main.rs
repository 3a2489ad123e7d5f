//! Benchmarks of the `throughline` program over HTTP, side by side with what it is compared to.
//!
//! `cargo run --release -p throughline-bench -- all` builds the program, starts it as anybody would, and measures
//! durable writes, recall, what a chat pays for the proxy, and resident memory; and without HTTP the embedding model, the
//! search and the taking in of turns. The limit of the disk (SQLite alone) and peers (`mem0ai`, `onnxruntime`, `numpy`,
//! `faiss`) are measured in the same rounds, since numbers of different runs do not compare.
//!
//! It must never reach into the program: what is measured is what a client sees, or what an example of a library does in a
//! process of its own. Nothing here asserts a time.

mod bench;
mod client;
mod corpus;
mod doc;
mod junk;
mod load;
mod machine;
mod measure;
mod parts;
mod peer;
mod report;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};

use crate::bench::Bench;
use crate::parts::engines::Engine;
use crate::report::Report;

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p throughline-bench -- all --quick          does it work: a minute or two, numbers mean nothing
  cargo run --release -p throughline-bench -- all --json out.json  the whole measurement
  cargo run --release -p throughline-bench -- all --doc            … and its tables put into docs/benchmarks.md
  cargo run --release -p throughline-bench -- recall --no-peers    one part, without Python
  cargo run --release -p throughline-bench -- learn --llm 127.0.0.1:8080 --transcript locomo.json
  cargo xtask engines --doc                                        engines side by side, with servers that it starts and ends";

/// Measures the program side by side with what it is compared to.
#[derive(Debug, Parser)]
#[command(name = "throughline-bench", after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Arguments {
    /// What to measure
    part: Part,

    /// A smoke run: one short round
    #[arg(long)]
    quick: bool,

    /// Also what takes long and GiB of memory and disk: the search over a million turns
    #[arg(long, conflicts_with = "quick")]
    full: bool,

    /// Rounds; each number is the median over them
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,

    /// Write all numbers to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Print the tables in Markdown
    #[arg(long)]
    markdown: bool,

    /// Put the tables into docs/benchmarks.md
    #[arg(long, conflicts_with = "quick")]
    doc: bool,

    /// Leave out the peer, which needs Python 3 and a package index
    #[arg(long)]
    no_peers: bool,

    /// Measure this `throughline` instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// The folder of the embedding model; fetched into .test/models if it is not there
    #[arg(long, value_name = "DIR")]
    model_dir: Option<PathBuf>,

    /// For `engines`: a server to measure beside the embedded store; may be given several times
    #[arg(long, value_name = "NAME=URL")]
    store: Vec<Engine>,

    /// For `learn`: an OpenAI-compatible server on this machine, with a context of 16,384 tokens
    #[arg(long, value_name = "ADDRESS")]
    llm: Option<SocketAddr>,

    /// For `learn`: what is learned from, the first conversation of a file in the form of LoCoMo
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,

    /// For `learn`: how many turns of it
    #[arg(long, default_value_t = 60)]
    turns: usize,

    /// For `learn`: write all memories to this file
    #[arg(long, value_name = "FILE")]
    memories: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Everything below but `engines` and `learn`
    All,
    /// Durable turns a second
    Writes,
    /// Time of a recall by size of the memory
    Recall,
    /// What a chat pays for the proxy and for memory
    Chat,
    /// Resident memory
    Resident,
    /// The embedding model alone, beside onnxruntime
    Embed,
    /// The search in its process, embedding excluded, beside exact search by numpy and faiss, and beside mem0ai
    Search,
    /// Turns taken in with the model on two cores, and the model's share
    Ingest,
    /// Writes, recall and chats on each engine, beside what its server does alone, and beside mem0ai on pgvector; needs --store
    Engines,
    /// Calls and tokens of learning with a language model, beside mem0ai; needs --llm and --transcript
    Learn,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let rounds = if arguments.quick { 1 } else { arguments.rounds };
    let mut bench =
        Bench::prepare(arguments.quick, rounds, arguments.program.clone(), arguments.model_dir.clone())?;
    bench.full = arguments.full;
    if !arguments.no_peers {
        bench.find_peer();
    }
    let mut report = Report::begin(rounds, arguments.quick);
    let wanted = |part| arguments.part == Part::All || arguments.part == part;
    if wanted(Part::Writes) {
        report.add("writes", parts::writes::measure(&bench).context("writes")?);
    }
    if wanted(Part::Recall) {
        report.add("recall", parts::recall::measure(&bench).context("recall")?);
    }
    if wanted(Part::Chat) {
        report.add("chat", parts::chat::measure(&bench).context("chat")?);
    }
    if wanted(Part::Resident) {
        report.add("resident", parts::resident::measure(&bench).context("resident memory")?);
    }
    if wanted(Part::Embed) {
        report.add("embed", parts::embed::measure(&bench).context("embedding")?);
    }
    if wanted(Part::Search) {
        report.add("search", parts::search::measure(&bench).context("search")?);
    }
    if wanted(Part::Ingest) {
        report.add("ingest", parts::ingest::measure(&bench).context("ingest")?);
    }
    if arguments.part == Part::Engines {
        report.add("engines", parts::engines::measure(&bench, &arguments.store).context("engines")?);
    }
    if arguments.part == Part::Learn {
        let (Some(llm), Some(transcript)) = (arguments.llm, arguments.transcript.clone()) else {
            bail!("`learn` needs --llm ADDRESS and --transcript FILE");
        };
        let task = parts::learn::Task {
            llm,
            transcript,
            turns: arguments.turns,
            memories: arguments.memories.clone(),
        };
        report.add("learn", parts::learn::measure(&bench, &task).context("learning")?);
    }
    report.end(bench.notes());
    report.print(arguments.markdown)?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, format!("{:#}\n", report.to_json()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.doc {
        doc::update(&report)?;
    }
    Ok(())
}
