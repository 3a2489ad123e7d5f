//! Project chores, run as `cargo xtask <chore>`: tests against real models, servers and clients, and the
//! checks that keep the house in order.
//!
//! Invariant: no product crate depends on this one, and everything it installs lands in `.test/` of the repository.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to its terminal"
)]

mod debian;
mod engines;
mod postgres;
mod process;
mod redis;
mod repository;
mod service;
mod setup;
mod steps;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};
use repository::Repository;
use setup::Setup;

const USAGE: &str = "\
Usage: cargo xtask <chore>

  test                 install what the tests need into .test/, then run all of them
  test --fast          only unit and documentation tests: no model, no Python, no npm
  test --only STAGES   some stages, comma separated: unit, doc, stores, real, clients
  setup                install what `test` needs and stop
  engines [ARGUMENTS]  start Redis, a Redis Cluster and Postgres, and run `throughline-bench engines` on them
  tidy                 check layers between crates, module heads, lengths, paths and sizes
  deny                 check bans, licences and sources of the dependency tree
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let repository = Repository::open()?;
    match arguments {
        ["test"] => test::run(&repository, &test::Stage::ALL),
        ["test", "--fast"] => test::run(&repository, &test::Stage::FAST),
        ["test", "--only", stages] => test::run(&repository, &test::Stage::parse_list(stages)?),
        ["setup"] => Setup::new(&repository).everything(),
        ["engines", arguments @ ..] => engines::run(&repository, arguments),
        ["tidy"] => tidy::run(&repository),
        ["deny"] => deny(&repository),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => bail!("unknown chore `{}`\n\n{USAGE}", arguments.join(" ")),
    }
}

/// Advisories are left out: their database comes from the network, and a check that depends on the day
/// belongs to a scheduled job rather than to every build.
fn deny(repository: &Repository) -> Result<()> {
    let tool = Setup::new(repository).cargo_deny()?;
    let mut command = process::command(&tool, repository.root());
    process::run(command.args(["--all-features", "check", "bans", "licenses", "sources"]))
}
