//! Taking a user away.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use throughline::model::UserKey;
use utoipa::ToSchema;

use super::ErrorBody;
use super::body::PathId;
use super::fields::user_id;
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
    state.recorder.flushed().await;
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
