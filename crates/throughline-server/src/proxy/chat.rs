//! `POST /v1/chat/completions`: one request, one way. Parse → context → forward → observe → record.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use throughline::journal::Said;
use throughline::memory::{Context, ContextRequest, Exchange, Memory};
use throughline::model::{Receipt, Scope, SessionId};
use throughline::ports::with_round_trips;
use throughline_llm::{Outcome, RawObject};

use crate::auth::Principal;
use crate::error::ApiError;
use crate::limits::read_body;
use crate::messages::{self, ChatMessage};
use crate::metrics;
use crate::state::AppState;

use super::forward::send;
use super::options::{MemoryOptions, Mode};
use super::recorder::Place;
use super::report::MemoryReport;

pub(super) async fn completions(
    State(state): State<AppState>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let arrived = Instant::now();
    let (parts, body) = request.into_parts();
    let body = read_body(&state, body).await?;
    let Prepared { body, report, recording } = {
        let object = RawObject::parse(&body).map_err(|error| ApiError::from_json(&error))?;
        let options = MemoryOptions::read(principal.tenant, &parts.headers, &parts.uri, &object)?;
        prepare(&state, &body, object, options).await?
    };
    if let Some(reason) = report.reason() {
        metrics::degraded(reason);
    }
    metrics::recalled(report.hits());
    metrics::stage("overhead", arrived.elapsed());
    send(&state, &parts, body, &report, move |exchange| {
        if let Some(recording) = recording {
            recording.end(&exchange);
        }
    })
    .await
}

/// A request ready to go upstream.
struct Prepared {
    body: Bytes,
    report: MemoryReport,
    recording: Option<Recording>,
}

/// What is needed to record an exchange when it is over.
struct Recording {
    place: Place,
    mode: Mode,
    session: Option<SessionId>,
    new_session: SessionId,
    messages: Vec<Said>,
    zone: Option<TimeZone>,
    receipt: Option<Receipt>,
}

async fn prepare(
    state: &AppState,
    body: &Bytes,
    object: RawObject<'_>,
    options: MemoryOptions,
) -> Result<Prepared, ApiError> {
    let untouched = |reason: &str| Prepared {
        body: body.clone(),
        report: MemoryReport::without(reason),
        recording: None,
    };
    if options.mode == Mode::Off {
        return Ok(untouched("off"));
    }
    let Some(scope) = options.scope.clone() else { return Ok(untouched("no_user")) };
    // A request without usable messages is for the upstream to judge.
    let Some(messages) = object.get("messages") else { return Ok(untouched("no_messages")) };
    let Ok(messages) = messages::parse(state.engine.memory(), scope.tenant(), messages) else {
        return Ok(untouched("unreadable_messages"));
    };
    let said: Vec<Said> = messages.iter().filter_map(|message| message.said.clone()).collect();
    let place = state.recorder.reserve(&scope);
    let is_full = place.is_none();

    let context = context(state, &scope, &options, &said).await;
    let (prefix, block, receipt, report) = match context {
        Ok(Context { prefix, block, receipt, .. }) => {
            let report = MemoryReport::of(&receipt);
            (prefix, block, Some(receipt), report)
        }
        Err(reason) => (None, None, None, MemoryReport::without(reason)),
    };
    let report = if is_full { report.degraded("record_queue_full") } else { report };
    let waits = state.recorder.spool().is_some_and(|spool| spool.holds(&scope));
    let report = if waits { report.degraded("turns_wait_for_store") } else { report };
    let body = rewritten(body, object, &messages, prefix.as_deref(), block.as_deref());
    let new_session = receipt.as_ref().and_then(|receipt| receipt.session.clone()).unwrap_or_else(|| {
        SessionId::new(format!("session_{}", uuid::Uuid::now_v7().simple())).expect("is a name")
    });
    let recording = place.map(|place| Recording {
        place,
        mode: options.mode,
        session: options.session,
        new_session,
        messages: said,
        zone: options.zone,
        receipt,
    });
    Ok(Prepared { body, report, recording })
}

/// The context, or why there is none. Never longer than the deadline.
async fn context(
    state: &AppState,
    scope: &Scope,
    options: &MemoryOptions,
    said: &[Said],
) -> Result<Context, &'static str> {
    state.engine.reach().check().map_err(|error| error.code.as_str())?;
    let deadline = options.deadline.unwrap_or(Duration::from_millis(state.config.memory_deadline_ms));
    let request = ContextRequest {
        session: options.session.clone(),
        messages: said.to_vec(),
        query: None,
        budget_tokens: options.budget_tokens,
        zone: options.zone.clone(),
        // What is left is enough to rank by words if the vector does not come.
        embed_deadline: deadline * 3 / 4,
    };
    let build = async {
        state.recorder.settled(scope).await;
        let scope = scope.clone();
        let context = move |memory: &Memory| {
            let (context, round_trips) = with_round_trips(|| memory.context(&scope, &request));
            metrics::round_trips("context", round_trips);
            context
        };
        state.engine.call(context).await
    };
    match tokio::time::timeout(deadline, build).await {
        Ok(Ok(context)) => {
            metrics::stages(&context.receipt.timings);
            Ok(context)
        }
        Ok(Err(error)) => {
            tracing::warn!(
                code = error.code.as_str(),
                error = error.message,
                "a chat goes on without memory"
            );
            Err(error.code.as_str())
        }
        Err(_) => Err("memory_deadline"),
    }
}

/// The body with the context in its messages; the very same bytes if nothing is added.
fn rewritten(
    body: &Bytes,
    mut object: RawObject<'_>,
    messages: &[ChatMessage],
    prefix: Option<&str>,
    block: Option<&str>,
) -> Bytes {
    if prefix.is_none() && block.is_none() && !messages.iter().any(|message| message.stripped) {
        return body.clone();
    }
    object.set("messages", messages::insert_context(messages, prefix, block));
    Bytes::from(object.to_string())
}

impl Recording {
    /// Hands the exchange over for writing, as far as it is worth it: of a failed one only the receipt is kept, since the
    /// client will ask again.
    fn end(self, seen: &throughline_llm::Exchange) {
        let Self { place, mode, session, new_session, messages, zone, receipt } = self;
        let reply = messages::reply(&seen.reply);
        let failed = seen.outcome == Outcome::Failed && reply.is_none();
        let outcome = match seen.outcome {
            Outcome::Complete => None,
            Outcome::Truncated => Some("truncated".to_owned()),
            Outcome::Failed => Some("failed".to_owned()),
        };
        let recorded = mode == Mode::Full && !failed;
        if !recorded && receipt.is_none() {
            return;
        }
        let (messages, reply) = if recorded { (messages, reply) } else { (Vec::new(), None) };
        place.record(Exchange { time: None, session, new_session, messages, reply, outcome, zone, receipt });
    }
}
