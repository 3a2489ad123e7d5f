//! Throughline over HTTP: the OpenAI-compatible proxy and the native API.
//!
//! The only crate that knows the server side of HTTP and OpenAI's JSON. What is remembered and found is the engine's
//! business; what the program is told by files, flags and environment is the caller's.

mod api;
mod app;
mod auth;
mod config;
mod engine;
mod error;
mod health;
mod limits;
mod messages;
mod metrics;
mod observe;
mod openapi;
mod proxy;
mod rates;
mod reach;
mod serve;
mod state;
mod worker;

pub use api::{SlotsLeftOut, change_profile, put_slot_schema};
pub use app::App;
pub use auth::{KEY_HEADER, KEY_PREFIX, create_key};
pub use config::{AuthMode, BindError, ServerConfig};
pub use error::{ApiError, ErrorCode, ErrorEntry, error_table};
pub use proxy::{Spool, SpoolConfig};
pub use serve::{ServeError, serve};
pub use state::{ModelState, ModelStatus};
