//! Whether the process is up and whether it can serve.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use throughline::memory::{Memory, MemoryError};
use throughline::ports::{EmbeddingModels, NumberedModel};
use throughline::recall::Degraded;
use utoipa::{IntoParams, ToSchema};

use crate::state::{AppState, ModelState};

/// The same word as in the reasons of a degraded answer.
const OTHER_MODEL_SERVES: &str = Degraded::OtherModelServes.as_str();

/// How long the store may take when a probe asks.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// The process is up.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "The process is up.", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// Whether the server can serve, and what it can do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether requests are served: also without the store where there is an upstream, since chats go on without memory.
    ready: bool,
    /// `ok`, or what is wrong with the store.
    store: String,
    /// Exchanges on this server's disk that are written when the store can be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    exchanges_waiting: Option<usize>,
    /// `loading`, `ready`, `missing`, `failed`, or `other_model_serves` if the memory's vectors are those of a model that
    /// this server does not have.
    model: &'static str,
    /// What to do about the model, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_detail: Option<String>,
    /// `full`, or `lexical` as long as passages are found by their words alone.
    recall: &'static str,
    /// Who learns from what was said: `model`, `patterns` without a learning model, `off`, or `model_rests` while the model is
    /// left alone because it failed so often, and what waits is learned from later.
    learning: &'static str,
    /// How long it still rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_rests_ms: Option<u64>,
    /// The change of the embedding model that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_switch: Option<ModelSwitch>,
}

/// A change of the embedding model: the old one answers until no passage waits for the new one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelSwitch {
    /// The model that answers.
    from: Option<String>,
    /// The model that will.
    to: String,
    /// Passages that it has not read yet.
    passages_waiting: u64,
    /// Whether this server has both: it reads passages with the new one, and answers by the old one's vectors.
    both_at_hand: bool,
}

/// What the store says of its models, as far as it concerns this server.
#[derive(Default)]
struct Models {
    /// The one that serves is at hand.
    attached: bool,
    /// What to do if it is not, although another one is.
    other_serves: Option<String>,
    switch: Option<ModelSwitch>,
}

fn models(memory: &Memory) -> Result<Models, MemoryError> {
    // Asked in any case: whether the store answers is what this is about.
    let passages_waiting = memory.store().unembedded_count()?;
    let other_serving = memory.other_model_serving()?;
    let EmbeddingModels { serving, coming, .. } = memory.store().embedding_models()?;
    let at_hand = |known: Option<&NumberedModel>| known.is_some_and(|known| memory.has_at_hand(&known.model));
    let attached = at_hand(serving.as_ref());
    let coming_at_hand = at_hand(coming.as_ref());
    let both_at_hand = attached && coming_at_hand;
    let other_serves = other_serving.map(|other| match &coming {
        Some(coming) if coming_at_hand => format!(
            "{} answers until the switch to {} is complete, and this server does not have it: name it with `previous.source` \
             and `previous.model`, or wait",
            other.name, coming.model.name
        ),
        _ => format!(
            "{} answers now, and this server does not have it: configure it and restart this server, or return to the model \
             before with `throughline model rollback`",
            other.name
        ),
    });
    let from = serving.map(|known| known.model.name);
    let switch =
        coming.map(|coming| ModelSwitch { from, to: coming.model.name, passages_waiting, both_at_hand });
    Ok(Models { attached, other_serves, switch })
}

/// What must work for a server to be ready.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Needed {
    /// The store as well: `?store=required`.
    store: Option<StoreNeeded>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StoreNeeded {
    /// Without it the server is not ready, whatever else it can do.
    Required,
}

/// 200 when the server can serve; says if the embedding model is still loading. A proxy of chats can serve without its
/// store, so that a load balancer does not take all of them away with it; `?store=required` asks for more.
#[utoipa::path(
    get, path = "/readyz", tag = "server", params(Needed),
    responses(
        (status = 200, description = "It can serve.", body = Readiness),
        (status = 503, description = "It cannot: the store fails, and there are no chats that go on without.", body = Readiness),
    )
)]
pub(crate) async fn readyz(
    State(state): State<AppState>,
    Query(needed): Query<Needed>,
) -> (StatusCode, Json<Readiness>) {
    let (models, store) = match tokio::time::timeout(STORE_ANSWERS_WITHIN, state.engine.call(models)).await {
        Ok(Ok(models)) => (models, Ok(())),
        Ok(Err(error)) => (Models::default(), Err(error.message)),
        Err(_) => (Models::default(), Err("the store does not answer in time".to_owned())),
    };
    let Models { attached, other_serves, switch: model_switch } = models;
    let (model, model_detail) = match state.model.get() {
        _ if attached => ("ready", None),
        ModelState::Ready if other_serves.is_some() => (OTHER_MODEL_SERVES, other_serves),
        ModelState::Loading | ModelState::Ready => ("loading", None),
        ModelState::Missing(detail) => ("missing", Some(detail)),
        ModelState::Failed(detail) => ("failed", Some(detail)),
    };
    let chats_go_on = state.config.upstream.is_some() && needed.store != Some(StoreNeeded::Required);
    let ready = store.is_ok() || chats_go_on;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let rest = state.learner.rests_for();
    let readiness = Readiness {
        ready,
        exchanges_waiting: state.recorder.spool().map(|spool| spool.size().0).filter(|waiting| *waiting > 0),
        store: store.err().unwrap_or_else(|| "ok".into()),
        model,
        model_detail,
        recall: if attached { "full" } else { "lexical" },
        learning: match rest {
            _ if !state.config.learning => "off",
            Some(_) => "model_rests",
            None if state.learner.has_model() => "model",
            None => "patterns",
        },
        learning_rests_ms: rest.map(|rest| u64::try_from(rest.as_millis()).unwrap_or(u64::MAX)),
        model_switch,
    };
    (status, Json(readiness))
}
