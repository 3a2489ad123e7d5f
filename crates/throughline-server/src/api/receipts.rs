//! The record of a context: what was used, what was dropped and why.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use throughline::memory::{Memory, MemoryError};
use throughline::model::{
    Citation, Generation, Receipt, ReceiptId, ReceiptItem, ReceiptSummary, Scope, SummaryOf, Turn, TurnId,
};
use utoipa::{IntoParams, ToSchema};

use super::ErrorBody;
use super::body::{PathId, QueryArgs};
use super::fields::passage;
use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// The record of one context.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptOut {
    /// Its name.
    #[schema(examples("rcpt_019a5b0c5f2e7c3d8b1a2c3d4e5f6071"))]
    id: String,
    /// The end user.
    user: String,
    /// The conversation, where known.
    session: Option<String>,
    /// When the context was built, RFC 3339.
    time: String,
    /// Where days began and ended for whoever asked: an IANA name, or an offset such as `+05:30`.
    time_zone: String,
    /// What was searched for.
    query: String,
    /// The version of the identity that was used.
    identity_version: Option<u32>,
    /// Hex of BLAKE3 over the identity's text.
    identity_hash: Option<String>,
    /// The version of the profile that was used.
    profile_epoch: u64,
    /// The most tokens the context might have.
    budget_tokens: u32,
    /// The tokens it has.
    used_tokens: u32,
    /// Tokens by section.
    sections: Vec<SectionOut>,
    /// What was put into the context: standing statements, then what was recalled, both best first.
    used: Vec<ReceiptItemOut>,
    /// What was found and left out, and why.
    dropped: Vec<ReceiptItemOut>,
    /// What stands in the context for passages that did not fit.
    summaries: Vec<ReceiptSummaryOut>,
    /// Hex of BLAKE3 over prefix and block.
    context_hash: String,
    /// Why memory could not do all it should; null if it could.
    degraded: Option<String>,
    /// How long each stage took.
    timings: Vec<TimingOut>,
    /// The context built again, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<ReplayOut>,
}

/// Tokens of a section.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SectionOut {
    /// `identity`, `profile`, `standing`, `recalled` or `summary`.
    section: &'static str,
    /// Tokens it might have used.
    budget_tokens: u32,
    /// Tokens it used.
    used_tokens: u32,
}

/// A passage that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptItemOut {
    /// What it was found for: `standing`, as what the user said holds in general, or `recalled`, for this question.
    section: &'static str,
    /// The turn; null if it was erased since.
    turn_id: Option<String>,
    /// The turn's number.
    seq: u64,
    /// The conversation it was said in.
    session: Option<String>,
    /// Who said it.
    role: Option<&'static str>,
    /// When it was said, RFC 3339.
    time: Option<String>,
    /// Its words.
    text: Option<String>,
    /// What it was ranked by.
    score: f32,
    /// Tokens of its line in the context.
    tokens: u32,
    /// Why it was left out: `budget`, `already_in_request`, `not_relevant`, or `repeated` if another item has its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// A summary in a context, by what its sentences rest on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptSummaryOut {
    /// Of what: `session`, `month` or `year`.
    level: &'static str,
    /// The conversation, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// The month as `2025-03` or the year as `2025`, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// The memories its sentences say again.
    memories: Vec<String>,
    /// The turns its sentences quote.
    turns: Vec<String>,
    /// Tokens of its line in the context.
    tokens: u32,
}

impl ReceiptSummaryOut {
    fn new(summary: &ReceiptSummary, generation: Generation) -> Self {
        let session = match &summary.of {
            SummaryOf::Session { session, .. } => Some(session.to_string()),
            _ => None,
        };
        let (mut memories, mut turns) = (Vec::new(), Vec::new());
        for cited in &summary.cites {
            match cited {
                Citation::Memory(id) => memories.push(id.to_string()),
                Citation::Words { turn: seq, .. } => turns.push(TurnId { generation, seq: *seq }.to_string()),
            }
        }
        let (level, period) = (summary.of.level().as_str(), summary.of.period());
        Self { level, session, period, memories, turns, tokens: summary.tokens }
    }
}

/// How long a stage took.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimingOut {
    /// Its name.
    stage: String,
    /// In milliseconds.
    ms: f64,
}

/// A context built again from its receipt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayOut {
    /// Identity and profile: the message before all others.
    prefix: Option<String>,
    /// What was recalled: the end of the last user message.
    block: Option<String>,
    /// Whether both are the same to the byte.
    same: bool,
}

impl ReceiptOut {
    /// With the words of its items, read from the journal.
    pub(super) fn read(memory: &Memory, scope: &Scope, receipt: &Receipt) -> Result<Self, MemoryError> {
        let seqs: Vec<u64> = receipt.items.iter().map(|item| item.turn).collect();
        let turns = memory.store().turns(scope, &seqs)?;
        let generation = memory.generation(scope)?;
        let out = |item: &ReceiptItem| {
            ReceiptItemOut::new(item, turns.iter().find(|turn| turn.id.seq == item.turn))
        };
        let (used, dropped): (Vec<_>, Vec<_>) = receipt.items.iter().partition(|item| item.dropped.is_none());
        Ok(Self {
            id: receipt.id.to_string(),
            user: scope.user.user.to_string(),
            session: receipt.session.as_ref().map(ToString::to_string),
            time: receipt.time.to_string(),
            time_zone: receipt.zone.name().to_owned(),
            query: receipt.query.clone(),
            identity_version: receipt.identity,
            identity_hash: receipt.identity_hash.clone(),
            profile_epoch: receipt.profile_epoch,
            budget_tokens: receipt.budget_tokens,
            used_tokens: receipt.used_tokens,
            sections: receipt
                .sections
                .iter()
                .map(|of| SectionOut {
                    section: of.section.as_str(),
                    budget_tokens: of.budget_tokens,
                    used_tokens: of.used_tokens,
                })
                .collect(),
            used: used.into_iter().map(out).collect(),
            dropped: dropped.into_iter().map(out).collect(),
            summaries: receipt
                .summaries
                .lines
                .iter()
                .map(|line| ReceiptSummaryOut::new(line, generation))
                .collect(),
            context_hash: receipt.context_hash.clone(),
            degraded: receipt.degraded.clone(),
            timings: receipt
                .timings
                .iter()
                .map(|timing| TimingOut { stage: timing.stage.clone(), ms: timing.took.as_secs_f64() * 1e3 })
                .collect(),
            replay: None,
        })
    }
}

impl ReceiptItemOut {
    fn new(item: &ReceiptItem, turn: Option<&Turn>) -> Self {
        Self {
            section: item.section.as_str(),
            turn_id: turn.map(|turn| turn.id.to_string()),
            seq: item.turn,
            session: turn.map(|turn| turn.session.to_string()),
            role: turn.map(|turn| turn.role.as_str()),
            time: turn.map(|turn| turn.time.to_string()),
            text: turn.map(|turn| passage(turn, item.bytes).to_owned()),
            score: item.score,
            tokens: item.tokens,
            reason: item.dropped.map(throughline::model::DropReason::as_str),
        }
    }
}

/// How to show a receipt.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowReceipt {
    /// `1` builds the context again and says whether it is the same.
    replay: Option<String>,
}

/// The record of one context, with the words of what was found.
#[utoipa::path(
    get, path = "/receipts/{id}", tag = "context", operation_id = "show_receipt",
    params(("id" = String, Path, description = "Of X-Memory-Receipt or of a context."), ShowReceipt),
    responses(
        (status = 200, description = "The receipt.", body = ReceiptOut),
        (status = 400, description = "That is no receipt id.", body = ErrorBody),
        (status = 404, description = "There is no such receipt.", body = ErrorBody),
    )
)]
pub(crate) async fn show(
    State(state): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
    QueryArgs(query): QueryArgs<ShowReceipt>,
) -> Result<Json<ReceiptOut>, ApiError> {
    let invalid = |param: &str, what: String| ApiError::of_field(ErrorCode::InvalidRequest, param, what);
    let id: ReceiptId = id.parse().map_err(|error| invalid("id", error))?;
    let replay = match query.replay.as_deref() {
        Some("1" | "true") => true,
        None | Some("" | "0" | "false") => false,
        Some(other) => return Err(invalid("replay", format!("`{other}` is neither 1 nor 0"))),
    };
    // A client may ask as soon as it has the answer, while the exchange is still being written.
    state.recorder.flushed().await;
    let found = state
        .engine
        .call(move |memory| -> Result<Option<ReceiptOut>, MemoryError> {
            let Some((scope, receipt)) = memory.store().receipt(&principal.tenant, id)? else {
                return Ok(None);
            };
            let mut out = ReceiptOut::read(memory, &scope, &receipt)?;
            if replay && let Some(again) = memory.replay(&principal.tenant, id)? {
                out.replay = Some(ReplayOut { prefix: again.prefix, block: again.block, same: again.same });
            }
            Ok(Some(out))
        })
        .await?;
    found.map(Json).ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no receipt {id}")))
}
