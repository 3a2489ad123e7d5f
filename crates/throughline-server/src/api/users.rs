//! Taking a user away, and letting what was forgotten of one be learned again.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use throughline::model::UserKey;
use utoipa::ToSchema;

use super::ErrorBody;
use super::body::{JsonBody, PathId};
use super::fields::{WhoQuery, user_id, who};
use crate::auth::Principal;
use crate::error::ApiError;
use crate::state::AppState;

/// What was taken away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasedOut {
    /// Memories of the user: one, and one for each agent, app or run that kept its own.
    scopes: u64,
    /// Conversations.
    sessions: u64,
    /// Turns of the journal.
    turns: u64,
    /// Passages of the search index.
    passages: u64,
    /// Versions of the profile.
    profiles: u64,
    /// Receipts.
    receipts: u64,
    /// What was learned of the user.
    claims: u64,
    /// Learning jobs.
    jobs: u64,
    /// Days and stages of what was spent on the user. The tenant's sums stay.
    usages: u64,
}

/// Takes away everything of a user, whatever agent, app or run it was kept for. When it answers, no file of the store
/// holds any of it.
#[utoipa::path(
    delete, path = "/users/{id}", tag = "users", operation_id = "erase_user",
    params(("id" = String, Path, description = "The end user.")),
    responses(
        (status = 200, description = "Counts of what went; zeros if there was nothing.", body = ErasedOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn erase(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
) -> Result<Json<ErasedOut>, ApiError> {
    let user = UserKey { tenant: principal.tenant, user: user_id(&id)? };
    // What was said before must not be written after.
    state.recorder.forget(&user).await?;
    let erased = state.engine.call(move |memory| memory.erase_user(&user)).await?;
    Ok(Json(ErasedOut {
        scopes: erased.scopes,
        sessions: erased.sessions,
        turns: erased.turns,
        passages: erased.passages,
        profiles: erased.profiles,
        receipts: erased.receipts,
        claims: erased.claims,
        jobs: erased.jobs,
        usages: erased.usages,
    }))
}

/// What may be said again.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Lift {
    /// An agent that keeps a memory of its own of the user.
    agent: Option<String>,
    /// A part of the product that keeps its own.
    app: Option<String>,
    /// One run of an agent that keeps its own.
    run: Option<String>,
    /// The value that was forgotten, or a sentence with it: only hashes of it were kept.
    text: String,
}

/// What was lifted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lifted {
    /// Forgotten values that are refused no longer; 0 if nothing of the text was forgotten.
    lifted: u64,
}

/// Lets what was forgotten for good be said, learned and added again. What was taken out stays out.
#[utoipa::path(
    post, path = "/users/{id}/lift", tag = "users", operation_id = "lift_forgotten", request_body = Lift,
    params(("id" = String, Path, description = "The end user.")),
    responses(
        (status = 200, description = "How much of the text was refused until now.", body = Lifted),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn lift(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
    JsonBody(body): JsonBody<Lift>,
) -> Result<Json<Lifted>, ApiError> {
    let who = WhoQuery { user: id, agent: body.agent, app: body.app, run: body.run };
    let scope = who!(who).scope(principal.tenant)?;
    let lifted = state.engine.call(move |memory| memory.lift_forgotten(&scope, &body.text)).await?;
    Ok(Json(Lifted { lifted }))
}
