//! Who the assistant is: a system prompt in versions that never change.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use throughline::model::{AgentId, Identity};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::{JsonBody, QueryArgs};
use super::fields::named;
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// The longest identity, in bytes.
const IDENTITY_BYTES_MAX: usize = 256 * 1024;

/// A new version of the identity.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PutIdentity {
    /// The system prompt.
    text: String,
    /// The agent it is of; without one, it is for all agents that have none of their own.
    agent: Option<String>,
}

/// Which identity.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowIdentity {
    /// The agent it is of; without one, the tenant's.
    agent: Option<String>,
    /// The version; the newest if left out.
    version: Option<u32>,
}

/// One version of the identity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IdentityOut {
    /// Counts from 1.
    version: u32,
    /// Hex of BLAKE3 over the text; it stands in each receipt.
    hash: String,
    /// The system prompt.
    text: String,
    /// The agent it is of.
    agent: Option<String>,
    /// When it was put in place, RFC 3339.
    created: String,
}

impl IdentityOut {
    fn new(identity: Identity, agent: Option<AgentId>) -> Self {
        Self {
            version: identity.version,
            hash: identity.hash(),
            text: identity.text,
            agent: agent.map(|agent| agent.to_string()),
            created: identity.created.to_string(),
        }
    }
}

/// Puts a new version of the identity in place; the same text as the newest one makes none.
#[utoipa::path(
    put, path = "/identity", tag = "identity", operation_id = "put_identity", request_body = PutIdentity,
    responses(
        (status = 200, description = "The version now in place.", body = IdentityOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn put(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<PutIdentity>,
) -> Result<Json<IdentityOut>, ApiError> {
    let agent = body.agent.map(AgentId::new).transpose().map_err(named("agent"))?;
    let text = body.text;
    if text.trim().is_empty() {
        return Err(ApiError::of_field(ErrorCode::EmptyContent, "text", "says nothing"));
    }
    if text.len() > IDENTITY_BYTES_MAX {
        let what = format!("has {} bytes; at most {IDENTITY_BYTES_MAX} are kept", text.len());
        return Err(ApiError::of_field(ErrorCode::InvalidRequest, "text", what));
    }
    let of = agent.clone();
    let identity = state
        .engine
        .call(move |memory| memory.store().put_identity(&principal.tenant, of.as_ref(), &text, memory.now()))
        .await?;
    Ok(Json(IdentityOut::new(identity, agent)))
}

/// The identity, or one of its versions.
#[utoipa::path(
    get, path = "/identity", tag = "identity", operation_id = "show_identity", params(ShowIdentity),
    responses(
        (status = 200, description = "The identity.", body = IdentityOut),
        (status = 404, description = "None was put in place, or not in this version.", body = ErrorBody),
    )
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(query): QueryArgs<ShowIdentity>,
) -> Result<Json<IdentityOut>, ApiError> {
    let agent = query.agent.map(AgentId::new).transpose().map_err(named("agent"))?;
    let of = agent.clone();
    let identity = state
        .engine
        .call(move |memory| memory.store().identity(&principal.tenant, of.as_ref(), query.version))
        .await?;
    let missing =
        || ApiError::new(ErrorCode::NotFound, "there is no such identity; put one in place with PUT");
    identity.map(|identity| Json(IdentityOut::new(identity, agent))).ok_or_else(missing)
}
