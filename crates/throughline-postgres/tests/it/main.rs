//! Postgres for real: the behaviours of every store, its own limits and failures. `cargo xtask test` starts the servers.

mod conformance;
mod database;
