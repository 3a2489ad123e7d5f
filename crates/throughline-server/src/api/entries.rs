//! The ledger: what was learned and ordered, entry by entry.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use throughline::memory::MemoryError;
use throughline::model::{Act, Entry, Generation, Timestamp, TurnId};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::{JsonBody, PathId, QueryArgs};
use super::cursor::List;
use super::fields::{WhoQuery, optional_time, page_items, time, who};
use super::memories::{EvidenceOut, MemoryOut};
use crate::auth::Principal;
use crate::error::ApiError;
use crate::state::AppState;

/// One entry of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryOut {
    /// Its number, from 1.
    number: u64,
    /// When it was recorded, RFC 3339.
    recorded: String,
    /// `learning`, `operator` or `import`.
    by: &'static str,
    /// `claimed`, `denied`, `retracted`, `restored`, `pinned`, `unpinned`, `undone`, `rewound` or `forgotten`.
    act: &'static str,
    /// The memory it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<String>,
    /// What was claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceOut>,
    /// The entry that counts no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<u64>,
    /// The moment it went back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl EntryOut {
    pub(super) fn new(entry: Entry, generation: Generation) -> Self {
        let mut out = Self {
            number: entry.number,
            recorded: entry.recorded.to_string(),
            by: entry.by.as_str(),
            act: entry.act.as_str(),
            memory: None,
            text: None,
            evidence: None,
            undone: None,
            to: None,
        };
        match entry.act {
            Act::Claimed(claim) => {
                out.memory = Some(claim.id.to_string());
                out.text = Some(claim.text);
                out.evidence = claim.evidence.map(|evidence| EvidenceOut {
                    turn_id: TurnId { generation, seq: evidence.turn }.to_string(),
                    quote: evidence.quote,
                });
            }
            Act::Retracted(id) | Act::Restored(id) | Act::Pinned(id) | Act::Unpinned(id) => {
                out.memory = Some(id.to_string());
            }
            Act::Undone(number) => out.undone = Some(number),
            Act::Rewound(to) => out.to = Some(to.to_string()),
            Act::Forgotten => {}
        }
        out
    }
}

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListChanges {
    /// Only what was recorded after this time; all if left out.
    since: Option<String>,
    /// At most so many; 1 to 1,000, 100 if left out.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of what changed, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesOut {
    /// The entries.
    changes: Vec<EntryOut>,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// What was learned about a user, and what operators did about it, since a time.
#[utoipa::path(
    get, path = "/changes", tag = "memories", operation_id = "list_changes", params(WhoQuery, ListChanges),
    responses(
        (status = 200, description = "The entries of the ledger.", body = ChangesOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn changes(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(who): QueryArgs<WhoQuery>,
    QueryArgs(query): QueryArgs<ListChanges>,
) -> Result<Json<ChangesOut>, ApiError> {
    let scope = who.scope(principal.tenant)?;
    let since = optional_time("since", query.since.map(Value::from).as_ref())?.unwrap_or(Timestamp::MIN);
    let limit = page_items(query.limit)?;
    let after = List::Changes.after(query.cursor.as_deref())?;
    state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let generation = memory.generation(&scope)?;
            let mut changes = memory.changes(&scope, since)?;
            changes.retain(|entry| entry.number > after);
            let next_cursor =
                (changes.len() > limit).then(|| List::Changes.cursor(changes[limit - 1].number));
            changes.truncate(limit);
            let changes = changes.into_iter().map(|entry| EntryOut::new(entry, generation)).collect();
            Ok(Json(ChangesOut { changes, next_cursor }))
        })
        .await
}

/// Back to when.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Rewind {
    /// An agent that keeps a memory of its own of the user.
    agent: Option<String>,
    /// A part of the product that keeps its own.
    app: Option<String>,
    /// One run of an agent that keeps its own.
    run: Option<String>,
    /// The moment: RFC 3339, or seconds or milliseconds since 1970.
    #[schema(value_type = String)]
    to: Value,
}

/// The memories after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rewound {
    /// All of them, in every state.
    memories: Vec<MemoryOut>,
}

/// Takes a user's memories back to what they were at a moment. Turns stay; the rewind itself can be undone.
#[utoipa::path(
    post, path = "/users/{id}/rewind", tag = "memories", operation_id = "rewind_user", request_body = Rewind,
    params(("id" = String, Path, description = "The end user.")),
    responses(
        (status = 200, description = "The memories as they are now.", body = Rewound),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn rewind(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
    JsonBody(body): JsonBody<Rewind>,
) -> Result<Json<Rewound>, ApiError> {
    let who = WhoQuery { user: id, agent: body.agent, app: body.app, run: body.run };
    let scope = who!(who).scope(principal.tenant)?;
    let to = time("to", &body.to)?;
    state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let memories = memory.rewind(&scope, to)?;
            let generation = memory.generation(&scope)?;
            Ok(Json(Rewound {
                memories: memories.into_iter().map(|memory| MemoryOut::new(memory, generation)).collect(),
            }))
        })
        .await
}
