//! Postgres for real: the behaviours of every store, its own limits and failures. `cargo xtask test` starts the servers.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests: a panic is the report, output is shown on failure"
)]

mod chat;
mod conformance;
mod crash;
mod database;
mod limits;
mod opening;
mod processes;
mod server;
mod support;
mod tls;
mod vectors;
