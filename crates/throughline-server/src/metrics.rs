//! What is counted and measured, in one place: names, labels, buckets, and `/metrics` in the format of Prometheus.
//!
//! Labels are from fixed sets (routes, statuses, stages, reasons), or are the first few tenants' names. A user id, a session or a text must never become one.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderName};
use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use throughline::memory::{Learned, Memory, MemoryError, Outcome};
use throughline::model::{StageTiming, TenantId};
use throughline::ports::Connections;

use crate::error::{ApiError, ErrorCode};
use crate::proxy::Spool;
use crate::state::AppState;

const HTTP_REQUESTS: &str = "throughline_http_requests_total";
const HTTP_SECONDS: &str = "throughline_http_request_seconds";
const STAGE_SECONDS: &str = "throughline_stage_seconds";
const WRITE_TO_RECALL_SECONDS: &str = "throughline_write_to_recall_seconds";
const RECALLS: &str = "throughline_recalls_total";
const HITS: &str = "throughline_recall_hits_total";
const DEGRADED: &str = "throughline_degraded_total";
const TURNS: &str = "throughline_turns_written_total";
const RECORDS_DROPPED: &str = "throughline_records_dropped_total";
const SPOOLED: &str = "throughline_spooled_exchanges_total";
const DELIVERED: &str = "throughline_delivered_turns_total";
const SPOOL_EXCHANGES: &str = "throughline_spool_exchanges";
const SPOOL_BYTES: &str = "throughline_spool_bytes";
const STORE_UNREACHABLE: &str = "throughline_store_unreachable";
const CONNECTIONS: &str = "throughline_store_connections";
const CONNECTION_WAITS: &str = "throughline_store_connection_waits_total";
const CONNECTION_WAIT_MS: &str = "throughline_store_connection_wait_milliseconds_total";
const REPLICATION_LAG: &str = "throughline_store_replication_lag_bytes";
const UPSTREAM_ERRORS: &str = "throughline_upstream_errors_total";
const RECORD_QUEUE: &str = "throughline_record_queue";
const UNEMBEDDED: &str = "throughline_unembedded_passages";
const LEARNED_JOBS: &str = "throughline_learned_jobs_total";
const LEARNED_CLAIMS: &str = "throughline_learned_claims_total";
const SUMMARY_SENTENCES: &str = "throughline_summary_sentences_total";
const REFUSED: &str = "throughline_refused_proposals_total";
const LEARN_SECONDS: &str = "throughline_learn_seconds";
const WRITE_TO_LEARNED_SECONDS: &str = "throughline_write_to_learned_seconds";
const LEARN_CALLS: &str = "throughline_learning_model_calls_total";
const LEARN_TOKENS: &str = "throughline_learning_model_tokens_total";
const LEARN_COST: &str = "throughline_learning_model_cost_nanos_total";
const OVER_BUDGET: &str = "throughline_over_budget_jobs_total";
const MODEL_RESTS: &str = "throughline_learning_model_rests";
const OUTBOX: &str = "throughline_outbox_jobs";
const BY_WORDS_ALONE: &str = "throughline_recall_by_words_alone";
const ROUND_TRIPS: &str = "throughline_store_round_trips";
const SHARD_BYTES: &str = "throughline_shard_bytes";

/// Upper ends of the buckets of every latency, in seconds.
const SECONDS_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 120.0,
];

/// Upper ends of the buckets of round trips.
const ROUND_TRIPS_BUCKETS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0];

/// Tenants that have labels of their own. Whoever makes keys makes tenants, so they are few or many, but never users.
const TENANTS_NAMED_MAX: usize = 50;

/// Samples are folded into their buckets this often, so that a server nobody scrapes does not collect them for ever.
pub(crate) const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The recorder of this process. Metrics are the process's, not a server's: two servers in one share them.
fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let trips = Matcher::Full(ROUND_TRIPS.to_owned());
            let builder = PrometheusBuilder::new()
                .set_buckets(SECONDS_BUCKETS)
                .and_then(|builder| builder.set_buckets_for_metric(trips, ROUND_TRIPS_BUCKETS))
                .ok()?;
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // If somebody else in this process records already, that recorder has our numbers, and /metrics says so.
            metrics::set_global_recorder(recorder).ok()?;
            describe();
            Some(handle)
        })
        .as_ref()
}

/// Puts the recorder in place; before that, what is measured is lost.
pub(crate) fn install() {
    recorder();
}

/// Folds samples into buckets.
pub(crate) fn upkeep() {
    if let Some(handle) = recorder() {
        handle.run_upkeep();
    }
}

fn describe() {
    describe_counter!(HTTP_REQUESTS, "Requests by route, method and status.");
    describe_histogram!(HTTP_SECONDS, "Time until the response head, by route.");
    describe_histogram!(
        STAGE_SECONDS,
        "Time of a stage: embed, search, fetch, compose, summarise, seal, record, upstream_first_byte, overhead."
    );
    describe_histogram!(WRITE_TO_RECALL_SECONDS, "From a turn's arrival until recall finds it.");
    describe_counter!(RECALLS, "Recalls, whoever asked.");
    describe_counter!(HITS, "Passages that recalls returned.");
    describe_counter!(DEGRADED, "Answers with less memory than there could be, by reason.");
    describe_counter!(TURNS, "Turns written to the journal.");
    describe_counter!(
        RECORDS_DROPPED,
        "Exchanges that were not recorded: too many were under way, or the store could not."
    );
    describe_counter!(SPOOLED, "Exchanges put aside on disk because the store could not be reached.");
    describe_counter!(DELIVERED, "Turns that were put aside and are written now.");
    describe_gauge!(SPOOL_EXCHANGES, "Exchanges on disk that wait for the store.");
    describe_gauge!(SPOOL_BYTES, "Bytes they take.");
    describe_gauge!(
        CONNECTIONS,
        "Connections of this process to the store's server, by state: idle, in_use."
    );
    describe_counter!(
        CONNECTION_WAITS,
        "Calls that waited because all connections to the store's server were in use."
    );
    describe_counter!(CONNECTION_WAIT_MS, "How long they waited, all in all, in milliseconds.");
    describe_gauge!(
        REPLICATION_LAG,
        "How far the furthest replica of the store's server is behind, in bytes of its log."
    );
    describe_gauge!(STORE_UNREACHABLE, "1 while the store cannot be reached: chats go on without memory.");
    describe_counter!(UPSTREAM_ERRORS, "Failures of the upstream, by class.");
    describe_counter!(LEARNED_JOBS, "Learning jobs, by outcome: nothing, learned, failed, degraded, lost.");
    describe_counter!(LEARNED_CLAIMS, "Claims that learning accepted.");
    describe_counter!(
        SUMMARY_SENTENCES,
        "Sentences of the learning model that summaries accepted, once for each turn they rest on."
    );
    describe_counter!(REFUSED, "Proposals that learning refused, by reason.");
    describe_histogram!(LEARN_SECONDS, "Time of a learning job.");
    describe_histogram!(
        WRITE_TO_LEARNED_SECONDS,
        "From the writing of a job's first turn until it was learned from."
    );
    describe_counter!(
        LEARN_CALLS,
        "Answers of the learning model, by tenant and stage: extract, repair, summarise."
    );
    describe_counter!(
        LEARN_TOKENS,
        "Tokens of the learning model, by tenant, stage and kind: prompt, answer."
    );
    describe_counter!(
        LEARN_COST,
        "What they cost by the configured prices, in billionths of their currency, by tenant and stage."
    );
    describe_counter!(
        OVER_BUDGET,
        "Learning jobs left to the local extractor because the tenant's tokens of the day were spent."
    );
    describe_gauge!(RECORD_QUEUE, "Exchanges waiting to be recorded.");
    describe_gauge!(UNEMBEDDED, "Passages waiting for a vector.");
    describe_gauge!(
        MODEL_RESTS,
        "1 while the learning model is left alone because it failed so often; what waits is learned from later."
    );
    describe_gauge!(OUTBOX, "Sessions waiting to be learned from.");
    describe_gauge!(
        BY_WORDS_ALONE,
        "1 while the embedding model that serves is not at hand: recall goes by words alone."
    );
    describe_histogram!(
        ROUND_TRIPS,
        "Round trips to the store's server, by what a chat had it for: context, record. 0 with the embedded store."
    );
    describe_gauge!(SHARD_BYTES, "Bytes of search data in memory.");
}

/// A request was answered. `route` is the pattern, never the path.
pub(crate) fn request(route: &str, method: &http::Method, status: http::StatusCode, took: Duration) {
    let method = match method.as_str() {
        known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let status = status.as_str().to_owned();
    counter!(HTTP_REQUESTS, "route" => route.to_owned(), "method" => method, "status" => status).increment(1);
    histogram!(HTTP_SECONDS, "route" => route.to_owned()).record(took);
}

/// A stage took so long.
pub(crate) fn stage(stage: &'static str, took: Duration) {
    histogram!(STAGE_SECONDS, "stage" => stage).record(took);
}

/// The engine's stages.
pub(crate) fn stages(timings: &[StageTiming]) {
    for timing in timings {
        histogram!(STAGE_SECONDS, "stage" => timing.stage.clone()).record(timing.took);
    }
}

/// A part of a chat waited so often for the store's server. `part` is one of a fixed set.
pub(crate) fn round_trips(part: &'static str, count: u64) {
    histogram!(ROUND_TRIPS, "part" => part).record(count as f64);
}

/// A recall or a context found so many passages.
pub(crate) fn recalled(hits: usize) {
    counter!(RECALLS).increment(1);
    counter!(HITS).increment(hits as u64);
}

/// An answer has less memory than it could. `reason` is one of a fixed set.
pub(crate) fn degraded(reason: &str) {
    counter!(DEGRADED, "reason" => reason.to_owned()).increment(1);
}

/// Turns were written, and recall has found them since; `took` counts from their arrival.
pub(crate) fn written(turns: usize, took: Duration) {
    counter!(TURNS).increment(turns as u64);
    histogram!(WRITE_TO_RECALL_SECONDS).record(took);
}

/// An exchange was not recorded: too many were under way, or the store could not.
pub(crate) fn record_dropped() {
    counter!(RECORDS_DROPPED).increment(1);
}

/// An exchange was put aside because the store could not be reached.
pub(crate) fn spooled() {
    counter!(SPOOLED).increment(1);
}

/// What was put aside is written.
pub(crate) fn delivered(turns: usize) {
    counter!(DELIVERED).increment(turns as u64);
    counter!(TURNS).increment(turns as u64);
}

/// A learning job ended.
pub(crate) fn learned(learned: &Learned) {
    let outcome = match learned.outcome {
        Outcome::Nothing => "nothing",
        Outcome::Learned => "learned",
        Outcome::Failed { .. } => "failed",
        Outcome::Degraded { .. } => "degraded",
        Outcome::Lost => "lost",
    };
    counter!(LEARNED_JOBS, "outcome" => outcome).increment(1);
    counter!(LEARNED_CLAIMS).increment(learned.claims.len() as u64);
    counter!(SUMMARY_SENTENCES).increment(learned.summary.len() as u64);
    for refused in &learned.refused {
        counter!(REFUSED, "reason" => refused.why.as_str()).increment(1);
    }
    histogram!(LEARN_SECONDS).record(learned.took);
    histogram!(WRITE_TO_LEARNED_SECONDS).record(learned.lag);
    let tenant = tenant_label(learned.job.scope.tenant());
    if learned.over_budget {
        counter!(OVER_BUDGET, "tenant" => tenant.clone()).increment(1);
    }
    for (stage, usage) in learned.usage.stages().into_iter().filter(|(_, usage)| !usage.is_none()) {
        let labels = |kind: Option<&'static str>| {
            let of = [Label::new("tenant", tenant.clone()), Label::new("stage", stage.as_str())];
            of.into_iter().chain(kind.map(|kind| Label::new("kind", kind))).collect::<Vec<_>>()
        };
        counter!(LEARN_CALLS, labels(None)).increment(usage.calls);
        counter!(LEARN_TOKENS, labels(Some("prompt"))).increment(usage.prompt_tokens);
        counter!(LEARN_TOKENS, labels(Some("answer"))).increment(usage.answer_tokens);
        counter!(LEARN_COST, labels(None)).increment(usage.cost_nanos);
    }
}

/// The name under which a tenant is counted: its own for the first of them, `other` for all beyond, so that a process with
/// many tenants does not keep a series of numbers for each.
fn tenant_label(tenant: &TenantId) -> String {
    static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.contains(tenant.as_str()) || known.len() < TENANTS_NAMED_MAX {
        known.insert(tenant.to_string());
        return tenant.to_string();
    }
    "other".to_owned()
}

/// The upstream failed. `class` is one of a fixed set, such as `429`, `5xx`, `timeout`, `unreachable`.
pub(crate) fn upstream_error(class: &'static str) {
    counter!(UPSTREAM_ERRORS, "class" => class).increment(1);
}

/// Metrics of this process, in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, description = "Metrics of this process.", content_type = "text/plain", body = String))
)]
pub(crate) async fn metrics(
    State(state): State<AppState>,
) -> Result<([(HeaderName, &'static str); 1], String), ApiError> {
    let handle = recorder().ok_or_else(|| {
        ApiError::new(ErrorCode::Internal, "this process has a metrics recorder that is not the server's")
    })?;
    gauge!(MODEL_RESTS).set(f64::from(u8::from(state.learner.rests_for().is_some())));
    gauge!(RECORD_QUEUE).set(state.recorder.waiting() as f64);
    gauge!(STORE_UNREACHABLE).set(f64::from(u8::from(state.engine.reach().check().is_err())));
    let (exchanges, bytes) = state.recorder.spool().map(Spool::size).unwrap_or_default();
    gauge!(SPOOL_EXCHANGES).set(exchanges as f64);
    gauge!(SPOOL_BYTES).set(bytes as f64);
    let Connections { open, in_use, waits, waited } = state.engine.memory().store().connections();
    gauge!(CONNECTIONS, "state" => "idle").set((open - in_use) as f64);
    gauge!(CONNECTIONS, "state" => "in_use").set(in_use as f64);
    counter!(CONNECTION_WAITS).absolute(waits);
    counter!(CONNECTION_WAIT_MS).absolute(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
    // What the store cannot tell just now keeps its last value; the rest of the page is worth having.
    if let Err(error) = state.engine.call(gauges).await {
        tracing::warn!(error = error.message, "the store's gauges are stale");
    }
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()))
}

fn gauges(memory: &Memory) -> Result<(), MemoryError> {
    gauge!(SHARD_BYTES).set(memory.shard_bytes() as f64);
    gauge!(UNEMBEDDED).set(memory.store().unembedded_count()? as f64);
    gauge!(BY_WORDS_ALONE).set(f64::from(u8::from(memory.embedder()?.is_none())));
    gauge!(OUTBOX).set(memory.store().outbox_count()? as f64);
    if let Some(bytes) = memory.store().replication_lag_bytes()? {
        gauge!(REPLICATION_LAG).set(bytes as f64);
    }
    Ok(())
}
