//! `cargo xtask engines`: starts a server of each kind and measures the program on them, side by side.
//!
//! The servers wait for the disk as they would anywhere; their files lie in the folder for temporary files, which must not be in
//! memory for the numbers to mean anything.

use anyhow::Result;

use crate::postgres::{DurablePostgres, PostgresPrograms};
use crate::process;
use crate::redis::{Programs, Wanted};
use crate::repository::Repository;
use crate::setup::Setup;

/// Every write on disk before it is answered, as the embedded store and Postgres have it.
const DURABLE: &[&str] = &["appendfsync=always"];

const REDIS: [Wanted; 2] =
    [("Redis", "single", "redis-8", DURABLE), ("Cluster", "cluster", "redis-8", DURABLE)];

/// Everything else on the command line is for the benchmark.
pub(crate) fn run(repository: &Repository, arguments: &[&str]) -> Result<()> {
    let setup = Setup::new(repository);
    let data = tempfile::tempdir()?;
    let redis = Programs::install(&setup, repository)?.start(&REDIS, data.path(), repository)?;
    let programs = PostgresPrograms::install(&setup, repository)?;
    let postgres = DurablePostgres::start(&programs, &setup, repository)?;
    let mut bench = repository.cargo();
    bench.args(["run", "--release", "--package", "throughline-bench", "--", "engines"]).args(arguments);
    for store in redis.urls.split_whitespace() {
        bench.args(["--store", store]);
    }
    bench.args(["--store", &format!("Postgres={}", postgres.url())]);
    process::run(&mut bench)
}
