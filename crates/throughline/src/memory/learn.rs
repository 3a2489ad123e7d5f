//! Learning from the journal: one job at a time, each ended in the same step in which its claims are written.
//!
//! A worker may die anywhere. Before the commit nothing has changed, and the job is taken again when its lease runs out; after it
//! the job is gone. What an extractor says may differ the second time, but the same statement is the same claim.

use std::time::{Duration, Instant};

use crate::learn::{Batch, BatchTurn, ExtractError, Extraction, Extractor, Refused, Verified, gate, verify};
use crate::model::{
    Act, Author, Claim, Entry, MemoryKind, MemoryRecord, Role, Scope, TenantId, Timestamp, Turn, Usage,
    UsageByStage, UserKey,
};
use crate::ports::{ClaimedJob, Job, JobClaim, JobDone, LEASE_RAN_OUT, StoreError, TurnsPage, usage_day};
use crate::truth;

use super::{Memory, MemoryError};

/// Turns a batch has at most.
const BATCH_TURNS_MAX: usize = 32;

/// Bytes of text a batch has at most; a single longer turn is a batch of its own.
const BATCH_BYTES_MAX: usize = 24_000;

/// Turns before the batch that an extractor sees besides it.
const CONTEXT_TURNS_MAX: usize = 4;

/// Memories an extractor sees.
const KNOWN_MEMORIES_MAX: usize = 30;

/// Tries of the local extractor in the place of a model. A job that ends its worker each time must not do so for ever.
const LOCAL_ATTEMPTS_MAX: u32 = 3;

/// When and how jobs are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnSettings {
    /// A session is learned from when nothing was said for so long.
    pub quiet: Duration,
    /// Or as soon as it has so many turns waiting.
    pub turns_max: u64,
    /// After so long another worker may take a job over.
    pub lease: Duration,
    /// Tries of a failing provider before the local extractor learns in its place.
    pub attempts_max: u32,
    /// The pause after the first failure; it doubles with each further one.
    pub retry: Duration,
    /// The longest pause.
    pub retry_max: Duration,
    /// Whether the model writes summaries as well.
    pub summaries: Summaries,
}

/// Who writes what is told of a conversation in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Summaries {
    /// Nobody: memories and the user's own words stand for themselves.
    Extractive,
    /// The learning model, where there is one. What it has not told of, memories and the user's words stand for.
    #[default]
    Model,
}

impl Default for LearnSettings {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(10),
            turns_max: 12,
            lease: Duration::from_mins(2),
            attempts_max: 5,
            retry: Duration::from_secs(5),
            retry_max: Duration::from_mins(10),
            summaries: Summaries::default(),
        }
    }
}

/// Who extracts.
#[derive(Clone, Copy)]
pub struct Extractors<'a> {
    /// A language model, if there is one and it may be asked now.
    pub model: Option<&'a dyn Extractor>,
    /// What learns without one, and in its place.
    pub local: &'a dyn Extractor,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to learn.
    Nothing,
    /// Claims were written.
    Learned,
    /// The provider failed; the job waits for its next try.
    Failed {
        /// Why.
        reason: String,
        /// When it is tried again.
        due: Timestamp,
    },
    /// The model's answer was of no use, or it failed too often: the local extractor learned. Or every worker that had the job
    /// came to grief over it: nobody learned. The job is kept for a replay.
    Degraded {
        /// Why.
        reason: String,
    },
    /// Another worker has the job by now; nothing was written.
    Lost,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The job as it was taken.
    pub job: Job,
    /// How it ended.
    pub outcome: Outcome,
    /// Who extracted: the extractor's name; none if nobody had to.
    pub extractor: Option<String>,
    /// Claims that were accepted; the ledger may have had some before.
    pub claims: Vec<Claim>,
    /// Proposals that were not.
    pub refused: Vec<Refused>,
    /// Claims of sentences that were written for the conversation's summary.
    pub summary: Vec<Claim>,
    /// What it cost.
    pub usage: UsageByStage,
    /// What the tenant has spent on this day with it, if it cost anything.
    pub spent_today: Option<Usage>,
    /// Whether the local extractor learned because the tenant's budget of the day was spent.
    pub over_budget: bool,
    /// From the writing of the first turn to the end.
    pub lag: Duration,
    /// How long it took.
    pub took: Duration,
}

impl Memory {
    /// Takes a job that is due and learns from it; of a user alone, whether due or not, if one is given. None if there is
    /// none.
    pub fn learn_next<'e>(
        &self,
        extractors: &dyn Fn(&TenantId) -> Result<Extractors<'e>, MemoryError>,
        settings: &LearnSettings,
        only: Option<&UserKey>,
    ) -> Result<Option<Learned>, MemoryError> {
        let start = Instant::now();
        let now = self.now();
        let claim = JobClaim {
            now,
            lease_until: after(now, settings.lease),
            quiet_since: before(now, settings.quiet),
            turns_max: settings.turns_max,
            only: only.cloned(),
        };
        let Some(claimed) = self.store.claim_job(&claim)? else { return Ok(None) };
        let extractors = extractors(claimed.job.scope.tenant())?;
        let mut learned = self.learn(&claimed, extractors, settings)?;
        learned.took = start.elapsed();
        learned.lag = self.now().duration_since(claimed.job.created).try_into().unwrap_or_default();
        Ok(Some(learned))
    }

    fn learn(
        &self,
        claimed: &ClaimedJob,
        extractors: Extractors<'_>,
        settings: &LearnSettings,
    ) -> Result<Learned, MemoryError> {
        let ClaimedJob { job, token } = claimed;
        let scope = &job.scope;
        let mut learned = Learned {
            job: job.clone(),
            outcome: Outcome::Nothing,
            extractor: None,
            claims: Vec::new(),
            refused: Vec::new(),
            summary: Vec::new(),
            usage: UsageByStage::default(),
            spent_today: None,
            over_budget: false,
            lag: Duration::ZERO,
            took: Duration::ZERO,
        };
        let turns = self.batch_turns(job)?;
        let mut done = JobDone { number: job.number, token: *token, through: job.turns.1, dead: None };
        let Some(newest) = turns.last() else {
            // Erased in the meantime.
            self.finish(scope, &done, &[], &mut learned)?;
            return Ok(learned);
        };
        done.through = newest.id.seq;
        let mut batch = self.context_turns(job)?;
        batch.extend(turns.iter().map(|turn| self.batch_turn(scope, turn, true)));
        if batch.iter().all(|turn| turn.wanted.is_empty()) {
            self.finish(scope, &done, &[], &mut learned)?;
            return Ok(learned);
        }
        if job.attempts >= settings.attempts_max.saturating_add(LOCAL_ATTEMPTS_MAX) {
            done.dead = Some(job.failure.clone().unwrap_or_else(|| LEASE_RAN_OUT.to_owned()));
            self.finish(scope, &done, &[], &mut learned)?;
            degrade(&mut learned, done.dead);
            return Ok(learned);
        }
        let known = self.known(scope)?;
        let slots = self.own_slots(scope.tenant())?;
        let view = Batch { turns: &batch, known: &known, slots: &slots };
        let extraction = match extractors.model.filter(|_| job.attempts < settings.attempts_max) {
            None => {
                done.dead = why_not_the_model(job, extractors);
                local(extractors, &view, &mut learned)?
            }
            Some(model) => {
                learned.extractor = Some(model.name().to_owned());
                let extracted = model.extract(&view);
                learned.usage = extracted.as_ref().map_or_else(ExtractError::usage, |found| found.usage);
                learned.spent_today = self.count_usage(&scope.user, &learned.usage)?;
                match extracted {
                    Ok(extraction) => extraction,
                    Err(ExtractError::Provider { error, .. }) => {
                        let due = after(self.now(), pause(settings, job.attempts));
                        let reason = error.to_string();
                        learned.outcome = match self.store.put_back_job(job.number, *token, &reason, due) {
                            Ok(()) => Outcome::Failed { reason, due },
                            Err(StoreError::Conflict) => Outcome::Lost,
                            Err(error) => return Err(error.into()),
                        };
                        return Ok(learned);
                    }
                    Err(ExtractError::Unusable { reason, .. }) => {
                        done.dead = Some(reason);
                        local(extractors, &view, &mut learned)?
                    }
                }
            }
        };
        let forgotten = self.forgotten(scope)?;
        let Verified { claims, refused } =
            verify(&view, extraction.proposals, self.generation(scope)?, &|text| forgotten.says(text));
        learned.refused = refused;
        // A model that just failed is not asked again.
        let writes = settings.summaries == Summaries::Model && done.dead.is_none();
        if let Some(model) = extractors.model.filter(|_| writes) {
            learned.summary = self.written(job, &turns, model, &mut learned)?;
        }
        self.finish(scope, &done, &[claims.as_slice(), &learned.summary].concat(), &mut learned)?;
        learned.claims = claims;
        degrade(&mut learned, done.dead);
        Ok(learned)
    }

    /// Counts what was spent, whatever becomes of the job: it is spent. Returns what the tenant has spent today with it.
    pub(super) fn count_usage(
        &self,
        user: &UserKey,
        usage: &UsageByStage,
    ) -> Result<Option<Usage>, MemoryError> {
        let (day, mut today) = (usage_day(self.now()), None);
        for (stage, usage) in usage.stages() {
            if !usage.is_none() {
                today = Some(self.store.add_usage(user, day, stage, usage)?);
            }
        }
        Ok(today)
    }

    /// Writes the claims and ends the job, in one step.
    fn finish(
        &self,
        scope: &Scope,
        done: &JobDone,
        claims: &[Claim],
        learned: &mut Learned,
    ) -> Result<(), MemoryError> {
        let acts = |entries: &[Entry]| {
            let marked = self.marked_alike(claims.to_vec(), entries);
            Ok(marked.into_iter().map(|claim| Act::Claimed(Box::new(claim))).collect())
        };
        learned.outcome = match self.amend(scope, Author::Learning, Some(done), acts) {
            Ok(_) if claims.is_empty() => Outcome::Nothing,
            Ok(_) => Outcome::Learned,
            Err(MemoryError::Store(StoreError::Conflict)) => Outcome::Lost,
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// The turns of the job that fit a batch.
    fn batch_turns(&self, job: &Job) -> Result<Vec<Turn>, MemoryError> {
        let (first, last) = job.turns;
        let page = TurnsPage {
            session: Some(job.session.clone()),
            after: first.saturating_sub(1),
            limit: BATCH_TURNS_MAX,
        };
        let mut bytes = 0;
        let mut turns = self.store.turns_page(&job.scope, &page)?;
        turns.retain(|turn| turn.id.seq <= last);
        let fits = turns.iter().take_while(|turn| {
            let before = bytes;
            bytes += turn.content.text.len();
            before == 0 || bytes <= BATCH_BYTES_MAX
        });
        let count = fits.count();
        turns.truncate(count);
        Ok(turns)
    }

    /// What was said just before, without anything to learn in it.
    fn context_turns(&self, job: &Job) -> Result<Vec<BatchTurn>, MemoryError> {
        let mut before = self.store.lineage(&job.scope, job.turns.0, CONTEXT_TURNS_MAX + 1)?;
        before.retain(|turn| turn.seq < job.turns.0);
        before.sort_by_key(|turn| turn.seq);
        let seqs: Vec<u64> = before.iter().map(|turn| turn.seq).collect();
        let turns = self.store.turns(&job.scope, &seqs)?;
        Ok(turns.iter().map(|turn| self.batch_turn(&job.scope, turn, false)).collect())
    }

    pub(super) fn batch_turn(&self, scope: &Scope, turn: &Turn, wanted: bool) -> BatchTurn {
        let text = self.strip(scope.tenant(), &turn.content.text).into_owned();
        // A tool's answer and an app's instructions say nothing about the user.
        let said = matches!(turn.role, Role::User | Role::Assistant);
        let wanted = if wanted && said { gate(turn.role, &text) } else { Vec::new() };
        BatchTurn {
            seq: turn.id.seq,
            role: turn.role,
            name: turn.name.clone(),
            time: turn.time,
            zone: self.zone_of(turn.metadata.as_deref()),
            text,
            wanted,
        }
    }

    /// What holds, the weightiest first.
    fn known(&self, scope: &Scope) -> Result<Vec<MemoryRecord>, MemoryError> {
        let now = self.now();
        let mut known = self.beliefs(scope)?.memories.clone();
        known.retain(|memory| memory.holds_at(now) && memory.kind != MemoryKind::Summary);
        known.sort_by(|a, b| truth::weight(b, now).total_cmp(&truth::weight(a, now)));
        known.truncate(KNOWN_MEMORIES_MAX);
        Ok(known)
    }
}

/// What failed, if the local extractor learns in the place of a model that did. Without a model, or if it may not be asked
/// today, nothing is amiss that a replay would mend; nor is it if a worker was ended over the job and no model failed.
fn why_not_the_model(job: &Job, extractors: Extractors<'_>) -> Option<String> {
    let failure = job.failure.clone();
    match extractors.model {
        Some(_) => Some(failure.unwrap_or_else(|| "the learning model failed".to_owned())),
        None => failure.filter(|failure| failure != LEASE_RAN_OUT),
    }
}

fn degrade(learned: &mut Learned, dead: Option<String>) {
    if let (Some(reason), true) = (dead, learned.outcome != Outcome::Lost) {
        learned.outcome = Outcome::Degraded { reason };
    }
}

fn local(
    extractors: Extractors<'_>,
    batch: &Batch<'_>,
    learned: &mut Learned,
) -> Result<Extraction, MemoryError> {
    learned.extractor = Some(extractors.local.name().to_owned());
    extractors.local.extract(batch).map_err(|error| MemoryError::Invalid(error.to_string()))
}

/// Doubles with each attempt.
fn pause(settings: &LearnSettings, attempts: u32) -> Duration {
    settings.retry.saturating_mul(1 << attempts.min(16)).min(settings.retry_max)
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

fn before(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_sub(time).unwrap_or(Timestamp::MIN)
}
