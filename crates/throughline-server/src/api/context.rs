//! What memory adds to a request, for clients that talk to their model themselves.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use throughline::memory::{ContextRequest, MemoryError};
use utoipa::ToSchema;

use super::ErrorBody;
use super::body::JsonBody;
use super::fields::{session_id, time_zone, who};
use super::recall::check_query;
use super::receipts::ReceiptOut;
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::messages::{insert_context, parse};
use crate::metrics;
use crate::state::AppState;

/// A request that is about to go to a model.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ContextBody {
    /// The end user.
    user: String,
    /// The conversation; found from the messages if left out.
    session: Option<String>,
    /// An agent that keeps a memory of its own of the user.
    agent: Option<String>,
    /// A part of the product that keeps its own.
    app: Option<String>,
    /// One run of an agent that keeps its own.
    run: Option<String>,
    /// The messages of an OpenAI chat request. Left out, `query` is the only one.
    #[schema(value_type = Option<Vec<Object>>)]
    messages: Option<Box<RawValue>>,
    /// What to search for; the last user message if left out.
    query: Option<String>,
    /// The most tokens of the whole context.
    budget_tokens: Option<u32>,
    /// Where days begin and end for whoever asks: an IANA name such as `Europe/Vienna`, or an offset such as `+05:30`. The
    /// server's default if left out.
    time_zone: Option<String>,
}

/// The request with memory in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContextOut {
    /// The messages to send: identity and profile before them, what was recalled at the end of the last user message,
    /// all else as it was given.
    #[schema(value_type = Vec<Object>)]
    messages: Box<RawValue>,
    /// The record of it.
    receipt: ReceiptOut,
}

/// Puts identity, profile and what helps with the question into the messages of a request. Nothing is recorded but the
/// receipt; write the turns with `POST /turns` when the answer is there.
#[utoipa::path(
    post, path = "/context", tag = "context", operation_id = "build_context", request_body = ContextBody,
    responses(
        (status = 200, description = "The messages to send, and the receipt.", body = ContextOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn build(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<ContextBody>,
) -> Result<Json<ContextOut>, ApiError> {
    let scope = who!(body).scope(principal.tenant)?;
    let session = body.session.as_deref().map(|session| session_id("session", session)).transpose()?;
    let zone = time_zone("time_zone", body.time_zone.as_deref())?;
    if let Some(query) = &body.query {
        check_query(query)?;
    }
    let messages = match (body.messages, &body.query) {
        (Some(messages), _) => messages,
        (None, Some(query)) => {
            to_raw_value(&json!([{ "role": "user", "content": query }])).unwrap_or_default()
        }
        (None, None) => {
            let what = "is missing, and so is query; send one of them";
            return Err(ApiError::of_field(ErrorCode::InvalidRequest, "messages", what));
        }
    };
    let messages = parse(state.engine.memory(), scope.tenant(), &messages)?;
    let request = ContextRequest {
        session,
        messages: messages.iter().filter_map(|message| message.said.clone()).collect(),
        query: body.query,
        budget_tokens: body.budget_tokens,
        zone,
        embed_deadline: Duration::from_millis(state.config.query_embed_ms_max),
    };
    state.recorder.settled(&scope).await;
    let (context, receipt) = state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let context = memory.context(&scope, &request)?;
            memory.keep_receipt(&scope, context.receipt.clone())?;
            let receipt = ReceiptOut::read(memory, &scope, &context.receipt)?;
            Ok((context, receipt))
        })
        .await?;
    metrics::stages(&context.receipt.timings);
    metrics::recalled(context.receipt.items.iter().filter(|item| item.dropped.is_none()).count());
    if let Some(reason) = &context.receipt.degraded {
        metrics::degraded(reason);
    }
    let messages = insert_context(&messages, context.prefix.as_deref(), context.block.as_deref());
    Ok(Json(ContextOut { messages, receipt }))
}
