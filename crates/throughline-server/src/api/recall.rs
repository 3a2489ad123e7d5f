//! Finding what was said.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use throughline::model::{Role, SessionId};
use throughline::recall::{
    Filters, ItemMemory, Priors, RankingKind, RecallRequest, Recalled, RecalledItem, Scores,
};
use utoipa::ToSchema;

use super::ErrorBody;
use super::body::JsonBody;
use super::fields::{optional_time, raw_json, session_id, time, time_zone, who, within};
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::metrics;
use crate::state::AppState;

/// Items if the client does not say.
const ITEMS_DEFAULT: usize = 10;
/// The most items of one recall.
const ITEMS_MAX: usize = 1_000;
/// The longest query, in bytes.
const QUERY_BYTES_MAX: usize = 32 * 1024;

/// A question to memory.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RecallBody {
    /// The end user.
    user: String,
    /// What is searched for, in plain words.
    query: String,
    /// An agent that keeps a memory of its own of the user.
    agent: Option<String>,
    /// A part of the product that keeps its own.
    app: Option<String>,
    /// One run of an agent that keeps its own.
    run: Option<String>,
    /// The conversation the question is asked in. It does not narrow the search; `filters.session` does.
    session: Option<String>,
    /// When the question is asked, if it is not now: RFC 3339, or seconds or milliseconds since 1970. "Last week" counts
    /// from here. It does not narrow the search; `filters.until` does.
    time: Option<Value>,
    /// Where days begin and end for whoever asks: an IANA name such as `Europe/Vienna`, or an offset such as `+05:30`. The
    /// server's default if left out.
    time_zone: Option<String>,
    /// At most so many items; 1 to 1,000, 10 if left out.
    limit: Option<usize>,
    /// At most so many tokens of text in all. With it a long turn may give several items; without it each turn gives its best
    /// passage alone.
    budget_tokens: Option<usize>,
    /// Only turns that meet all of these.
    #[schema(value_type = Option<FiltersIn>)]
    filters: Option<Map<String, Value>>,
    /// Only items with at least this confidence, 0 to 1; 0 if left out.
    confidence_min: Option<f32>,
    /// How turns are ranked; `full` if left out.
    #[serde(default)]
    ranking: RankingIn,
    /// What the conversation's structure and memories may add to scores; all of it if left out.
    #[serde(default)]
    priors: PriorsIn,
    /// Adds `scores`: the score taken apart.
    #[serde(default)]
    explain: bool,
}

/// How turns are ranked.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RankingIn {
    /// Words, meaning and the conversation's structure.
    #[default]
    Full,
    /// The same without the model.
    Lexical,
    /// BM25 alone, for comparison.
    Bm25,
    /// The cosine alone, for comparison.
    Dense,
    /// Reciprocal rank fusion of BM25 and the cosine, for comparison.
    Rrf,
}

/// What the conversation's structure and memories may add to scores; `false` switches a part off.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "six switches that have nothing to do with each other")]
struct PriorsIn {
    /// What the turns around a turn hold counts for it.
    neighbours: bool,
    /// Turns of a session with other good turns.
    session: bool,
    /// Turns near a date that the question names.
    date: bool,
    /// Turns by a speaker that the question names.
    speaker: bool,
    /// The user's own turns in chats with an assistant.
    role: bool,
    /// Turns that memories which hold rest on; turns whose words are so no longer count less.
    memory: bool,
}

impl Default for PriorsIn {
    fn default() -> Self {
        let Priors { neighbours, session, date, speaker, role, memory } = Priors::default();
        Self { neighbours, session, date, speaker, role, memory }
    }
}

/// Conditions that a turn must all meet.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand, so that an unknown filter can be named")]
struct FiltersIn {
    /// Said by this role.
    role: Option<String>,
    /// Said by one of these roles.
    roles: Option<Vec<String>>,
    /// Said in this conversation.
    session: Option<String>,
    /// Said in one of these conversations.
    sessions: Option<Vec<String>>,
    /// Said at this time or later.
    from: Option<String>,
    /// Said before this time.
    until: Option<String>,
    /// Fields of the turn's metadata with exactly these values.
    metadata: Option<Map<String, Value>>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecallOut {
    /// Best first.
    items: Vec<ItemOut>,
    /// Why the ranking is less than it could be; null if it is not.
    degraded: Option<&'static str>,
}

/// A passage of a turn.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemOut {
    /// Its words.
    text: String,
    /// What it is ranked by: higher is better, comparable within one answer only.
    score: f32,
    /// How sure it is that the item helps, 0 to 1: for thresholds, comparable across queries.
    confidence: f32,
    /// The score taken apart, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<ScoresOut>,
    /// `turn`: a passage of what was said.
    kind: &'static str,
    /// When it was said, RFC 3339.
    time: String,
    /// The conversation.
    session: String,
    /// The turn it is a part of.
    turn_id: String,
    /// Who said it.
    role: &'static str,
    /// The speaker's name.
    name: Option<String>,
    /// Whether the user says in it what holds in general: "always answer in metric".
    standing: bool,
    /// The memories that rest on its words: whether what it says is so by now.
    memories: Vec<ItemMemoryOut>,
    /// The turn's, untouched.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
}

/// A memory that rests on an item's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemMemoryOut {
    /// Its id.
    id: String,
    /// Whether it counts: `active`, `superseded`, `retracted`, `quarantined` or `expired`.
    state: &'static str,
    /// Until when it was or will be so; null if that is not known.
    valid_to: Option<String>,
}

impl From<&ItemMemory> for ItemMemoryOut {
    fn from(memory: &ItemMemory) -> Self {
        Self {
            id: memory.id.to_string(),
            state: memory.state.as_str(),
            valid_to: memory.valid_to.map(|time| time.to_string()),
        }
    }
}

/// A score taken apart: the last nine numbers add up to it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScoresOut {
    /// BM25: the words in common.
    bm25: f32,
    /// Cosine: the meaning in common; null without vectors.
    cosine: Option<f32>,
    /// Mean cosine of the query's tokens with the most alike ones of the passage; null without tokens.
    max_sim: Option<f32>,
    /// Whether the match is strong enough to be shown to a model.
    relevant: bool,
    /// The part of BM25.
    lexical: f32,
    /// The part of the cosine.
    dense: f32,
    /// The part of the tokens.
    late: f32,
    /// For following a question that matches.
    answer: f32,
    /// For its session.
    session: f32,
    /// For its date.
    date: f32,
    /// For its speaker.
    speaker: f32,
    /// For being the user's.
    role: f32,
    /// For a memory that rests on it; below 0 if its words are so no longer.
    memory: f32,
}

impl From<&RecalledItem> for ScoresOut {
    fn from(item: &RecalledItem) -> Self {
        let Scores { bm25, cosine, max_sim, lexical, dense, late, .. } = item.scores;
        let Scores { answer, session, date, speaker, role, memory, .. } = item.scores;
        let relevant = item.is_relevant();
        Self {
            bm25,
            cosine,
            max_sim,
            relevant,
            lexical,
            dense,
            late,
            answer,
            session,
            date,
            speaker,
            role,
            memory,
        }
    }
}

impl ItemOut {
    fn new(item: &RecalledItem, explain: bool) -> Self {
        Self {
            text: item.text().to_owned(),
            score: item.score,
            confidence: item.confidence,
            scores: explain.then(|| ScoresOut::from(item)),
            kind: "turn",
            time: item.time().to_string(),
            session: item.session().to_string(),
            turn_id: item.turn.id.to_string(),
            role: item.turn.role.as_str(),
            name: item.turn.name.clone(),
            standing: item.standing,
            memories: item.memories.iter().map(ItemMemoryOut::from).collect(),
            metadata: item.turn.metadata.as_deref().and_then(raw_json),
        }
    }
}

/// The passages that answer a question, best first.
#[utoipa::path(
    post, path = "/recall", tag = "recall", operation_id = "recall", request_body = RecallBody,
    responses(
        (status = 200, description = "What was found; a user never heard of has nothing.", body = RecallOut),
        (status = 400, description = "Not acceptable.", body = ErrorBody),
    )
)]
pub(crate) async fn recall(
    State(state): State<AppState>,
    principal: Principal,
    JsonBody(body): JsonBody<RecallBody>,
) -> Result<Json<RecallOut>, ApiError> {
    let scope = who!(body).scope(principal.tenant)?;
    let request = body.read(Duration::from_millis(state.config.query_embed_ms_max))?;
    state.recorder.settled(&scope).await;
    let Recalled { items, degraded, timings, .. } =
        state.engine.call(move |memory| memory.recall(&scope, &request)).await?;
    metrics::stages(&timings);
    metrics::recalled(items.len());
    let degraded = degraded.map(throughline::recall::Degraded::as_str);
    if let Some(reason) = degraded {
        metrics::degraded(reason);
    }
    let items = items.iter().map(|item| ItemOut::new(item, body.explain)).collect();
    Ok(Json(RecallOut { items, degraded }))
}

impl RecallBody {
    fn read(&self, embed_deadline: Duration) -> Result<RecallRequest, ApiError> {
        check_query(&self.query)?;
        // Checked although the ranking does not depend on it: a wrong value should not wait for the day it does.
        self.session.as_deref().map(|session| session_id("session", session)).transpose()?;
        let confidence_min = self.confidence_min.unwrap_or_default();
        if !(0.0..=1.0).contains(&confidence_min) {
            let what = format!("{confidence_min} is not between 0 and 1");
            return Err(ApiError::of_field(ErrorCode::InvalidRequest, "confidence_min", what));
        }
        let PriorsIn { neighbours, session, date, speaker, role, memory } = self.priors;
        Ok(RecallRequest {
            query: self.query.clone(),
            limit: within("limit", self.limit.unwrap_or(ITEMS_DEFAULT), 1, ITEMS_MAX)?,
            standing_max: 0,
            embed_deadline,
            // Who counts tokens has room for text, who counts items for turns.
            every_passage: self.budget_tokens.is_some(),
            budget_tokens: self.budget_tokens,
            confidence_min,
            filters: self.filters.as_ref().map(read_filters).transpose()?.unwrap_or_default(),
            ranking: match self.ranking {
                RankingIn::Full => RankingKind::Full,
                RankingIn::Lexical => RankingKind::Lexical,
                RankingIn::Bm25 => RankingKind::Bm25,
                RankingIn::Dense => RankingKind::Dense,
                RankingIn::Rrf => RankingKind::ReciprocalRanks,
            },
            priors: Priors { neighbours, session, date, speaker, role, memory },
            exact: false,
            time: optional_time("time", self.time.as_ref())?,
            zone: time_zone("time_zone", self.time_zone.as_deref())?,
        })
    }
}

/// A query that says something and is no book.
pub(super) fn check_query(query: &str) -> Result<(), ApiError> {
    if query.trim().is_empty() {
        return Err(ApiError::of_field(ErrorCode::EmptyContent, "query", "says nothing"));
    }
    if query.len() > QUERY_BYTES_MAX {
        let what = format!("has {} bytes; at most {QUERY_BYTES_MAX} are searched for", query.len());
        return Err(ApiError::of_field(ErrorCode::InvalidRequest, "query", what));
    }
    Ok(())
}

fn read_filters(filters: &Map<String, Value>) -> Result<Filters, ApiError> {
    let mut read = Filters::default();
    for (key, value) in filters {
        let path = format!("filters.{key}");
        match key.as_str() {
            _ if value.is_null() => {}
            "role" | "roles" => {
                for role in texts(&path, value)? {
                    let role = role.parse::<Role>();
                    read.roles
                        .push(role.map_err(|e| ApiError::of_field(ErrorCode::InvalidRequest, &path, e))?);
                }
            }
            "session" | "sessions" => {
                let sessions = texts(&path, value)?.into_iter().map(|session| session_id(&path, session));
                read.sessions.extend(sessions.collect::<Result<Vec<SessionId>, _>>()?);
            }
            "from" => read.from = Some(time(&path, value)?),
            "until" => read.until = Some(time(&path, value)?),
            "metadata" => match value {
                Value::Object(fields) => read.metadata.clone_from(fields),
                _ => return Err(ApiError::of_field(ErrorCode::InvalidRequest, path, "expected an object")),
            },
            _ => return Err(ApiError::of_field(ErrorCode::UnknownFilter, path, "is not a filter")),
        }
    }
    Ok(read)
}

/// A text or a list of them. An empty list is refused, for it would let everything pass.
fn texts<'a>(path: &str, value: &'a Value) -> Result<Vec<&'a str>, ApiError> {
    let texts = match value {
        Value::String(text) => Some(vec![text.as_str()]),
        Value::Array(items) if !items.is_empty() => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    texts.ok_or_else(|| {
        ApiError::of_field(ErrorCode::InvalidRequest, path, "expected a text or a list of texts")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filters: &Value, code: ErrorCode, param: &str) {
        let error = read_filters(filters.as_object().unwrap()).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (code, Some(param)), "{error:?}");
    }

    #[test]
    fn filters_take_one_or_many() {
        let one = read_filters(json!({ "role": "user", "session": "a" }).as_object().unwrap()).unwrap();
        let many =
            read_filters(json!({ "roles": ["user"], "sessions": ["a"] }).as_object().unwrap()).unwrap();
        assert_eq!(one, many);
        assert!(read_filters(json!({ "role": null }).as_object().unwrap()).unwrap().is_empty());
    }

    #[test]
    fn a_filter_that_cannot_be_meant_is_named() {
        check(&json!({ "sesion": "a" }), ErrorCode::UnknownFilter, "filters.sesion");
        check(&json!({ "role": "robot" }), ErrorCode::InvalidRequest, "filters.role");
        check(&json!({ "roles": [] }), ErrorCode::InvalidRequest, "filters.roles");
        check(&json!({ "from": "soon" }), ErrorCode::InvalidTime, "filters.from");
        check(&json!({ "metadata": [] }), ErrorCode::InvalidRequest, "filters.metadata");
    }
}
