//! The built program, run as people run it. Tests whose name starts with `real_` need the model; `cargo xtask test` sets it up.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod canary;
mod chat;
mod embeddings;
mod eval;
mod languages;
mod memories;
mod model;
mod moving;
mod outage;
mod program;
mod rates;
mod serve;
mod server;
mod settings;
mod several;
mod store;
mod usage;
mod vectors;
