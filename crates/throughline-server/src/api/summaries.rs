//! Summaries: what conversations, months, years and a user come to, each sentence with what it rests on.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use throughline::memory::{MemoryError, SummariesRequest};
use throughline::model::{Generation, Summary, SummaryLevel, SummaryOf, SummarySentence, TurnId};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::QueryArgs;
use super::fields::{WhoQuery, page_items, time_zone};
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Which summaries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListSummaries {
    /// Of what: `session`, `month`, `year` or `user`; `session` if left out.
    level: Option<String>,
    /// At most so many, the newest first; 1 to 1,000, 100 if left out.
    limit: Option<usize>,
    /// Where months begin and end: an IANA name such as `Europe/Vienna`, or an offset such as `+05:30`. The server's default
    /// if left out.
    time_zone: Option<String>,
}

/// Summaries, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummariesList {
    /// The summaries.
    summaries: Vec<SummaryOut>,
}

/// A summary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryOut {
    /// Of what: `session`, `month`, `year` or `user`.
    level: &'static str,
    /// The conversation, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// When that began, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<String>,
    /// The month as `2025-03` or the year as `2025`, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// Its sentences, the most telling first.
    sentences: Vec<SentenceOut>,
}

/// A sentence and what it rests on, at least one thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SentenceOut {
    /// The sentence; what is in quotation marks was said.
    text: String,
    /// The memories it rests on.
    memories: Vec<String>,
    /// The turns it rests on.
    turns: Vec<String>,
}

impl SummaryOut {
    fn new(summary: Summary, generation: Generation) -> Self {
        let level = summary.of.level().as_str();
        let period = summary.of.period();
        let (session, began) = match summary.of {
            SummaryOf::Session { session, began } => (Some(session.to_string()), Some(began.to_string())),
            _ => (None, None),
        };
        let sentence = |sentence: SummarySentence| SentenceOut {
            memories: sentence.memories().map(|id| id.to_string()).collect(),
            turns: sentence.turns().map(|seq| TurnId { generation, seq }.to_string()).collect(),
            text: sentence.text,
        };
        let sentences = summary.sentences.into_iter().map(sentence).collect();
        Self { level, session, began, period, sentences }
    }
}

/// What a user's conversations, months or years come to, or the user: made on demand from the memories that hold and the
/// turns, so that what was superseded or forgotten is in none of them.
#[utoipa::path(
    get, path = "/summaries", tag = "memories", operation_id = "list_summaries", params(WhoQuery, ListSummaries),
    responses(
        (status = 200, description = "Summaries, the newest first.", body = SummariesList),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    QueryArgs(who): QueryArgs<WhoQuery>,
    QueryArgs(list): QueryArgs<ListSummaries>,
) -> Result<Json<SummariesList>, ApiError> {
    let scope = who.scope(principal.tenant)?;
    let invalid = |what| ApiError::of_field(ErrorCode::InvalidRequest, "level", what);
    let level = list.level.as_deref().map_or(Ok(SummaryLevel::Session), str::parse).map_err(invalid)?;
    let limit = page_items(list.limit)?;
    let zone = time_zone("time_zone", list.time_zone.as_deref())?;
    state.recorder.settled(&scope).await;
    state
        .engine
        .call(move |memory| -> Result<_, MemoryError> {
            let summaries = memory.summaries(&scope, &SummariesRequest { level, limit, zone })?.into_iter();
            let generation = memory.generation(&scope)?;
            let summaries = summaries.map(|summary| SummaryOut::new(summary, generation)).collect();
            Ok(Json(SummariesList { summaries }))
        })
        .await
}
