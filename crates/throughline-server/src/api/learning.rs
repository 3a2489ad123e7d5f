//! Learning now what waits to be learned, for whoever cannot wait until a session has gone quiet.
//!
//! The work is a task of its own, so that it goes on when its caller is gone; the caller gets an account of it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use throughline::memory::{Learned, MemoryError, Outcome};
use throughline::model::UserKey;
use throughline::ports::{JobState, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

use super::ErrorBody;
use super::body::JsonBody;
use super::fields::user_id;
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::metrics;
use crate::state::AppState;

/// Calls that learn at once, whether somebody waits for them or not; one more is refused.
pub(crate) const LEARN_CALLS_MAX: usize = 64;

/// Whoever waits is answered after this part of the time a request may take, before the request would be given up.
const WAIT_SHARE_OF_REQUEST_MS_MAX: f64 = 0.9;

/// Jobs that one call does.
const JOBS_A_CALL_MAX: u64 = 1_000;

/// Jobs read from the store in one step.
const JOBS_A_READ: usize = 1_000;

/// How often to look whether another worker has finished what it took.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Whose turns to learn from.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct LearnNow {
    /// The end user.
    user: String,
    /// Whether to answer when it is done, or when nine tenths of the time a request may take are over; if not, the answer
    /// comes at once.
    #[serde(default)]
    wait: bool,
}

/// What was learned so far.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct LearnedOut {
    /// Whether there is nothing left to learn from now. If not, it goes on in the background, or `failed` says that some is
    /// tried again later.
    done: bool,
    /// Jobs that were done.
    jobs: u64,
    /// Claims that were accepted.
    claims: u64,
    /// Proposals that were refused, by reason.
    refused: BTreeMap<&'static str, u64>,
    /// Jobs whose provider failed; they are tried again.
    failed: u64,
    /// Jobs that the local extractor did because the model could not; they can be replayed.
    degraded: u64,
    /// Set if the learning model failed so often that it is left alone: what waits is learned from after so many
    /// milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_rests_ms: Option<u64>,
    /// Calls of the learning model.
    calls: u64,
    /// Tokens they took.
    tokens: u64,
}

impl LearnedOut {
    fn add(&mut self, learned: &Learned) {
        self.jobs += 1;
        self.claims += learned.claims.len() as u64;
        for refused in &learned.refused {
            *self.refused.entry(refused.why.as_str()).or_default() += 1;
        }
        match learned.outcome {
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Degraded { .. } => self.degraded += 1,
            Outcome::Nothing | Outcome::Learned | Outcome::Lost => {}
        }
        let spent = learned.usage.total();
        self.calls += spent.calls;
        self.tokens += spent.tokens();
    }
}

/// Learns what is waiting of a user, whether its session has gone quiet or not.
#[utoipa::path(
    post, path = "/learn", tag = "memories", operation_id = "learn_now", request_body = LearnNow,
    responses(
        (status = 200, description = "What was learned so far; `done` is false if it goes on.", body = LearnedOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn learn(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<LearnNow>,
) -> Result<Json<LearnedOut>, ApiError> {
    let user = UserKey { tenant: principal.tenant, user: user_id(&body.user)? };
    let Ok(place) = state.learn_calls.clone().try_acquire_owned() else {
        return Err(ApiError::new(ErrorCode::Overloaded, "too many calls are learning"));
    };
    let (so_far, seen) = watch::channel(LearnedOut::default());
    let limit = Duration::from_millis(state.config.request_ms_max).mul_f64(WAIT_SHARE_OF_REQUEST_MS_MAX);
    let work = tokio::spawn(all_of(state, user, so_far, place));
    if !body.wait {
        return Ok(Json(LearnedOut::default()));
    }
    match timeout(limit, work).await {
        Ok(Ok(learned)) => learned?,
        Ok(Err(_)) => return Err(ApiError::new(ErrorCode::Internal, "learning broke off")),
        // It goes on without us.
        Err(_) => {}
    }
    let learned = seen.borrow().clone();
    Ok(Json(learned))
}

/// What became of one look for a job.
enum Step {
    Did(Box<Learned>),
    /// There are jobs, and another worker is at the user's.
    NotYet,
    Done,
}

async fn all_of(
    state: AppState,
    user: UserKey,
    so_far: watch::Sender<LearnedOut>,
    _place: OwnedSemaphorePermit,
) -> Result<(), ApiError> {
    let ended = steps(&state, &user, &so_far).await;
    if let Err(error) = &ended {
        tracing::warn!(error = error.message, "learning on request failed");
    }
    ended
}

async fn steps(state: &AppState, user: &UserKey, so_far: &watch::Sender<LearnedOut>) -> Result<(), ApiError> {
    // What was said before is to be learned from.
    state.recorder.flushed().await;
    while so_far.borrow().jobs < JOBS_A_CALL_MAX {
        let (who, of) = (state.learner.clone(), user.clone());
        let step = state.engine.call(move |memory| -> Result<_, MemoryError> {
            Ok(match who.step(memory, Some(&of))? {
                Some(learned) => Step::Did(Box::new(learned)),
                None if has_jobs(memory.store(), &of)? => Step::NotYet,
                None => Step::Done,
            })
        });
        match step.await? {
            Step::Did(learned) => {
                metrics::learned(&learned);
                so_far.send_modify(|so_far| so_far.add(&learned));
                // What failed waits for its time: taking it at once would only fail again.
                if matches!(learned.outcome, Outcome::Failed { .. }) {
                    break;
                }
            }
            Step::NotYet if let Some(rest) = state.learner.rests_for() => {
                let rest = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
                so_far.send_modify(|so_far| so_far.model_rests_ms = Some(rest));
                break;
            }
            Step::NotYet => sleep(LOOK_AGAIN_AFTER).await,
            Step::Done => {
                so_far.send_modify(|so_far| so_far.done = true);
                break;
            }
        }
    }
    Ok(())
}

/// Whether something of the user waits to be learned from, in whosever hands.
fn has_jobs(store: &dyn Store, user: &UserKey) -> Result<bool, StoreError> {
    let mut after = 0;
    loop {
        let jobs = store.jobs(&user.tenant, after, JOBS_A_READ)?;
        if jobs.iter().any(|job| job.scope.user == *user && job.state != JobState::Dead) {
            return Ok(true);
        }
        match jobs.last() {
            Some(last) if jobs.len() == JOBS_A_READ => after = last.number,
            _ => return Ok(false),
        }
    }
}
