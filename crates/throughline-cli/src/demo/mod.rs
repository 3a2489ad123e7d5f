//! The demo: plays days of a conversation into a store, stops and reopens it, asks on the last day, keeps nothing.
//!
//! Only its clock is not real: days pass as the conversation says. What it shows is what the engine did.

mod conversation;
mod show;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use throughline::memory::{Context, ContextRequest, Memory, Observation, ProfileChange, TurnToObserve};
use throughline::model::{ProfilePatch, Role, Scope, SessionId, TenantId, Timestamp, Turn, UserId};
use throughline::ports::{Embedder, TurnsPage};

use crate::config::{Config, EmbeddingSource};
use crate::embedding::{self, LOCAL};
use crate::wire;
use conversation::{ASKED, DAYS, GOALS, IDENTITY, PREFERENCES, QUESTION, USER, speaker};

pub(crate) use show::{document, show};

/// Seconds between two lines of a day.
const SECONDS_A_LINE: i64 = 40;
/// The demo has nothing else to do: it waits for the model.
const EMBED_TIME_MAX: Duration = Duration::from_mins(1);

/// What happened.
pub(crate) struct Played {
    context: Context,
    /// The turns that were recalled into the context, in the receipt's order.
    recalled: Vec<Turn>,
    turns: usize,
    /// Tokens of everything that was said so far, as a client without memory would have to send it.
    history_tokens: usize,
    question_tokens: usize,
    /// The model that ranked, if there was one.
    model: Option<String>,
    /// How long writing a turn took on average, durable and embedded.
    turn_took: Duration,
    reopened: Duration,
}

/// Plays it in a temporary folder, which is gone when this returns.
pub(crate) fn play(config: &Config) -> Result<Played> {
    let folder = tempfile::Builder::new().prefix("throughline-demo-").tempdir()?;
    let embedder = model_if_there(config)?;
    let clock = Arc::new(AtomicI64::new(0));
    let scope = Scope::of(TenantId::single(), UserId::new(USER)?);

    let memory = open(config, folder.path(), &clock, embedder.as_ref())?;
    let start = Instant::now();
    let mut turns = 0;
    for day in DAYS {
        turns += live(&memory, &scope, &clock, day)?;
    }
    let turn_took = start.elapsed() / u32::try_from(turns).unwrap_or(1);

    // The store is closed for good and opened again: what is recalled below was read from the disk.
    drop(memory);
    let start = Instant::now();
    let memory = open(config, folder.path(), &clock, embedder.as_ref())?;
    let reopened = start.elapsed();

    set(&clock, ASKED.parse()?);
    let request = ContextRequest {
        session: Some(SessionId::new("june-eve")?),
        embed_deadline: EMBED_TIME_MAX,
        ..ContextRequest::asking(QUESTION)
    };
    let context = memory.context(&scope, &request)?;
    memory.keep_receipt(&scope, context.receipt.clone())?;
    let shown: Vec<u64> =
        context.receipt.items.iter().filter(|item| item.dropped.is_none()).map(|item| item.turn).collect();
    let recalled = memory.store().turns(&scope, &shown)?;
    let history = memory.store().turns_page(&scope, &TurnsPage { session: None, after: 0, limit: turns })?;
    let count = |text: &str| config.token_encoding.count(text);
    let history_tokens =
        history.iter().map(|turn| count(&turn.content.text)).sum::<usize>() + count(IDENTITY);
    Ok(Played {
        recalled,
        turns,
        history_tokens,
        question_tokens: count(QUESTION),
        model: embedder.map(|embedder| embedder.model().name.clone()),
        turn_took,
        reopened,
        context,
    })
}

fn open(
    config: &Config,
    folder: &Path,
    clock: &Arc<AtomicI64>,
    embedder: Option<&Arc<dyn Embedder>>,
) -> Result<Arc<Memory>> {
    let clock = Arc::clone(clock);
    let now = move || Timestamp::from_second(clock.load(Ordering::Relaxed)).unwrap_or_default();
    let memory = wire::open_in(folder, wire::settings(config), Arc::new(now))?;
    if let Some(embedder) = embedder {
        memory.attach(Arc::clone(embedder))?;
    }
    Ok(memory)
}

/// One day passes. Returns how many turns were written.
fn live(memory: &Memory, scope: &Scope, clock: &AtomicI64, day: &conversation::Day) -> Result<usize> {
    let begins: Timestamp = day.begins.parse().with_context(|| format!("the day `{}`", day.session))?;
    set(clock, begins);
    if day.session == DAYS[0].session {
        memory.store().put_identity(scope.tenant(), None, IDENTITY, begins)?;
        let list = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        let patch =
            ProfilePatch { goals: list(GOALS), preferences: list(PREFERENCES), ..ProfilePatch::default() };
        memory.change_profile(scope, &ProfileChange::Patch(patch))?;
    }
    // As a chat would: the question and its answer are written together.
    for (exchange, lines) in day.lines.chunks(2).enumerate() {
        let turns = lines.iter().enumerate().map(|(line, text)| {
            let (role, name) = speaker(line);
            let seconds = SECONDS_A_LINE * i64::try_from(2 * exchange + line).unwrap_or(0);
            let time = Timestamp::from_second(begins.as_second() + seconds).ok();
            let name = (role == Role::User).then(|| name.to_owned());
            TurnToObserve { name, time, ..TurnToObserve::new(role, *text) }
        });
        memory.observe(scope, Observation::new(SessionId::new(day.session)?, turns.collect()))?;
    }
    Ok(day.lines.len())
}

fn set(clock: &AtomicI64, time: Timestamp) {
    clock.store(time.as_second(), Ordering::Relaxed);
}

/// The model, if it can be had without a download.
fn model_if_there(config: &Config) -> Result<Option<Arc<dyn Embedder>>> {
    if config.embeddings == EmbeddingSource::Local && !LOCAL.is_in(&config.model_dir) {
        return Ok(None);
    }
    embedding::load(config)
}
