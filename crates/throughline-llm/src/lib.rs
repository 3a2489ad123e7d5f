//! The way to the model: forward a request to an OpenAI-compatible API, hand its reply on untouched, and watch it pass.
//!
//! Three parts that know little of each other:
//! - [`Upstream`] sends bytes and returns an [`UpstreamResponse`] whose body is the provider's, frame for frame;
//! - [`ObservedBody`] wraps any response body, returns the very same frames, and when the reply is over (in whatever
//!   way) hands out exactly one [`Exchange`]: what the assistant said, as far as it got;
//! - [`RawObject`] and [`RawArray`] take a JSON request apart and put it together again without touching a byte of what
//!   nobody asked to change.
//!
//! This crate must never change a frame that passes, retry a request that may have reached the provider, read the
//! clock of the wall or an environment variable, or know anything about memory.

mod assemble;
mod base_url;
mod body;
mod chat;
mod error;
mod events;
mod exchange;
mod headers;
mod json;
mod last_event;
mod observe;
mod secret;
mod upstream;

pub use base_url::{BaseUrl, BaseUrlError};
pub use body::UpstreamBody;
pub use chat::ChatError;
pub use error::UpstreamError;
pub use exchange::{Exchange, Outcome, Reply, ToolCall, Usage};
pub use json::{RawArray, RawObject};
pub use last_event::ErrorAsLastEvent;
pub use observe::{ObservedBody, observe};
pub use secret::Secret;
pub use upstream::{Timeouts, Upstream, UpstreamConfig, UpstreamRequest, UpstreamResponse};
