//! The conversations of a user.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use throughline::ports::SessionSummary;
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::QueryArgs;
use super::cursor::List;
use super::fields::{WhoQuery, page_items};
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Which sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListSessions {
    /// At most so many; 1 to 1,000, 100 if left out.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of sessions, in the order in which they began.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionsList {
    /// The sessions.
    sessions: Vec<SessionOut>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// One conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionOut {
    /// Its name.
    session: String,
    /// How many turns it has.
    turns: u64,
    /// The earliest time of a turn, RFC 3339.
    first: String,
    /// The latest time of a turn, RFC 3339.
    last: String,
}

impl From<&SessionSummary> for SessionOut {
    fn from(summary: &SessionSummary) -> Self {
        Self {
            session: summary.session.to_string(),
            turns: summary.turns,
            first: summary.first.to_string(),
            last: summary.last.to_string(),
        }
    }
}

/// The conversations of a user, in the order in which they began.
#[utoipa::path(
    get, path = "/sessions", tag = "turns", operation_id = "list_sessions", params(WhoQuery, ListSessions),
    responses(
        (status = 200, description = "A page of sessions.", body = SessionsList),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(who): QueryArgs<WhoQuery>,
    QueryArgs(page): QueryArgs<ListSessions>,
) -> Result<Json<SessionsList>, ApiError> {
    let scope = who.scope(principal.tenant)?;
    let limit = page_items(page.limit)?;
    let after = List::Sessions.after(page.cursor.as_deref())?;
    let after = u32::try_from(after).map_err(|_| {
        ApiError::of_field(ErrorCode::InvalidCursor, "cursor", "is not a cursor of this list")
    })?;
    state.recorder.settled(&scope).await;
    let sessions = state.engine.call(move |memory| memory.store().sessions(&scope, after, limit + 1)).await?;
    let next_cursor =
        (sessions.len() > limit).then(|| List::Sessions.cursor(sessions[limit - 1].number.into()));
    Ok(Json(SessionsList {
        sessions: sessions.iter().take(limit).map(SessionOut::from).collect(),
        next_cursor,
    }))
}
