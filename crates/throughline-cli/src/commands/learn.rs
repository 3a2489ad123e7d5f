//! `throughline learn`: learning what waits now, or seeing what would be learned from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::json;
use throughline::learn::{BatchTurn, DryRun, dry_run};
use throughline::memory::{Learned, Memory, Outcome, named_zone};
use throughline::model::{Claim, OwnSlots, Polarity, Role, TenantId, Timestamp, UserId, UserKey};
use throughline::ports::{JobNumber, JobState};
use throughline_eval::{Dataset, ImportedTurn};

use super::Run;
use super::profile::read_object;
use crate::config::{Config, MemoryFlags};
use crate::failure::{Failure, Hinting};
use crate::terminal::{Terminal, Tone, shorten};
use crate::{learning, wire};

/// Turns that a dry run extracts from together.
const BATCH_TURNS: usize = 32;

/// Jobs read from the store in one step.
const JOBS_A_READ: usize = 1_000;

/// How often to look whether another process has finished what it took.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Learn from what is waiting, or see what would be learned from a file
///
/// A running server learns by itself when a session has gone quiet; what it has in hands is waited for. A dry run reads a file of turns (JSONL, LoCoMo or
/// LongMemEval, as `turns import` does) and writes nothing: it shows each proposal, and why it would be kept or refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline learn --user ada
  throughline learn --dry-run chat.jsonl
  throughline learn --dry-run chat.jsonl --schema slots.json
  throughline learn --dry-run chat.jsonl --json | jq .refused")]
pub(crate) struct Learn {
    /// Show what would be learned from this file, and write nothing
    #[arg(long, value_name = "FILE")]
    dry_run: Option<PathBuf>,
    /// With own slots of this JSON Schema, for a dry run
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    schema: Option<PathBuf>,
    /// The end user
    #[arg(long, value_name = "ID", value_parser = |text: &str| UserId::new(text), required_unless_present = "dry_run")]
    user: Option<UserId>,
    /// The tenant the user belongs to
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = |text: &str| TenantId::new(text))]
    tenant: TenantId,
    #[command(flatten)]
    flags: MemoryFlags,
}

impl Learn {
    pub(crate) fn run(&self, run: &Run) -> Result<()> {
        let loaded = run.load(&self.flags)?;
        match (&self.dry_run, &self.user) {
            (Some(file), _) => {
                let slots = self.schema.as_deref().map(own_slots).transpose()?;
                dry(run.terminal, &loaded.config, file, &slots.unwrap_or_default())
            }
            (None, Some(user)) => self.learn(run.terminal, &loaded.config, user),
            (None, None) => Err(Failure::usage("whose turns?").hint("name the user with `--user ID`")),
        }
    }

    fn learn(&self, terminal: Terminal, config: &Config, user: &UserId) -> Result<()> {
        let memory = wire::open(config, wire::IfAbsent::Refuse)?;
        let learner = learning::learner(config)?;
        let user = UserKey { tenant: self.tenant.clone(), user: user.clone() };
        let (mut jobs, mut claims, mut refused) = (0_u64, 0_u64, 0_u64);
        let mut elsewhere = BTreeSet::new();
        loop {
            let Some(done) = learner.step(&memory, Some(&user))? else {
                if let Some(rest) = learner.rests_for() {
                    terminal.note(format!("the learning model failed repeatedly: try again in {rest:.0?}"));
                    break;
                }
                let running = running(&memory, &user)?;
                if running.is_empty() {
                    break;
                }
                if elsewhere.is_empty() {
                    terminal.note("another process, such as a running server, is learning: waiting for it");
                }
                elsewhere.extend(running);
                std::thread::sleep(LOOK_AGAIN_AFTER);
                continue;
            };
            let Learned { outcome, job, .. } = &done;
            elsewhere.remove(&job.number);
            jobs += 1;
            claims += done.claims.len() as u64;
            refused += done.refused.len() as u64;
            match outcome {
                Outcome::Failed { reason, due } => {
                    terminal.note(format!("job_{} is tried again after {due}: {reason}", job.number));
                    break;
                }
                Outcome::Degraded { reason } => {
                    terminal.note(format!("job_{} was learned from without the model: {reason}", job.number));
                }
                Outcome::Nothing | Outcome::Learned | Outcome::Lost => {}
            }
        }
        if terminal.is_json() {
            return terminal.document(&json!({
                "jobs": jobs, "claims": claims, "refused": refused, "jobs_elsewhere": elsewhere.len(),
            }));
        }
        terminal.line(format!("{jobs} jobs, {claims} claims accepted, {refused} proposals refused."))?;
        match elsewhere.len() {
            0 if jobs == 0 => terminal.line(
                "Nothing was waiting. A server that runs on this folder learns by itself; `throughline memories list` shows what.",
            ),
            0 => Ok(()),
            1 => terminal.line("One more job was done by another process."),
            more => terminal.line(format!("{more} more jobs were done by another process.")),
        }
    }
}

/// The user's jobs that somebody has in hands.
fn running(memory: &Memory, user: &UserKey) -> Result<Vec<JobNumber>> {
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let jobs = memory.store().jobs(&user.tenant, after, JOBS_A_READ)?;
        let of_user = jobs.iter().filter(|job| job.scope.user == *user && job.state == JobState::Running);
        found.extend(of_user.map(|job| job.number));
        match jobs.last() {
            Some(last) if jobs.len() == JOBS_A_READ => after = last.number,
            _ => return Ok(found),
        }
    }
}

/// The own slots of a schema in a file.
fn own_slots(file: &Path) -> Result<OwnSlots> {
    let schema = read_object(file, "schema")?;
    OwnSlots::of_schema(&schema.into())
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn dry(terminal: Terminal, config: &Config, file: &Path, slots: &OwnSlots) -> Result<()> {
    let learner = learning::learner(config)?;
    let mut all = DryRun::default();
    for turns in sessions(file, &config.time_zone)?.into_values() {
        for batch in turns.chunks(BATCH_TURNS) {
            let DryRun { claims, refused, usage } = dry_run(batch.to_vec(), learner.extractor(), slots)?;
            all.claims.extend(claims);
            all.refused.extend(refused);
            all.usage += usage;
        }
    }
    if terminal.is_json() {
        let claims: Vec<_> = all.claims.iter().map(claim).collect();
        let refused: Vec<_> = all
            .refused
            .iter()
            .map(|refused| {
                json!({
                    "why": refused.why.as_str(), "turn": refused.proposal.turn,
                    "quote": refused.proposal.quote, "text": refused.proposal.text,
                })
            })
            .collect();
        return terminal.document(&json!({
            "extractor": learner.extractor().name(),
            "claims": claims,
            "refused": refused,
            "calls": all.usage.total().calls,
            "tokens": all.usage.total().tokens(),
        }));
    }
    let width = terminal.width().saturating_sub(50).max(30);
    let rows: Vec<[String; 4]> = all
        .claims
        .iter()
        .map(|claim| {
            let turn = claim.evidence.as_ref().map_or(0, |evidence| evidence.turn);
            let verb = if claim.polarity == Polarity::Denies { "no longer" } else { "is" };
            let slot =
                claim.slot.as_ref().map_or_else(|| claim.kind.as_str().to_owned(), ToString::to_string);
            let verb = if claim.quarantined { "quarantined" } else { verb };
            [turn.to_string(), slot, verb.to_owned(), shorten(&claim.text, width)]
        })
        .collect();
    terminal.line(terminal.paint(Tone::Bold, "Would be learned"))?;
    terminal.table(["turn", "slot", "", "text"], &rows)?;
    let rows: Vec<[String; 3]> = all
        .refused
        .iter()
        .map(|refused| {
            let proposal = &refused.proposal;
            [proposal.turn.to_string(), refused.why.as_str().to_owned(), shorten(&proposal.text, width)]
        })
        .collect();
    if !rows.is_empty() {
        terminal.line(terminal.paint(Tone::Bold, "Would be refused"))?;
        terminal.table(["turn", "why", "text"], &rows)?;
    }
    Ok(())
}

fn claim(claim: &Claim) -> serde_json::Value {
    json!({
        "kind": claim.kind.as_str(),
        "slot": claim.slot.as_ref().map(ToString::to_string),
        "value": claim.value,
        "text": claim.text,
        "denies": claim.polarity == Polarity::Denies,
        "explicit": claim.explicit,
        "quarantined": claim.quarantined,
        "authority": claim.authority.as_str(),
        "valid_from": claim.valid_from.to_string(),
        "valid_to": claim.valid_to.map(|time| time.to_string()),
        "turn": claim.evidence.as_ref().map(|evidence| evidence.turn),
        "quote": claim.evidence.as_ref().map(|evidence| evidence.quote.as_str()),
    })
}

/// Turns by user and session.
type Sessions = BTreeMap<(Option<String>, String), Vec<BatchTurn>>;

/// The file's turns, numbered; said in this zone unless they name theirs.
fn sessions(file: &Path, zone: &TimeZone) -> Result<Sessions> {
    let mut sessions = Sessions::new();
    for (number, turn) in (1..).zip(Dataset::open(file)?.turns()) {
        let ImportedTurn { user, turn } = turn?;
        let role: Role = turn.role.as_str().parse().map_err(Failure::error)?;
        let batch = BatchTurn {
            seq: number,
            role,
            name: turn.name,
            time: turn.time.unwrap_or_else(Timestamp::now),
            zone: turn
                .metadata
                .and_then(|metadata| named_zone(Some(metadata.get())))
                .unwrap_or_else(|| zone.clone()),
            text: turn.text,
            wanted: Vec::new(),
        };
        sessions.entry((user, turn.session)).or_default().push(batch);
    }
    Ok(sessions)
}
