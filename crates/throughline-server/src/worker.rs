//! The worker that learns in the background: one job after the other, as long as the server runs.

use std::time::Duration;

use throughline::memory::Outcome;

use crate::metrics;
use crate::state::AppState;

/// How often to look for a job when there was none.
const JOBS_LOOKED_FOR_EVERY: Duration = Duration::from_secs(1);

/// How long to wait after the store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Learns until it is dropped. Wherever that is, the job it was at is taken up again.
pub(crate) async fn learn(state: AppState) {
    loop {
        let learner = state.learner.clone();
        let pause = match state.engine.call(move |memory| learner.step(memory, None)).await {
            Ok(Some(done)) => {
                metrics::learned(&done);
                if let Outcome::Failed { reason, due } = &done.outcome {
                    tracing::warn!(job = done.job.number, %due, reason, "learning is tried again later");
                }
                continue;
            }
            Ok(None) => match state.learner.rests_for() {
                None => JOBS_LOOKED_FOR_EVERY,
                Some(rest) => {
                    tracing::warn!(
                        ?rest,
                        "the learning model failed repeatedly: all it could learn from waits"
                    );
                    rest.max(JOBS_LOOKED_FOR_EVERY)
                }
            },
            Err(error) => {
                tracing::warn!(error = error.message, "learning rests for a while");
                PAUSE_AFTER_FAILURE
            }
        };
        tokio::time::sleep(pause).await;
    }
}
