//! The `throughline` binary: parse, configure, wire, run.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line or the configuration makes no sense.

mod args;
mod canary;
mod commands;
mod config;
mod demo;
mod embedding;
mod failure;
mod import;
mod indexer;
mod keeper;
mod learning;
mod shapes;
mod store;
mod terminal;
mod vectors;
mod wire;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use args::Cli;

fn main() -> ExitCode {
    // First of all, before anything can make a TLS client: two providers in one process would make it panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // `throughline … | head` is no failure.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody can be told, there is still the exit code.
            let _ = io::stderr().write_all(failure::shown(&error).as_bytes());
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
