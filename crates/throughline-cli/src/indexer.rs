//! The server's writer of the vector index: a thread that brings it after the store, as long as the server runs.
//!
//! Whatever it does not come to is still in the store's log: it must never fail a request or end the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use throughline::memory::{Memory, MemoryError};

use crate::keeper::{Keeper, Stopped};

/// How often to look for rows the index does not have: until then recall searches them itself.
const WORK_LOOKED_FOR_EVERY: Duration = Duration::from_secs(5);
/// How often to look for sets that nobody needs any more.
const SWEPT_EVERY: Duration = Duration::from_hours(1);
/// How long to wait after the index or the store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Starts the thread, if there is an index.
pub(crate) fn start(memory: Arc<Memory>) -> Result<Option<Keeper>> {
    if !memory.has_vectors() {
        return Ok(None);
    }
    Keeper::spawn("vector-indexer", move |stopped| run(&memory, stopped)).map(Some)
}

fn run(memory: &Memory, stopped: &Stopped) {
    let mut swept: Option<Instant> = None;
    loop {
        let wait = match step(memory, &mut swept) {
            Ok(0) => WORK_LOOKED_FOR_EVERY,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(%error, "the vector index stays behind for now");
                PAUSE_AFTER_FAILURE
            }
        };
        if stopped.after(wait) {
            return;
        }
    }
}

fn step(memory: &Memory, swept: &mut Option<Instant>) -> Result<usize, MemoryError> {
    if swept.is_none_or(|swept| swept.elapsed() >= SWEPT_EVERY) {
        memory.sweep_vectors()?;
        *swept = Some(Instant::now());
    }
    memory.index_vectors()
}
