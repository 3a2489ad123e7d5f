//! `throughline vectors`: the vector index of large scopes, seen from the store.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use throughline::memory::{Memory, VectorsCheck, VectorsStatus};
use throughline::model::{Scope, TenantId, UserId};

use super::Run;
use crate::config::MemoryFlags;
use crate::failure::{Failure, Hinting};
use crate::wire;

/// How long to wait where another process is writing.
const OTHER_WRITER_WAITED_FOR: Duration = Duration::from_millis(200);

/// Look at the vector index of large scopes, compare it with the store, make it anew
///
/// The index (`--vectors URL`) is a copy of the vectors of scopes with many turns. A running server writes it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  throughline vectors status --vectors postgres://throughline@db.internal/vectors\n  throughline vectors check --repair"
)]
pub(crate) struct Vectors {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// How far the index is with each large scope
    #[command(after_help = "Example:\n  throughline vectors status")]
    Status {
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Compare the index with the store, entry by entry; exit code 1 if they differ and nothing was repaired
    #[command(
        after_help = "Examples:\n  throughline vectors check\n  throughline vectors check --user ada --repair"
    )]
    Check {
        /// Put back what is missing, and take away what the store does not have
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        flags: MemoryFlags,
    },
    /// Empty the index and write it anew from the store
    #[command(
        after_help = "Examples:\n  throughline vectors rebuild\n  throughline vectors rebuild --user ada"
    )]
    Rebuild {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        flags: MemoryFlags,
    },
}

/// One user's memory, or every large one.
#[derive(Debug, Args)]
struct Of {
    /// Only this end user's
    #[arg(long, value_name = "ID", value_parser = |text: &str| UserId::new(text))]
    user: Option<UserId>,
    /// The tenant the user belongs to
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
}

impl Of {
    fn scope(&self) -> Option<Scope> {
        Some(Scope::of(self.tenant.clone(), self.user.clone()?))
    }
}

impl Vectors {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let (Action::Status { flags } | Action::Check { flags, .. } | Action::Rebuild { flags, .. }) =
            &self.action;
        let memory = wire::open(&run.load(flags)?.config, wire::IfAbsent::Refuse)?;
        if !memory.has_vectors() {
            return Err(Failure::usage("no vector index is configured").hint("name it with `--vectors URL`"));
        }
        match &self.action {
            Action::Status { .. } => show(run, &memory.vectors_status()?),
            Action::Check { repair, of, .. } => check(run, &memory, *repair, of),
            Action::Rebuild { of, .. } => rebuild(run, &memory, of),
        }
    }
}

fn described(status: &VectorsStatus) -> Value {
    let VectorsStatus { set, row, indexed } = status;
    json!({
        "tenant": set.scope.tenant().as_str(),
        "user": set.scope.user.user.as_str(),
        "model": set.model,
        "rows": row,
        "indexed": indexed,
    })
}

fn columns(status: &VectorsStatus) -> [String; 5] {
    let VectorsStatus { set, row, indexed } = status;
    [
        set.scope.tenant().to_string(),
        set.scope.user.user.to_string(),
        set.model.to_string(),
        row.to_string(),
        indexed.map_or_else(|| "nothing yet".to_owned(), |row| row.to_string()),
    ]
}

fn show(run: &Run, sets: &[VectorsStatus]) -> Result<()> {
    if run.terminal.is_json() {
        return run.terminal.document(&json!({ "sets": sets.iter().map(described).collect::<Vec<_>>() }));
    }
    if sets.is_empty() {
        run.terminal.note("No scope is large enough for the index.");
        return Ok(());
    }
    let rows: Vec<[String; 5]> = sets.iter().map(columns).collect();
    run.terminal.table(["tenant", "user", "model", "rows", "indexed up to"], &rows)
}

fn check(run: &Run, memory: &Memory, repair: bool, of: &Of) -> Result<()> {
    let checks = memory.check_vectors(of.scope().as_ref(), repair)?;
    let differ = checks.iter().any(|check| check.missing + check.stale > 0);
    if run.terminal.is_json() {
        let checks = checks.iter().map(|check| {
            let mut described = described(&check.status);
            described["missing"] = check.missing.into();
            described["stale"] = check.stale.into();
            described
        });
        run.terminal.document(&json!({ "sets": checks.collect::<Vec<_>>(), "repaired": repair }))?;
    } else if checks.is_empty() {
        run.terminal.note("No scope is large enough for the index.");
    } else {
        let rows: Vec<[String; 7]> = checks
            .iter()
            .map(|VectorsCheck { status, missing, stale }| {
                let [tenant, user, model, rows, indexed] = columns(status);
                [tenant, user, model, rows, indexed, missing.to_string(), stale.to_string()]
            })
            .collect();
        run.terminal
            .table(["tenant", "user", "model", "rows", "indexed up to", "missing", "too much"], &rows)?;
    }
    if differ && !repair {
        return Err(Failure::error("the vector index differs from the store")
            .hint("`throughline vectors check --repair` puts it right"));
    }
    Ok(())
}

fn rebuild(run: &Run, memory: &Memory, of: &Of) -> Result<()> {
    let scope = of.scope();
    let emptied = memory.empty_vectors(scope.as_ref())?;
    let bar = run.terminal.progress(0, "  {bar:30} {pos}/{len} rows, {eta} left");
    loop {
        let written = memory.index_vectors()?;
        let mut sets = memory.vectors_status()?;
        sets.retain(|status| scope.as_ref().is_none_or(|scope| *scope == status.set.scope));
        let indexed = |status: &VectorsStatus| status.indexed.unwrap_or(0).min(status.row);
        bar.set_length(sets.iter().map(|status| status.row).sum());
        bar.set_position(sets.iter().map(indexed).sum());
        if sets.iter().all(|status| indexed(status) == status.row) {
            bar.finish_and_clear();
            if run.terminal.is_json() {
                return show(run, &sets);
            }
            return run.terminal.line(format!("{emptied} sets were written anew."));
        }
        if written == 0 {
            std::thread::sleep(OTHER_WRITER_WAITED_FOR);
        }
    }
}
