//! The journal: writing turns and listing them.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use throughline::memory::{Observation, Observed, TURNS_A_WRITE_MAX, TurnToObserve};
use throughline::model::{Content, NAME_BYTES_MAX, Role, Turn};
use throughline::ports::TurnsPage;
use throughline_llm::RawArray;
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::{JsonBody, QueryArgs};
use super::cursor::List;
use super::fields::{WhoQuery, content_json, optional_time, page_items, raw_json, session_id, who};
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::messages::{content_of, read_pieces};
use crate::metrics;
use crate::state::AppState;

/// The most metadata of one turn, in bytes.
const METADATA_BYTES_MAX: usize = 64 * 1024;

/// Turns to append to a session, in order.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AddTurns {
    /// The end user.
    user: String,
    /// The conversation; made if it is new.
    session: String,
    /// An agent that keeps a memory of its own of the user.
    agent: Option<String>,
    /// A part of the product that keeps its own.
    app: Option<String>,
    /// One run of an agent that keeps its own.
    run: Option<String>,
    /// At most 1,000.
    turns: Vec<TurnIn>,
    /// Makes a repeated call harmless: the second one answers what the first did. Unique per user.
    idempotency_key: Option<String>,
}

/// One message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TurnIn {
    /// `user`, `assistant`, `tool` or `system`.
    role: String,
    /// The speaker's name.
    name: Option<String>,
    /// A text, or an array of content parts as in the OpenAI chat format.
    #[schema(value_type = Value, examples("I moved to Lisbon in March."))]
    content: Box<RawValue>,
    /// When it was said: RFC 3339, or seconds or milliseconds since 1970. Now if left out.
    time: Option<Value>,
    /// A JSON object of your own; it is returned untouched. A field `time_zone` of it, an IANA name or an offset from UTC, says
    /// where it was said: "tomorrow" is learned as a day there.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnsAdded {
    /// In the order given. A turn that was there before has the id it has had.
    turns: Vec<TurnAdded>,
    /// The conversation.
    session: String,
}

/// A turn's names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnAdded {
    /// Names it for ever.
    #[schema(examples("turn_0a1b2c3d4e5f6_17"))]
    id: String,
    /// Counts the turns of the user from 1.
    seq: u64,
}

/// Appends turns to a session. When it answers, they are durable and the next recall finds them.
#[utoipa::path(
    post, path = "/turns", tag = "turns", operation_id = "add_turns", request_body = AddTurns,
    responses(
        (status = 200, description = "Durable and recallable.", body = TurnsAdded),
        (status = 400, description = "Not acceptable; nothing was written.", body = ErrorBody),
        (status = 409, description = "The idempotency key came before with another body.", body = ErrorBody),
        (status = 413, description = "The body is too large.", body = ErrorBody),
    )
)]
pub(crate) async fn add(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<AddTurns>,
) -> Result<Json<TurnsAdded>, ApiError> {
    let arrived = Instant::now();
    let scope = who!(body).scope(principal.tenant)?;
    let session = session_id("session", &body.session)?;
    if body.turns.len() > TURNS_A_WRITE_MAX {
        let what = format!("{} turns in one call; at most {TURNS_A_WRITE_MAX} are taken", body.turns.len());
        return Err(ApiError::of_field(ErrorCode::TooManyTurns, "turns", what));
    }
    if body.turns.is_empty() {
        return Err(ApiError::of_field(ErrorCode::EmptyContent, "turns", "is empty"));
    }
    if let Some(key) = &body.idempotency_key {
        check_name("idempotency_key", key)?;
    }
    let turns =
        body.turns.into_iter().enumerate().map(|(at, turn)| turn.read(at)).collect::<Result<Vec<_>, _>>()?;
    let observation = Observation { session, turns, idempotency_key: body.idempotency_key };
    let Observed { turns } = state.engine.call(move |memory| memory.observe(&scope, observation)).await?;
    metrics::written(turns.len(), arrived.elapsed());
    let turns = turns.iter().map(|id| TurnAdded { id: id.to_string(), seq: id.seq }).collect();
    Ok(Json(TurnsAdded { turns, session: body.session }))
}

impl TurnIn {
    fn read(self, at: usize) -> Result<TurnToObserve, ApiError> {
        let path = |field: &str| format!("turns[{at}].{field}");
        let invalid =
            |field: &str, what: String| ApiError::of_field(ErrorCode::InvalidRequest, path(field), what);
        let role: Role = self.role.parse().map_err(|error| invalid("role", error))?;
        let name = self.name.filter(|name| !name.is_empty());
        if let Some(name) = &name {
            check_name(&path("name"), name)?;
        }
        let metadata = self.metadata.map(|metadata| metadata.get().to_owned()).filter(|json| json != "null");
        if let Some(json) = &metadata {
            if !json.starts_with('{') {
                return Err(invalid("metadata", "expected an object".into()));
            }
            if json.len() > METADATA_BYTES_MAX {
                let what = format!("{} bytes; at most {METADATA_BYTES_MAX} are kept", json.len());
                return Err(invalid("metadata", what));
            }
        }
        let time = optional_time(&path("time"), self.time.as_ref())?;
        Ok(TurnToObserve {
            role,
            name,
            content: read_content(&path("content"), &self.content)?,
            time,
            metadata,
        })
    }
}

/// A text as its words; parts as their words with marks for what is none, and as the JSON they are.
fn read_content(path: &str, content: &RawValue) -> Result<Content, ApiError> {
    let json = content.get();
    if json.starts_with('[') {
        let parts = RawArray::parse(json.as_bytes()).unwrap_or_default();
        if let Some(at) = parts.items.iter().position(|part| !part.get().starts_with('{')) {
            let path = format!("{path}[{at}]");
            return Err(ApiError::of_field(
                ErrorCode::InvalidRequest,
                path,
                "expected a content part, an object",
            ));
        }
    } else if !json.starts_with('"') && json != "null" {
        let what = "expected a text or an array of content parts";
        return Err(ApiError::of_field(ErrorCode::InvalidRequest, path, what));
    }
    let empty = || ApiError::of_field(ErrorCode::EmptyContent, path, "says nothing");
    let Content { text, .. } = content_of(&read_pieces(content)).ok_or_else(empty)?;
    Ok(Content { text, json: json.starts_with('[').then(|| json.to_owned()) })
}

fn check_name(path: &str, name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        let what = format!("has {} bytes; between 1 and {NAME_BYTES_MAX} are allowed", name.len());
        return Err(ApiError::of_field(ErrorCode::InvalidRequest, path, what));
    }
    Ok(())
}

/// Which turns.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTurns {
    /// Only this conversation's.
    session: Option<String>,
    /// At most so many; 1 to 1,000, 100 if left out.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of turns, in the order in which they were written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnsList {
    /// The turns.
    turns: Vec<TurnOut>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// One turn of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnOut {
    /// Names it for ever.
    id: String,
    /// Counts the turns of the user from 1.
    seq: u64,
    /// The turn it follows; null at the beginning of a conversation. Two turns with one parent are branches.
    parent_seq: Option<u64>,
    /// The conversation.
    session: String,
    /// `user`, `assistant`, `tool` or `system`.
    role: &'static str,
    /// The speaker's name.
    name: Option<String>,
    /// As it was given: a text, or content parts.
    #[schema(value_type = Value)]
    content: Option<Box<RawValue>>,
    /// When it was said, RFC 3339.
    time: String,
    /// When it was written, RFC 3339.
    recorded: String,
    /// As it was given.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
}

impl From<&Turn> for TurnOut {
    fn from(turn: &Turn) -> Self {
        Self {
            id: turn.id.to_string(),
            seq: turn.id.seq,
            parent_seq: turn.parent,
            session: turn.session.to_string(),
            role: turn.role.as_str(),
            name: turn.name.clone(),
            content: content_json(turn),
            time: turn.time.to_string(),
            recorded: turn.recorded.to_string(),
            metadata: turn.metadata.as_deref().and_then(raw_json),
        }
    }
}

/// The turns of a user, or of one session, in the order in which they were written.
#[utoipa::path(
    get, path = "/turns", tag = "turns", operation_id = "list_turns", params(WhoQuery, ListTurns),
    responses(
        (status = 200, description = "A page of turns.", body = TurnsList),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(who): QueryArgs<WhoQuery>,
    QueryArgs(page): QueryArgs<ListTurns>,
) -> Result<Json<TurnsList>, ApiError> {
    let scope = who.scope(principal.tenant)?;
    let session = page.session.as_deref().map(|session| session_id("session", session)).transpose()?;
    let limit = page_items(page.limit)?;
    let after = List::Turns.after(page.cursor.as_deref())?;
    // One more than asked for tells whether there is a next page.
    let page = TurnsPage { session, after, limit: limit + 1 };
    state.recorder.settled(&scope).await;
    let turns = state.engine.call(move |memory| memory.store().turns_page(&scope, &page)).await?;
    let next_cursor = (turns.len() > limit).then(|| List::Turns.cursor(turns[limit - 1].id.seq));
    Ok(Json(TurnsList { turns: turns.iter().take(limit).map(TurnOut::from).collect(), next_cursor }))
}
