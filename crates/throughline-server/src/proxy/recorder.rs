//! Writing exchanges to the journal after their response, in the order in which they ended.
//!
//! A place in the queue is reserved before the request goes upstream, so an exchange that was promised to be remembered
//! never finds the queue full when its response is over. Exchanges of one scope go through one lane, one after the other:
//! each finds in the journal what came before it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use throughline::memory::{Exchange, Memory, MemoryError};
use throughline::model::Scope;
use throughline::ports::{StoreError, with_round_trips};
use tokio::sync::{mpsc, oneshot};

use crate::metrics;

/// Scopes that are written at once.
const LANES: usize = 8;
/// How often a write is tried while the store is unavailable, before the exchange is given up.
const ATTEMPTS_MAX: u32 = 5;
/// The wait before the second attempt; it doubles for each further one.
const RETRY_MS: u64 = 100;

enum Job {
    Record { scope: Scope, exchange: Box<Exchange>, ended: Instant },
    Barrier(oneshot::Sender<()>),
}

struct Lane {
    jobs: mpsc::Sender<Job>,
    /// Sent and not yet written.
    waiting: AtomicUsize,
}

/// The queue of exchanges to be written.
pub(crate) struct Recorder {
    lanes: Vec<Arc<Lane>>,
    hasher: RandomState,
}

/// A place in the queue. Dropping it gives the place back.
pub(super) struct Place {
    permit: mpsc::OwnedPermit<Job>,
    lane: Arc<Lane>,
    scope: Scope,
}

impl Recorder {
    /// Starts the lanes; needs a running tokio runtime. `jobs_max` exchanges may be reserved at once.
    pub(crate) fn start(memory: &Arc<Memory>, jobs_max: usize) -> Self {
        let lane_jobs_max = jobs_max.div_ceil(LANES).max(1);
        let lanes = (0..LANES).map(|_| {
            let (jobs, queue) = mpsc::channel(lane_jobs_max);
            let lane = Arc::new(Lane { jobs, waiting: AtomicUsize::new(0) });
            // The lane's task must not keep its own queue open: it ends when the recorder is gone.
            tokio::spawn(write(Arc::clone(memory), queue, Arc::downgrade(&lane)));
            lane
        });
        Self { lanes: lanes.collect(), hasher: RandomState::new() }
    }

    fn lane(&self, scope: &Scope) -> &Arc<Lane> {
        &self.lanes[usize::try_from(self.hasher.hash_one(scope) % LANES as u64).unwrap_or(0)]
    }

    /// A place for one exchange, if there is one.
    pub(super) fn reserve(&self, scope: &Scope) -> Option<Place> {
        let lane = Arc::clone(self.lane(scope));
        let permit = lane.jobs.clone().try_reserve_owned().ok()?;
        Some(Place { permit, lane, scope: scope.clone() })
    }

    /// Waits until what was sent for the scope so far is written.
    pub(crate) async fn settled(&self, scope: &Scope) {
        settled(self.lane(scope)).await;
    }

    /// Waits until everything sent so far is written.
    pub(crate) async fn flushed(&self) {
        for lane in &self.lanes {
            settled(lane).await;
        }
    }

    /// Exchanges sent and not yet written.
    pub(crate) fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.load(Ordering::Relaxed)).sum()
    }
}

async fn settled(lane: &Lane) {
    if lane.waiting.load(Ordering::Acquire) == 0 {
        return;
    }
    let (reached, wait) = oneshot::channel();
    if lane.jobs.send(Job::Barrier(reached)).await.is_ok() {
        // An error means that the lane has ended, and with it all that could be waited for.
        let _ = wait.await;
    }
}

impl Place {
    /// Hands the exchange over. Never blocks and never fails.
    pub(super) fn record(self, exchange: Exchange) {
        self.lane.waiting.fetch_add(1, Ordering::Release);
        self.permit.send(Job::Record {
            scope: self.scope,
            exchange: Box::new(exchange),
            ended: Instant::now(),
        });
    }
}

async fn write(memory: Arc<Memory>, mut queue: mpsc::Receiver<Job>, lane: std::sync::Weak<Lane>) {
    while let Some(job) = queue.recv().await {
        match job {
            // Whoever waited may have gone.
            Job::Barrier(reached) => drop(reached.send(())),
            Job::Record { scope, exchange, ended } => {
                if let Some(turns) = record(&memory, &scope, &exchange).await {
                    metrics::written(turns, ended.elapsed());
                } else {
                    metrics::record_dropped();
                }
                if let Some(lane) = lane.upgrade() {
                    lane.waiting.fetch_sub(1, Ordering::Release);
                }
            }
        }
    }
}

/// How many turns were written; none if the exchange had to be given up.
async fn record(memory: &Arc<Memory>, scope: &Scope, exchange: &Exchange) -> Option<usize> {
    let mut attempt = 1;
    loop {
        let (memory, scope, exchange) = (Arc::clone(memory), scope.clone(), exchange.clone());
        let written = tokio::task::spawn_blocking(move || {
            let (written, round_trips) = with_round_trips(|| memory.record(&scope, exchange));
            metrics::round_trips("record", round_trips);
            written
        })
        .await;
        let (error, may_pass) = match written {
            Ok(Ok(observed)) => return Some(observed.turns.len()),
            Ok(Err(error)) => (error.to_string(), may_pass(&error)),
            Err(panic) => (panic.to_string(), false),
        };
        if !may_pass || attempt == ATTEMPTS_MAX {
            tracing::error!(error, attempt, "an exchange could not be recorded");
            return None;
        }
        tracing::warn!(error, attempt, "an exchange is not recorded yet");
        tokio::time::sleep(Duration::from_millis(RETRY_MS << (attempt - 1))).await;
        attempt += 1;
    }
}

fn may_pass(error: &MemoryError) -> bool {
    matches!(
        error,
        MemoryError::Store(StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::Conflict)
    )
}
