//! `throughline jobs`: what waits to be learned from.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use throughline::model::TenantId;
use throughline::ports::{Job, JobNumber, JobState};

use super::Run;
use crate::config::MemoryFlags;
use crate::failure::{Failure, Hinting};
use crate::terminal::shorten;
use crate::wire;

/// Jobs that one listing shows.
const JOBS_SHOWN_MAX: usize = 1_000;

/// List what waits to be learned from, and let dead jobs run again
///
/// A job is waiting, running, tried again, or dead: learned from by the local extractor alone, and kept for a replay.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  throughline jobs\n  throughline jobs --json | jq '.jobs[] | select(.state == \"dead\")'\n  throughline jobs replay --all"
)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    tenant: Tenant,
    #[command(flatten)]
    flags: MemoryFlags,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let a dead job be tried again
    #[command(after_help = "Examples:\n  throughline jobs replay job_17\n  throughline jobs replay --all")]
    Replay {
        /// The job, such as `job_17`
        #[arg(value_parser = number, required_unless_present = "all")]
        job: Option<JobNumber>,
        /// All dead jobs
        #[arg(long, conflicts_with = "job")]
        all: bool,
        #[command(flatten)]
        tenant: Tenant,
        #[command(flatten)]
        flags: MemoryFlags,
    },
}

/// Whose jobs.
#[derive(Debug, Args)]
struct Tenant {
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
}

fn number(text: &str) -> Result<JobNumber, String> {
    let number = text.strip_prefix("job_").unwrap_or(text).parse();
    number.map_err(|_| format!("`{text}` is not a job; jobs look like job_17"))
}

impl Jobs {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        match &self.action {
            None => {
                let memory = wire::open(&run.load(&self.flags)?.config, wire::IfAbsent::Refuse)?;
                list(run, &memory.store().jobs(&self.tenant.tenant, 0, JOBS_SHOWN_MAX)?)
            }
            Some(Action::Replay { job, all, tenant, flags }) => {
                let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
                let (store, tenant) = (memory.store(), &tenant.tenant);
                let dead = |job: &Job| job.state == JobState::Dead;
                let numbers: Vec<JobNumber> = if *all {
                    let jobs = store.jobs(tenant, 0, JOBS_SHOWN_MAX)?;
                    jobs.into_iter().filter(dead).map(|job| job.number).collect()
                } else {
                    job.iter().copied().collect()
                };
                for number in &numbers {
                    if !store.replay_job(tenant, *number, memory.now())? {
                        return Err(Failure::error(format!("there is no dead job job_{number}"))
                            .hint("`throughline jobs` shows which are"));
                    }
                }
                let names: Vec<String> = numbers.iter().map(|number| format!("job_{number}")).collect();
                if run.terminal.is_json() {
                    return run.terminal.document(&json!({ "replayed": names }));
                }
                run.terminal
                    .line(format!("{} jobs wait again; a running server learns from them.", names.len()))
            }
        }
    }
}

fn list(run: &Run, jobs: &[Job]) -> Result<()> {
    let state = |state| match state {
        JobState::Waiting => "waiting",
        JobState::Running => "running",
        JobState::Retrying => "retrying",
        JobState::Dead => "dead",
    };
    if run.terminal.is_json() {
        let jobs: Vec<_> = jobs
            .iter()
            .map(|job| {
                json!({
                    "id": format!("job_{}", job.number),
                    "user": job.scope.user.user.as_str(),
                    "session": job.session.as_str(),
                    "first_seq": job.turns.0,
                    "last_seq": job.turns.1,
                    "state": state(job.state),
                    "attempts": job.attempts,
                    "due": job.due.to_string(),
                    "failure": job.failure,
                })
            })
            .collect();
        return run.terminal.document(&json!({ "jobs": jobs }));
    }
    if jobs.is_empty() {
        run.terminal.note("There is nothing to learn from.");
        return Ok(());
    }
    let rows: Vec<[String; 6]> = jobs
        .iter()
        .map(|job| {
            [
                format!("job_{}", job.number),
                job.scope.user.user.to_string(),
                job.session.to_string(),
                format!("{}–{}", job.turns.0, job.turns.1),
                state(job.state).to_owned(),
                shorten(job.failure.as_deref().unwrap_or_default(), 40),
            ]
        })
        .collect();
    run.terminal.table(["job", "user", "session", "turns", "state", "failure"], &rows)
}
