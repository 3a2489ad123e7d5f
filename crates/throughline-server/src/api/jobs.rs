//! The learning jobs of a tenant: what waits, what went wrong, and trying that again.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use throughline::ports::{Job, JobNumber, JobState};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::{PathId, QueryArgs};
use super::cursor::List;
use super::fields::page_items;
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListJobs {
    /// At most so many; 1 to 1,000, 100 if left out.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of jobs, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobsList {
    /// The jobs.
    jobs: Vec<JobOut>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// Turns of a session that are to be learned from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobOut {
    /// Its name.
    #[schema(examples("job_17"))]
    id: String,
    /// The end user.
    user: String,
    /// The conversation.
    session: String,
    /// The number of the first turn.
    first_seq: u64,
    /// The number of the last turn.
    last_seq: u64,
    /// `waiting`, `running`, `retrying`, or `dead`: learned from by the local extractor alone, and to be replayed.
    state: &'static str,
    /// How often it was tried in vain.
    attempts: u32,
    /// Not before, RFC 3339.
    due: String,
    /// When its first turn was written.
    created: String,
    /// What went wrong last.
    failure: Option<String>,
}

impl From<Job> for JobOut {
    fn from(job: Job) -> Self {
        Self {
            id: format!("job_{}", job.number),
            user: job.scope.user.user.to_string(),
            session: job.session.to_string(),
            first_seq: job.turns.0,
            last_seq: job.turns.1,
            state: match job.state {
                JobState::Waiting => "waiting",
                JobState::Running => "running",
                JobState::Retrying => "retrying",
                JobState::Dead => "dead",
            },
            attempts: job.attempts,
            due: job.due.to_string(),
            created: job.created.to_string(),
            failure: job.failure,
        }
    }
}

/// The learning jobs of the tenant: those that wait, run or are tried again, and those that can be replayed.
#[utoipa::path(
    get, path = "/jobs", tag = "memories", operation_id = "list_jobs", params(ListJobs),
    responses(
        (status = 200, description = "A page of jobs.", body = JobsList),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(page): QueryArgs<ListJobs>,
) -> Result<Json<JobsList>, ApiError> {
    let limit = page_items(page.limit)?;
    let after = List::Jobs.after(page.cursor.as_deref())?;
    let mut jobs =
        state.engine.call(move |memory| memory.store().jobs(&principal.tenant, after, limit + 1)).await?;
    let next_cursor = (jobs.len() > limit).then(|| List::Jobs.cursor(jobs[limit - 1].number));
    jobs.truncate(limit);
    Ok(Json(JobsList { jobs: jobs.into_iter().map(JobOut::from).collect(), next_cursor }))
}

/// Makes a dead job wait again.
#[utoipa::path(
    post, path = "/jobs/{id}/replay", tag = "memories", operation_id = "replay_job",
    params(("id" = String, Path, description = "The job.")),
    responses(
        (status = 200, description = "It waits again.", body = Replayed),
        (status = 404, description = "There is no dead job of this name.", body = ErrorBody),
    )
)]
pub(crate) async fn replay(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
) -> Result<Json<Replayed>, ApiError> {
    let number: JobNumber =
        id.strip_prefix("job_").and_then(|number| number.parse().ok()).ok_or_else(|| {
            let what = format!("`{id}` is not a job; jobs look like job_17");
            ApiError::of_field(ErrorCode::InvalidRequest, "id", what)
        })?;
    let replayed = state
        .engine
        .call(move |memory| memory.store().replay_job(&principal.tenant, number, memory.now()))
        .await?;
    if !replayed {
        return Err(ApiError::new(ErrorCode::NotFound, format!("there is no dead job {id}")));
    }
    Ok(Json(Replayed { id }))
}

/// A job that waits again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// Its name.
    id: String,
}
