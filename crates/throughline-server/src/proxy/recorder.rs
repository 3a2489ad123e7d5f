//! Writing exchanges to the journal after their response, in the order in which they ended.
//!
//! A place in the queue is reserved before the request goes upstream, so an exchange that was promised to be remembered
//! never finds the queue full when its response is over. Exchanges of one scope go through one lane, one after the other:
//! each finds in the journal what came before it.
//!
//! While the store cannot be reached, exchanges go to the [`Spool`], if there is one, and from there to the journal when it
//! can. What is said in a scope of which something waits there waits behind it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use throughline::memory::{Exchange, MemoryError};
use throughline::model::{Scope, UserKey};
use throughline::ports::{StoreError, with_round_trips};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;

use super::spool::Spool;
use crate::engine::Engine;
use crate::error::{ApiError, ErrorCode};
use crate::metrics;

/// Scopes that are written at once.
const LANES: usize = 8;
/// How often a write is tried while the store is unavailable, before the exchange is given up.
const ATTEMPTS_MAX: u32 = 5;
/// The wait before the second attempt; it doubles for each further one.
const RETRY_MS: u64 = 100;
/// How long what was spooled waits after an attempt to deliver it.
const DELIVERY_RETRY_MS: u64 = 500;

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
    spool: Option<Arc<Spool>>,
    /// Held while one spooled exchange is delivered.
    delivering: Arc<Mutex<()>>,
    /// Delivers what is spooled; ends with the recorder.
    _delivery: JoinSet<()>,
}

/// A place in the queue. Dropping it gives the place back.
pub(super) struct Place {
    permit: mpsc::OwnedPermit<Job>,
    lane: Arc<Lane>,
    scope: Scope,
}

impl Recorder {
    /// Starts the lanes; needs a running tokio runtime. `jobs_max` exchanges may be reserved at once.
    pub(crate) fn start(engine: &Engine, spool: Option<Spool>, jobs_max: usize) -> Self {
        let spool = spool.map(Arc::new);
        let lane_jobs_max = jobs_max.div_ceil(LANES).max(1);
        let lanes = (0..LANES).map(|_| {
            let (jobs, queue) = mpsc::channel(lane_jobs_max);
            let lane = Arc::new(Lane { jobs, waiting: AtomicUsize::new(0) });
            // The lane's task must not keep its own queue open: it ends when the recorder is gone.
            let writer = Writer { engine: engine.clone(), spool: spool.clone() };
            tokio::spawn(write(writer, queue, Arc::downgrade(&lane)));
            lane
        });
        let lanes = lanes.collect();
        let delivering = Arc::new(Mutex::new(()));
        let mut delivery = JoinSet::new();
        if let Some(spool) = &spool {
            delivery.spawn(deliver(engine.clone(), Arc::clone(spool), Arc::clone(&delivering)));
        }
        Self { lanes, hasher: RandomState::new(), spool, delivering, _delivery: delivery }
    }

    /// Where exchanges wait for the store, if they do.
    pub(crate) fn spool(&self) -> Option<&Spool> {
        self.spool.as_deref()
    }

    /// Takes away what waits of a user. When it returns, nothing that was said before is still to be written.
    pub(crate) async fn forget(&self, user: &UserKey) -> Result<(), ApiError> {
        self.flushed().await;
        let Some(spool) = &self.spool else { return Ok(()) };
        let _none_on_its_way = self.delivering.lock().await;
        let (spool, user) = (Arc::clone(spool), user.clone());
        let removed = blocking(move || spool.remove_user(&user)).await;
        removed.map(drop).map_err(|error| {
            ApiError::new(
                ErrorCode::Internal,
                format!("what waits for the store cannot be taken away: {error}"),
            )
        })
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

async fn write(writer: Writer, mut queue: mpsc::Receiver<Job>, lane: std::sync::Weak<Lane>) {
    while let Some(job) = queue.recv().await {
        match job {
            // Whoever waited may have gone.
            Job::Barrier(reached) => drop(reached.send(())),
            Job::Record { scope, exchange, ended } => {
                match writer.record(&scope, *exchange).await {
                    Recorded::Written { turns } => metrics::written(turns, ended.elapsed()),
                    Recorded::Spooled => metrics::spooled(),
                    Recorded::Dropped => metrics::record_dropped(),
                }
                if let Some(lane) = lane.upgrade() {
                    lane.waiting.fetch_sub(1, Ordering::Release);
                }
            }
        }
    }
}

/// What became of an exchange.
enum Recorded {
    Written { turns: usize },
    Spooled,
    Dropped,
}

/// Why an exchange could not be written.
struct Unwritten {
    error: String,
    /// Whether the same may work later.
    may_pass: bool,
}

/// Writes exchanges for one lane.
struct Writer {
    engine: Engine,
    spool: Option<Arc<Spool>>,
}

impl Writer {
    async fn record(&self, scope: &Scope, exchange: Exchange) -> Recorded {
        let mut attempt = 1;
        let error = loop {
            if self.spool.as_ref().is_some_and(|spool| spool.holds(scope)) {
                return self.put_aside(scope, exchange, "what was said before waits for the store").await;
            }
            let Unwritten { error, may_pass } = match attempt_to_write(&self.engine, scope, &exchange).await {
                Ok(turns) => return Recorded::Written { turns },
                Err(unwritten) => unwritten,
            };
            if !may_pass {
                tracing::error!(error, attempt, "an exchange could not be recorded");
                return Recorded::Dropped;
            }
            // A store on another machine was waited for already; the lane is not held up for longer.
            if attempt == ATTEMPTS_MAX || self.spool.is_some() {
                break error;
            }
            tracing::warn!(error, attempt, "an exchange is not recorded yet");
            tokio::time::sleep(Duration::from_millis(RETRY_MS << (attempt - 1))).await;
            attempt += 1;
        };
        self.put_aside(scope, exchange, &error).await
    }

    async fn put_aside(&self, scope: &Scope, mut exchange: Exchange, why: &str) -> Recorded {
        let Some(spool) = self.spool.clone() else {
            tracing::error!(error = why, "an exchange could not be recorded");
            return Recorded::Dropped;
        };
        exchange.time.get_or_insert_with(|| self.engine.memory().now());
        let scope = scope.clone();
        match blocking(move || spool.put(&scope, &exchange)).await {
            Ok(()) => {
                tracing::warn!(error = why, "an exchange waits for the store");
                Recorded::Spooled
            }
            Err(error) => {
                tracing::error!(%error, why, "an exchange could not be recorded");
                Recorded::Dropped
            }
        }
    }
}

/// Writes what was spooled, oldest first, whenever the store can be reached. Never ends by itself.
async fn deliver(engine: Engine, spool: Arc<Spool>, delivering: Arc<Mutex<()>>) {
    let pause = || tokio::time::sleep(Duration::from_millis(DELIVERY_RETRY_MS));
    loop {
        spool.filled().await;
        loop {
            let one_at_a_time = delivering.lock().await;
            let first = {
                let spool = Arc::clone(&spool);
                blocking(move || spool.first()).await
            };
            let (scope, exchange) = match first {
                Ok(Some(first)) => first,
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    drop(one_at_a_time);
                    pause().await;
                    continue;
                }
            };
            match attempt_to_write(&engine, &scope, &exchange).await {
                Ok(turns) => metrics::delivered(turns),
                Err(Unwritten { may_pass: true, .. }) => {
                    drop(one_at_a_time);
                    pause().await;
                    continue;
                }
                Err(Unwritten { error, .. }) => {
                    tracing::error!(error, "a spooled exchange could not be recorded");
                    metrics::record_dropped();
                }
            }
            let spool = Arc::clone(&spool);
            if let Err(error) = blocking(move || spool.remove_first()).await {
                tracing::error!(%error, "what was delivered stays in the spool and is delivered once more");
            }
        }
    }
}

/// How many turns were written.
async fn attempt_to_write(engine: &Engine, scope: &Scope, exchange: &Exchange) -> Result<usize, Unwritten> {
    engine.reach().check().map_err(|error| Unwritten { error: error.message, may_pass: true })?;
    let (memory, scope, exchange) = (Arc::clone(engine.memory()), scope.clone(), exchange.clone());
    let written = tokio::task::spawn_blocking(move || {
        let (written, round_trips) = with_round_trips(|| memory.record(&scope, exchange));
        metrics::round_trips("record", round_trips);
        written
    })
    .await;
    let (error, may_pass) = match written {
        Ok(Ok(observed)) => return Ok(observed.turns.len()),
        Ok(Err(error)) => (error.to_string(), may_pass(&error)),
        Err(panic) => (panic.to_string(), false),
    };
    Err(Unwritten { error, may_pass })
}

/// Runs what waits for the disk where it holds up nothing else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and whoever waits with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn may_pass(error: &MemoryError) -> bool {
    // A server that was made a replica, or whose disk is full, refuses writes for as long as that lasts.
    matches!(
        error,
        MemoryError::Store(
            StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::ReadOnly(_) | StoreError::Conflict
        )
    )
}
