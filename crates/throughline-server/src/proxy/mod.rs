//! The OpenAI-compatible proxy under `/v1`: what a client sends goes upstream, with what memory adds to it.
//!
//! Two promises: the response's status, headers and frames are the upstream's, and memory that is late, broken or not
//! asked for never fails a chat; it is left out and `X-Memory-Degraded` says why. Every other path under `/v1` passes
//! through untouched.

mod chat;
mod embeddings;
mod forward;
mod options;
mod recorder;
mod report;
mod spool;

use axum::Router;
use axum::routing::{any, post};

use crate::state::AppState;

pub(crate) use recorder::Recorder;
pub use spool::{Spool, SpoolConfig};

/// The routes of the proxy, with their full paths.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/v1/{*path}", any(forward::untouched))
}
