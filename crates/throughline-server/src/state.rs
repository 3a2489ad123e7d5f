//! What every handler can reach: the engine, the settings, the state of the embedding model.

use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use throughline::memory::{Learner, Memory};
use tokio::sync::Semaphore;

use crate::api::learning::LEARN_CALLS_MAX;
use crate::auth::Gate;
use crate::config::ServerConfig;
use crate::engine::Engine;
use crate::proxy::{Recorder, Spool};
use crate::rates::Rates;

/// How far the embedding model is. Until it is ready, recall goes by words alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ModelState {
    /// On its way.
    #[default]
    Loading,
    /// In use.
    Ready,
    /// Not there; the text says what to do.
    Missing(String),
    /// It cannot be used; the text says why.
    Failed(String),
}

/// Where the program that loads the model tells the server how far it is.
#[derive(Debug, Clone, Default)]
pub struct ModelStatus(Arc<RwLock<ModelState>>);

impl ModelStatus {
    /// Tells the server.
    pub fn set(&self, state: ModelState) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// What it was told last.
    pub fn get(&self) -> ModelState {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) config: ServerConfig,
    pub(crate) gate: Gate,
    pub(crate) rates: Rates,
    pub(crate) recorder: Recorder,
    pub(crate) model: ModelStatus,
    pub(crate) learner: Arc<Learner>,
    pub(crate) learn_calls: Arc<Semaphore>,
}

impl AppState {
    pub(crate) fn new(
        memory: Arc<Memory>,
        learner: Learner,
        spool: Option<Spool>,
        config: ServerConfig,
    ) -> Self {
        let engine = Engine::new(memory, config.engine_calls_max);
        Self(Arc::new(Shared {
            gate: Gate::new(config.auth),
            rates: Rates::new(config.tenant_requests_a_minute_max),
            recorder: Recorder::start(&engine, spool, config.exchanges_open_max),
            engine,
            model: ModelStatus::default(),
            learner: Arc::new(learner),
            learn_calls: Arc::new(Semaphore::new(LEARN_CALLS_MAX)),
            config,
        }))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
