//! All routes and what stands around them, put together in one place.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use throughline::memory::{LearnSettings, Learner, Memory};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::ServerConfig;
use crate::error::{ApiError, ErrorCode};
use crate::proxy::Spool;
use crate::state::{AppState, ModelStatus};
use crate::{api, auth, error, health, limits, metrics, observe, openapi, proxy};

/// A server that is ready to be [served](crate::serve).
#[derive(Clone)]
pub struct App {
    pub(crate) state: AppState,
}

impl App {
    /// A server over a memory. Starts the tasks that record exchanges.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(memory: Arc<Memory>, config: ServerConfig) -> Self {
        Self::with(memory, Learner::new(None, LearnSettings::default(), None), None, config)
    }

    /// The same with another learner than the one that needs no language model, and with a place where exchanges wait
    /// while the store cannot be reached.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn with(memory: Arc<Memory>, learner: Learner, spool: Option<Spool>, config: ServerConfig) -> Self {
        metrics::install();
        Self { state: AppState::new(memory, learner, spool, config) }
    }

    /// Where to tell how far the embedding model is.
    pub fn model_status(&self) -> ModelStatus {
        self.state.model.clone()
    }

    /// The description of all routes, as JSON.
    pub fn openapi() -> String {
        // Maps with string keys, texts and numbers: always valid JSON.
        routes(None).into_openapi().to_pretty_json().unwrap_or_default()
    }

    /// The routes with everything around them.
    pub(crate) fn router(&self) -> Router {
        let state = &self.state;
        let (router, document) = routes(Some(state)).split_for_parts();
        router
            .merge(openapi::pages(document))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            // The last layer is the outermost.
            .layer(from_fn_with_state(state.clone(), auth::only_loopback))
            .layer(CatchPanicLayer::custom(limits::panicked))
            .layer(from_fn(error::render))
            .layer(from_fn(observe::observe))
            .with_state(state.clone())
    }
}

/// Router and description in one, so that they cannot drift apart. The bounds are left out where only the description
/// is wanted.
fn routes(state: Option<&AppState>) -> OpenApiRouter<AppState> {
    let mut bounded = OpenApiRouter::new().nest("/api/v1", api::router());
    if let Some(state) = state {
        bounded = bounded.layer(from_fn_with_state(state.clone(), limits::time));
        // A chat may take as long as its model does.
        bounded = bounded.merge(proxy::routes().into());
        let places = Arc::new(Semaphore::new(state.config.requests_in_flight_max));
        bounded = bounded.layer(from_fn_with_state(places, limits::in_flight));
    }
    let mut routes = OpenApiRouter::with_openapi(openapi::base())
        .merge(bounded)
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics));
    openapi::with_errors(routes.get_openapi_mut());
    routes
}

async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such path")
}

async fn method_not_allowed(request: Request) -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, format!("{} is not allowed here", request.method()))
}
