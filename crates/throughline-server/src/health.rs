//! Whether the process is up and whether it can serve.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::{AppState, ModelState};

/// The process is up.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "The process is up.", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// Whether the server can serve, and what it can do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether requests are served.
    ready: bool,
    /// `ok`, or what is wrong with the store.
    store: String,
    /// `loading`, `ready`, `missing` or `failed`.
    model: &'static str,
    /// What to do about the model, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_detail: Option<String>,
    /// `full`, or `lexical` as long as passages are found by their words alone.
    recall: &'static str,
}

/// 200 when the server can serve; says if the embedding model is still loading.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses(
        (status = 200, description = "It can serve.", body = Readiness),
        (status = 503, description = "It cannot: the store fails.", body = Readiness),
    )
)]
pub(crate) async fn readyz(State(state): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let (attached, store) = match state
        .engine
        .call(|memory| memory.store().unembedded_count().map(|_| memory.embedder().is_some()))
        .await
    {
        Ok(attached) => (attached, Ok(())),
        Err(error) => (false, Err(error.message)),
    };
    let (model, model_detail) = match state.model.get() {
        _ if attached => ("ready", None),
        ModelState::Loading | ModelState::Ready => ("loading", None),
        ModelState::Missing(detail) => ("missing", Some(detail)),
        ModelState::Failed(detail) => ("failed", Some(detail)),
    };
    let status = if store.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Readiness {
        ready: store.is_ok(),
        store: store.err().unwrap_or_else(|| "ok".into()),
        model,
        model_detail,
        recall: if attached { "full" } else { "lexical" },
    };
    (status, Json(readiness))
}
