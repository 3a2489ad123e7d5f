//! Turns taken into an embedded store with the in-process model, for `throughline-bench ingest`: how many a second, and what
//! part of that time is the model's.
//!
//! Reads one request as JSON from standard input and writes one answer to standard output, as the peers in
//! `throughline-bench/peers` do. One caller writes, and waits for each write; the model has a thread on each core that this
//! process may use. Its time is that of the calls to it, taken by an embedder around it.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use throughline::memory::{Memory, Observation, Settings, TurnToObserve};
use throughline::model::{Role, Scope, SessionId, TenantId, Timestamp, UserId};
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
use throughline_embed::MiniLm;
use throughline_sqlite::{SqliteOptions, SqliteStore};

#[derive(Deserialize)]
struct Request {
    model_dir: PathBuf,
    /// Where the store is made.
    folder: PathBuf,
    /// What is said; each text is written once.
    turns: Vec<String>,
    /// How many turns are written at once.
    batch: usize,
    seconds: f64,
}

/// The model, and how long it was at work.
struct Timed {
    model: MiniLm,
    nanoseconds: AtomicU64,
}

impl Embedder for Timed {
    fn model(&self) -> &EmbeddingModel {
        self.model.model()
    }

    fn embed(
        &self,
        role: EmbedRole,
        texts: &[&str],
        deadline: Duration,
    ) -> Result<Vec<Embedding>, EmbedError> {
        let start = Instant::now();
        let embedded = self.model.embed(role, texts, deadline);
        let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        embedded
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let request: Request = serde_json::from_reader(std::io::stdin().lock())?;
    let store = SqliteStore::open(&request.folder, SqliteOptions::default())?;
    let memory = Memory::open(Arc::new(store), Arc::new(Timestamp::now), Settings::default())?;
    let model = MiniLm::load(&request.model_dir)?;
    let timed = Arc::new(Timed { model, nanoseconds: AtomicU64::new(0) });
    memory.attach(timed.clone())?;
    let scope = Scope::of(TenantId::single(), UserId::new("ana")?);

    let mut batches = request.turns.chunks_exact(request.batch).enumerate();
    let mut observe = || -> Result<usize, Box<dyn Error>> {
        let Some((number, batch)) = batches.next() else { return Ok(0) };
        let said = batch.iter().map(|text| TurnToObserve::new(Role::User, text)).collect();
        memory.observe(&scope, Observation::new(SessionId::new(format!("s{number}"))?, said))?;
        Ok(batch.len())
    };
    // The first write makes the user and loads what is loaded late.
    observe()?;
    timed.nanoseconds.store(0, Ordering::Relaxed);
    let (start, mut written) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < request.seconds {
        match observe()? {
            0 => break,
            turns => written += turns,
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let model_seconds = Duration::from_nanos(timed.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
    let answer = json!({ "turns": written, "seconds": seconds, "model_seconds": model_seconds });
    std::io::stdout().write_all(answer.to_string().as_bytes())?;
    Ok(())
}
