//! The store against real servers. `cargo xtask test` installs and starts them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests: a panic is the report, output is shown on failure"
)]

mod answers;
mod chat;
mod conformance;
mod copy;
mod crash;
mod durability;
mod failover;
mod large;
mod load;
mod migration;
mod proxy;
mod servers;
mod sharing;
mod support;
mod vectors;
mod watching;
mod wipe;
