//! Memories: what is true of a user, what was believed, why, and what an operator does about it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use throughline::memory::{MemoriesRequest, MemoryError, MemoryPatch, NewMemory, Order};
use throughline::model::{Generation, MemoryId, MemoryKind, MemoryRecord, TurnId};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::{JsonBody, PathId, QueryArgs};
use super::cursor::List;
use super::entries::EntryOut;
use super::fields::{WhoQuery, optional_time, page_items, time, who};
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Which memories.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListMemories {
    /// Only of this kind: `fact`, `preference`, `goal`, `decision`, `event`, `lesson`, `note` or `summary`.
    kind: Option<String>,
    /// Only in this state: `active`, `superseded`, `retracted`, `quarantined`, `expired` or `contested`.
    state: Option<String>,
    /// As they were believed at this time.
    as_of: Option<String>,
    /// At most so many; 1 to 1,000, 100 if left out.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of memories, in the order in which they were first recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemoriesList {
    /// The memories.
    memories: Vec<MemoryOut>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// A memory as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemoryOut {
    /// Names it for ever.
    #[schema(examples("mem_5f2b0d1c9a3e4b7f8c6d5e4f3a2b1c0d"))]
    id: String,
    /// What sort of thing it says.
    kind: &'static str,
    /// Whose property it speaks about, such as `user.home`; `profile.home_airport` is an own slot of the tenant's. Left out where
    /// that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<String>,
    /// What the slot is said to be; the text where there is no slot.
    value: String,
    /// It in a sentence.
    text: String,
    /// Whether it counts.
    state: &'static str,
    /// On whose word it rests: `operator`, `user`, `imported`, `tool` or `assistant`.
    authority: &'static str,
    /// 0 to 1.
    importance: f32,
    /// Whether it keeps its weight for ever.
    pinned: bool,
    /// Since when it is so, RFC 3339.
    valid_from: String,
    /// Until when it was or will be so; null if that is not known.
    valid_to: Option<String>,
    /// When it was first recorded.
    recorded_at: String,
    /// The memory that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<String>,
    /// What it rests on, in the order it was said.
    evidence: Vec<EvidenceOut>,
}

/// Where it was said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceOut {
    /// The turn.
    pub(super) turn_id: String,
    /// Its exact words.
    pub(super) quote: String,
}

impl MemoryOut {
    pub(super) fn new(memory: MemoryRecord, generation: Generation) -> Self {
        let turn_id = |seq| TurnId { generation, seq }.to_string();
        Self {
            id: memory.id.to_string(),
            kind: memory.kind.as_str(),
            slot: memory.slot.as_ref().map(ToString::to_string),
            value: memory.value,
            text: memory.text,
            state: memory.state.as_str(),
            authority: memory.authority.as_str(),
            importance: memory.importance,
            pinned: memory.pinned,
            valid_from: memory.valid_from.to_string(),
            valid_to: memory.valid_to.map(|time| time.to_string()),
            recorded_at: memory.recorded_at.to_string(),
            superseded_by: memory.superseded_by.map(|id| id.to_string()),
            evidence: memory
                .evidence
                .into_iter()
                .map(|evidence| EvidenceOut { turn_id: turn_id(evidence.turn), quote: evidence.quote })
                .collect(),
        }
    }
}

/// The memories of a user: all, or those of a kind or state, now or as they were believed at a time.
#[utoipa::path(
    get, path = "/memories", tag = "memories", operation_id = "list_memories", params(WhoQuery, ListMemories),
    responses(
        (status = 200, description = "A page of memories.", body = MemoriesList),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(who): QueryArgs<WhoQuery>,
    QueryArgs(list): QueryArgs<ListMemories>,
) -> Result<Json<MemoriesList>, ApiError> {
    let scope = who.scope(principal.tenant)?;
    let request = MemoriesRequest {
        kind: list.kind.as_deref().map(|kind| named("kind", kind)).transpose()?,
        state: list.state.as_deref().map(|state| named("state", state)).transpose()?,
        as_of: optional_time("as_of", list.as_of.map(Value::from).as_ref())?,
    };
    let limit = page_items(list.limit)?;
    let after = List::Memories.after(list.cursor.as_deref())?;
    state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let generation = memory.generation(&scope)?;
            let mut memories = memory.memories(&scope, &request)?;
            // No two memories have an entry in common, and the first one is what they are in the order of.
            let number = |memory: &MemoryRecord| memory.entries.first().copied().unwrap_or_default();
            memories.retain(|memory| number(memory) > after);
            let next_cursor =
                (memories.len() > limit).then(|| List::Memories.cursor(number(&memories[limit - 1])));
            memories.truncate(limit);
            let memories = memories.into_iter().map(|memory| MemoryOut::new(memory, generation)).collect();
            Ok(Json(MemoriesList { memories, next_cursor }))
        })
        .await
}

/// A memory to add.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AddMemory {
    /// The end user.
    user: String,
    /// An agent that keeps a memory of its own of the user.
    agent: Option<String>,
    /// A part of the product that keeps its own.
    app: Option<String>,
    /// One run of an agent that keeps its own.
    run: Option<String>,
    /// What sort of thing it says; `note` if left out.
    kind: Option<String>,
    /// Whose property it speaks about, such as `user.home`, or one of the tenant's own slots, such as `profile.home_airport`.
    slot: Option<String>,
    /// What the slot is said to be; the text if left out.
    value: Option<String>,
    /// It in a sentence.
    text: String,
    /// 0 to 1; 0.8 if left out.
    importance: Option<f32>,
    /// Since when it is so; now if left out.
    #[schema(value_type = Option<String>)]
    valid_from: Option<Value>,
    /// Until when.
    #[schema(value_type = Option<String>)]
    valid_to: Option<Value>,
}

/// Adds a memory on the operator's word, which no user's word ends.
#[utoipa::path(
    post, path = "/memories", tag = "memories", operation_id = "add_memory", request_body = AddMemory,
    responses(
        (status = 200, description = "The memory; one that said the same already keeps its id.", body = MemoryOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn add(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<AddMemory>,
) -> Result<Json<MemoryOut>, ApiError> {
    let scope = who!(body).scope(principal.tenant)?;
    let new = NewMemory {
        kind: body.kind.as_deref().map_or(Ok(MemoryKind::Note), |kind| named("kind", kind))?,
        slot: body.slot.as_deref().map(|slot| named("slot", slot)).transpose()?,
        value: body.value,
        text: body.text,
        importance: body.importance,
        valid_from: optional_time("valid_from", body.valid_from.as_ref())?,
        valid_to: optional_time("valid_to", body.valid_to.as_ref())?,
    };
    state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let added = memory.add_memory(&scope, new)?;
            Ok(Json(MemoryOut::new(added, memory.generation(&scope)?)))
        })
        .await
}

/// What changes about a memory.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PatchMemory {
    /// Another sentence.
    text: Option<String>,
    /// Another value.
    value: Option<String>,
    /// Another kind.
    kind: Option<String>,
    /// Another weight, 0 to 1.
    importance: Option<f32>,
    /// Another end; null for none any more.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    valid_to: Option<Value>,
}

/// A field that may be null, which says something else than leaving it out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Changes a memory on the operator's word. The answer is the memory that took its place; the one before stays as history.
#[utoipa::path(
    patch, path = "/memories/{id}", tag = "memories", operation_id = "edit_memory", request_body = PatchMemory,
    params(("id" = String, Path, description = "The memory.")),
    responses(
        (status = 200, description = "The memory as it is now.", body = MemoryOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
        (status = 404, description = "There is no such memory.", body = ErrorBody),
    )
)]
pub(crate) async fn edit(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
    JsonBody(body): JsonBody<PatchMemory>,
) -> Result<Json<MemoryOut>, ApiError> {
    let id = memory_id(&id)?;
    let what = (&body.text, &body.value, &body.kind, &body.importance, &body.valid_to);
    if matches!(what, (None, None, None, None, None)) {
        let what = "nothing to change: name text, value, kind, importance or valid_to";
        return Err(ApiError::new(ErrorCode::InvalidRequest, what));
    }
    let patch = MemoryPatch {
        text: body.text,
        value: body.value,
        kind: body.kind.as_deref().map(|kind| named("kind", kind)).transpose()?,
        importance: body.importance,
        valid_to: match &body.valid_to {
            None => None,
            Some(Value::Null) => Some(None),
            Some(given) => Some(Some(time("valid_to", given)?)),
        },
    };
    let edited = state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let Some(edited) = memory.edit_memory(&principal.tenant, id, &patch)? else { return Ok(None) };
            let generation = memory.generation_of(&principal.tenant, id)?;
            Ok(Some(Json(MemoryOut::new(edited, generation))))
        })
        .await?;
    edited.ok_or_else(|| not_found(id))
}

/// Why a memory is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhyOut {
    /// The memory, with the quotes it rests on.
    memory: MemoryOut,
    /// The end user.
    user: String,
    /// The entries of the ledger that made it what it is, in order.
    entries: Vec<EntryOut>,
    /// The states it went through.
    states: Vec<StateOut>,
}

/// A state and since when it was believed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateOut {
    /// The state.
    state: &'static str,
    /// Since when, RFC 3339.
    since: String,
}

/// Why a memory is what it is: quotes, turns, and the history of its states.
#[utoipa::path(
    get, path = "/memories/{id}/why", tag = "memories", operation_id = "explain_memory",
    params(("id" = String, Path, description = "The memory.")),
    responses(
        (status = 200, description = "What it rests on.", body = WhyOut),
        (status = 404, description = "There is no such memory.", body = ErrorBody),
    )
)]
pub(crate) async fn why(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
) -> Result<Json<WhyOut>, ApiError> {
    let id = memory_id(&id)?;
    let why = state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let Some(why) = memory.why(&principal.tenant, id)? else { return Ok(None) };
            let generation = memory.generation(&why.scope)?;
            Ok(Some(Json(WhyOut {
                memory: MemoryOut::new(why.memory, generation),
                user: why.scope.user.user.to_string(),
                entries: why.entries.into_iter().map(|entry| EntryOut::new(entry, generation)).collect(),
                states: why
                    .states
                    .into_iter()
                    .map(|(since, state)| StateOut { state: state.as_str(), since: since.to_string() })
                    .collect(),
            })))
        })
        .await?;
    why.ok_or_else(|| not_found(id))
}

/// What forgetting took away.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForgottenOut {
    /// Claims of the ledger.
    claims: u64,
    /// Turns whose words changed.
    turns: u64,
    /// Passages of the search index that were replaced.
    passages: u64,
    /// Versions of the profile.
    profiles: u64,
    /// Receipts.
    receipts: u64,
}

/// Takes a memory's value out of everything that is kept of the user, files included, and refuses it from then on. Cannot be
/// undone.
#[utoipa::path(
    post, path = "/memories/{id}/forget", tag = "memories", operation_id = "forget_memory",
    params(("id" = String, Path, description = "The memory.")),
    responses(
        (status = 200, description = "Counts of what went.", body = ForgottenOut),
        (status = 400, description = "Its value has no word by which it could be known again.", body = ErrorBody),
        (status = 404, description = "There is no such memory.", body = ErrorBody),
    )
)]
pub(crate) async fn forget(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
) -> Result<Json<ForgottenOut>, ApiError> {
    let id = memory_id(&id)?;
    // What was said before must not be written after.
    state.recorder.flushed().await;
    let report = state
        .engine
        .call(move |memory| memory.forget_memory(&principal.tenant, id))
        .await?
        .ok_or_else(|| not_found(id))?;
    Ok(Json(ForgottenOut {
        claims: report.claims,
        turns: report.turns,
        passages: report.passages,
        profiles: report.profiles,
        receipts: report.receipts,
    }))
}

macro_rules! order {
    ($name:ident, $path:literal, $operation:literal, $order:expr, $doc:literal) => {
        #[doc = $doc]
        #[utoipa::path(
                            post, path = $path, tag = "memories", operation_id = $operation,
                            params(("id" = String, Path, description = "The memory.")),
                            responses(
                                (status = 200, description = "The memory as it is now.", body = MemoryOut),
                                (status = 404, description = "There is no such memory.", body = ErrorBody),
                            )
                        )]
        pub(crate) async fn $name(
            State(state): State<AppState>,
            principal: Principal,
            PathId(id): PathId,
        ) -> Result<Json<MemoryOut>, ApiError> {
            ordered(state, principal, &id, $order).await
        }
    };
}

order!(
    retract,
    "/memories/{id}/retract",
    "retract_memory",
    Order::Retract,
    "Takes a memory back. It can be restored."
);
order!(
    restore,
    "/memories/{id}/restore",
    "restore_memory",
    Order::Restore,
    "Brings a memory back that was retracted."
);
order!(pin, "/memories/{id}/pin", "pin_memory", Order::Pin, "Keeps a memory's weight as it is, for ever.");
order!(unpin, "/memories/{id}/unpin", "unpin_memory", Order::Unpin, "Lets a pinned memory fade again.");
order!(
    undo,
    "/memories/{id}/undo",
    "undo_memory",
    Order::Undo,
    "Takes back the newest change that made a memory what it is."
);

async fn ordered(
    state: AppState,
    principal: Principal,
    id: &str,
    order: Order,
) -> Result<Json<MemoryOut>, ApiError> {
    let id = memory_id(id)?;
    let ordered = state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let Some(ordered) = memory.order(&principal.tenant, id, order)? else { return Ok(None) };
            let generation = memory.generation_of(&principal.tenant, id)?;
            Ok(Some(Json(MemoryOut::new(ordered, generation))))
        })
        .await?;
    ordered.ok_or_else(|| not_found(id))
}

fn memory_id(id: &str) -> Result<MemoryId, ApiError> {
    id.parse().map_err(|error| ApiError::of_field(ErrorCode::InvalidRequest, "id", error))
}

fn not_found(id: MemoryId) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("there is no memory {id}"))
}

/// A kind, a state or a slot by its name.
fn named<T: std::str::FromStr<Err = String>>(param: &str, name: &str) -> Result<T, ApiError> {
    name.parse().map_err(|error| ApiError::of_field(ErrorCode::InvalidRequest, param, error))
}
