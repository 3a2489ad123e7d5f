//! One file for each command: its arguments, its examples, what it does.

pub(crate) mod canary;
pub(crate) mod chat;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod identity;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod learn;
pub(crate) mod memories;
pub(crate) mod model;
pub(crate) mod profile;
pub(crate) mod recall;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod turns;
pub(crate) mod usage;
pub(crate) mod vectors;

use anyhow::Result;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Cli, Command, Global};
use crate::config::{Flags, Loaded, LogFormat, environment};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// What a command has besides its arguments.
pub(crate) struct Run {
    /// Where results go.
    pub(crate) terminal: Terminal,
    global: Global,
}

impl Run {
    /// The settings, with a command's flags on top; logging starts by them.
    pub(crate) fn load(&self, flags: &Flags) -> Result<Loaded> {
        let loaded = Loaded::load(self.global.config.as_deref(), flags, &environment)?;
        start_logging(&loaded)?;
        Ok(loaded)
    }
}

/// Runs a command.
pub(crate) fn run(cli: Cli) -> Result<()> {
    let run = Run { terminal: Terminal::detect(cli.global.json), global: cli.global };
    match cli.command {
        Command::Serve(command) => command.run(&run),
        Command::Chat(command) => command.run(&run),
        Command::Recall(command) => command.run(&run),
        Command::Context(command) => command.run(&run),
        Command::Profile(command) => command.run(&run),
        Command::Turns(command) => command.run(&run),
        Command::Memories(command) => command.run(&run),
        Command::Learn(command) => command.run(&run),
        Command::Jobs(command) => command.run(&run),
        Command::Usage(command) => command.run(&run),
        Command::Canary(command) => command.run(&run),
        Command::Keys(command) => command.run(&run),
        Command::Identity(command) => command.run(&run),
        Command::Model(command) => command.run(&run),
        Command::Doctor(command) => command.run(&run),
        Command::Vectors(command) => command.run(&run),
        Command::Store(command) => command.run(&run),
        Command::Eval(command) => command.run(&run),
        Command::Demo(command) => command.run(&run),
        Command::Config(command) => command.run(&run),
        Command::Docs(command) => command.run(),
    }
}

fn start_logging(loaded: &Loaded) -> Result<()> {
    let filter = EnvFilter::builder().parse(&loaded.config.log).map_err(|error| {
        Failure::usage(format!("`log.filter` (from {}): {error}", loaded.source("log.filter")))
    })?;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // It fails if logging was started before, by the same settings.
    let _ = match loaded.config.log_format {
        LogFormat::Text => {
            registry.with(layer.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))).try_init()
        }
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    Ok(())
}
