//! Taking a file of turns into memory: check all of it, write it in batches, embed what was written.
//!
//! The file is checked before anything is written, so that a wrong line does not leave half an import behind that
//! a corrected file would double. Batches are a function of the file alone, and each has a key made of the file's hash and
//! its number: importing the file again adds nothing, and an interrupted import goes on.

use std::collections::{HashMap, HashSet};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use throughline::memory::{Memory, Observation, TurnToObserve};
use throughline::model::{Role, Scope, SessionId, TenantId, UserId};
use throughline_eval::{Dataset, Format, ImportError, ImportedTurn};

use crate::config::Config;
use crate::failure::{Failure, Hinting};
use crate::terminal::{Terminal, grouped};
use crate::{embedding, keeper};

/// Turns of one session that are written in one step.
const BATCH_TURNS_MAX: usize = 500;
/// Turns held back in the hope of more of their session.
const HELD_TURNS_MAX: usize = 20_000;
/// Bytes of text held back.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Users whose turns are written at once.
const WRITERS: usize = 8;
/// Wrong lines that are shown.
const REASONS_MAX: usize = 20;

const HASHING: &str = "  reading    {bar:30} {bytes}/{total_bytes}";
const CHECKING: &str = "  checking   {bar:30} {bytes}/{total_bytes}";
const WRITING: &str = "  writing    {bar:30} {human_pos}/{human_len} turns, {per_sec}, {eta} left";
const EMBEDDING: &str = "  embedding  {bar:30} {human_pos}/{human_len} passages, {per_sec}, {eta} left";

/// What is to be imported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Import<'a> {
    pub(crate) file: &'a Path,
    pub(crate) tenant: &'a TenantId,
    /// Whose turns these are, whatever the file says.
    pub(crate) user: Option<&'a UserId>,
    /// Leave wrong lines out.
    pub(crate) skip_wrong: bool,
}

/// A file that can be imported.
#[derive(Debug)]
pub(crate) struct Checked {
    hash: blake3::Hash,
    format: Format,
    turns: u64,
    skipped: Vec<String>,
}

/// What was imported.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) format: Format,
    pub(crate) turns: u64,
    /// Those of them that were not there before.
    pub(crate) added: u64,
    /// Reasons for what was left out.
    pub(crate) skipped: Vec<String>,
    pub(crate) users: u64,
    pub(crate) sessions: u64,
    pub(crate) took: Duration,
}

/// Reads the whole file and writes nothing. Fails if a line is wrong, unless those are to be left out.
pub(crate) fn check(import: &Import<'_>, terminal: Terminal) -> Result<Checked> {
    let bytes = fs_err::metadata(import.file)?.len();
    let bar = terminal.progress(bytes, HASHING);
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut bar.wrap_read(fs_err::File::open(import.file)?), &mut hasher)?;
    bar.finish_and_clear();

    let bar = terminal.progress(bytes, CHECKING);
    let dataset = Dataset::open(import.file)?;
    let format = dataset.format();
    let mut read = dataset.turns();
    let (mut turns, mut wrong) = (0_u64, Vec::new());
    while let Some(turn) = read.next() {
        match turn.map_err(anyhow::Error::new).and_then(|turn| place(import, &turn)) {
            Ok(_) => turns += 1,
            Err(error) if is_of_one_line(&error) => wrong.push(format!("{error:#}")),
            Err(error) => return Err(error),
        }
        bar.set_position(read.bytes_read());
    }
    bar.finish_and_clear();
    if !wrong.is_empty() && !import.skip_wrong {
        let mut shown = String::new();
        for reason in wrong.iter().take(REASONS_MAX) {
            shown.push_str("\n  - ");
            shown.push_str(reason);
        }
        let lines = match wrong.len() as u64 {
            1 => "1 line is".to_owned(),
            many => format!("{} lines are", grouped(many)),
        };
        return Err(Failure::error(format!("{lines} wrong, nothing was imported:{shown}"))
            .hint("correct them, or import the rest with `--skip-wrong`"));
    }
    // A line too long to be read ends the file for its reader; the rest must not be lost in silence.
    if read.bytes_read() < bytes && !wrong.is_empty() {
        let last = wrong.pop().unwrap_or_default();
        return Err(Failure::error(format!("the file cannot be read beyond this line: {last}")));
    }
    let skipped = wrong.into_iter().take(REASONS_MAX).collect();
    Ok(Checked { hash: hasher.finalize(), format, turns, skipped })
}

/// Writes the turns. When it returns they are durable, and found by their words.
pub(crate) fn write(
    import: &Import<'_>,
    checked: &Checked,
    memory: &Memory,
    terminal: Terminal,
) -> Result<Imported> {
    let start = Instant::now();
    let mut writer = Writer {
        memory,
        hash: checked.hash,
        held: Held::default(),
        batches: 0,
        added: 0,
        users: HashSet::new(),
        sessions: HashSet::new(),
    };
    let bar = terminal.progress(checked.turns, WRITING);
    for turn in Dataset::open(import.file)?.turns() {
        match turn {
            Ok(turn) => writer.take(place(import, &turn)?)?,
            Err(ImportError::Line { .. }) if import.skip_wrong => continue,
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    writer.flush()?;
    bar.finish_and_clear();
    Ok(Imported {
        format: checked.format,
        turns: checked.turns,
        added: writer.added,
        skipped: checked.skipped.clone(),
        users: writer.users.len() as u64,
        sessions: writer.sessions.len() as u64,
        took: start.elapsed(),
    })
}

/// Gives the passages that wait for one a vector, those of other writers too. Returns how many it was.
pub(crate) fn embed(memory: &Memory, config: &Config, terminal: Terminal) -> Result<u64> {
    let waiting = memory.store().unembedded_count()?;
    if waiting == 0 && memory.store().embedding_models()?.coming.is_none() {
        return Ok(0);
    }
    embedding::attach_if_there(memory, config, terminal)?;
    let bar = terminal.progress(waiting, EMBEDDING);
    let mut embedded = 0;
    loop {
        let count = memory
            .backfill(keeper::BACKFILL_PASSAGES_A_STEP)
            .context("the passages are kept without vectors")?;
        if count == 0 {
            bar.finish_and_clear();
            return Ok(embedded);
        }
        embedded += count as u64;
        bar.inc(count as u64);
    }
}

fn is_of_one_line(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ImportError::Line { .. }))
}

/// A turn and where it belongs.
struct Placed {
    scope: Scope,
    session: SessionId,
    turn: TurnToObserve,
}

fn place(import: &Import<'_>, imported: &ImportedTurn) -> Result<Placed> {
    let turn = &imported.turn;
    let of_turn = || format!("{}, turn `{}`", import.file.display(), turn.id);
    let (user, session) = match (import.user, &imported.user) {
        // Conversations of several people become one person's: their sessions must stay apart.
        (Some(user), Some(other)) if user.as_str() != other => {
            (user.clone(), format!("{other}/{}", turn.session))
        }
        (Some(user), _) => (user.clone(), turn.session.clone()),
        (None, Some(user)) => (UserId::new(user).with_context(of_turn)?, turn.session.clone()),
        (None, None) => {
            return Err(Failure::usage(format!("{} names no user", of_turn()))
                .hint("say whose turns these are with `--user ID`"));
        }
    };
    let mut observed = TurnToObserve::new(
        turn.role.as_str().parse::<Role>().map_err(Failure::error).with_context(of_turn)?,
        turn.text.clone(),
    );
    observed.name.clone_from(&turn.name);
    observed.time = turn.time;
    observed.metadata = turn.metadata.as_ref().map(|metadata| metadata.get().to_owned());
    Ok(Placed {
        scope: Scope::of(import.tenant.clone(), user),
        session: SessionId::new(session).with_context(of_turn)?,
        turn: observed,
    })
}

/// A session's turns, written in one step.
struct Batch {
    scope: Scope,
    session: SessionId,
    turns: Vec<TurnToObserve>,
}

/// Turns held back in the hope of more of their session, in the order in which the sessions appeared.
#[derive(Default)]
struct Held {
    batches: Vec<Batch>,
    places: HashMap<(Scope, SessionId), usize>,
    turns: usize,
    bytes: usize,
}

struct Writer<'a> {
    memory: &'a Memory,
    hash: blake3::Hash,
    held: Held,
    batches: u64,
    added: u64,
    users: HashSet<Scope>,
    sessions: HashSet<(Scope, SessionId)>,
}

impl Writer<'_> {
    fn take(&mut self, placed: Placed) -> Result<()> {
        let Placed { scope, session, turn } = placed;
        let held = &mut self.held;
        held.turns += 1;
        held.bytes += turn.content.text.len() + turn.metadata.as_ref().map_or(0, String::len);
        let place = *held.places.entry((scope.clone(), session.clone())).or_insert_with(|| {
            held.batches.push(Batch { scope, session, turns: Vec::new() });
            held.batches.len() - 1
        });
        let turns = &mut held.batches[place].turns;
        turns.push(turn);
        if turns.len() >= BATCH_TURNS_MAX || held.turns >= HELD_TURNS_MAX || held.bytes >= HELD_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes everything held back. Each user's batches are written in order, those of several users at once, so
    /// that they share the store's commits.
    fn flush(&mut self) -> Result<()> {
        let mut of_users: Vec<Vec<(u64, Batch)>> = Vec::new();
        let mut places = HashMap::new();
        for batch in std::mem::take(&mut self.held).batches {
            self.batches += 1;
            self.users.insert(batch.scope.clone());
            self.sessions.insert((batch.scope.clone(), batch.session.clone()));
            let place = *places.entry(batch.scope.clone()).or_insert_with(|| {
                of_users.push(Vec::new());
                of_users.len() - 1
            });
            of_users[place].push((self.batches, batch));
        }
        let queue = Mutex::new(of_users.into_iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let (memory, hash) = (self.memory, &self.hash);
        let work = || -> Result<u64> {
            let mut added = 0;
            while let Some(batches) = next() {
                for (number, batch) in batches {
                    added += write_batch(memory, hash, number, batch)?;
                }
            }
            Ok(added)
        };
        self.added += thread::scope(|scope| -> Result<u64> {
            let workers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_fold(0, |added, worker| {
                Ok(added + worker.join().unwrap_or_else(|panic| resume_unwind(panic))?)
            })
        })?;
        Ok(())
    }
}

/// Returns how many turns were not there before.
fn write_batch(memory: &Memory, hash: &blake3::Hash, number: u64, batch: Batch) -> Result<u64> {
    let Batch { scope, session, turns } = batch;
    let count = turns.len() as u64;
    let observation = Observation {
        idempotency_key: Some(format!("import {} {number}", hash.to_hex())),
        ..Observation::new(session.clone(), turns)
    };
    let before = memory.store().revision(&scope)?;
    memory
        .observe(&scope, observation)
        .with_context(|| format!("turns of user `{}`, session `{session}`", scope.user.user))?;
    Ok(if memory.store().revision(&scope)? == before { 0 } else { count })
}
