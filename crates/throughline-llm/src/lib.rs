//! The way to the model: forward a request to an OpenAI-compatible API, hand its reply on untouched, and watch it pass.
//!
//! Four parts that know little of each other:
//! - [`Upstream`] sends bytes and returns an [`UpstreamResponse`] whose body is the provider's, frame for frame;
//! - [`ObservedBody`] wraps any response body, returns the very same frames, and when the reply is over (in whatever
//!   way) hands out exactly one [`Exchange`]: what the assistant said, as far as it got;
//! - [`HttpLlm`] asks questions of our own, for learning;
//! - [`RawObject`] and [`RawArray`] take a JSON request apart and put it together again without touching a byte of what
//!   nobody asked to change.
//!
//! ```no_run
//! # async fn forward(body: bytes::Bytes, headers: http::HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
//! use throughline_llm::{Upstream, UpstreamConfig, UpstreamRequest, observe};
//!
//! let upstream = Upstream::new(UpstreamConfig::new("https://api.openai.com".parse()?))?;
//! let path_and_query = "chat/completions".to_owned();
//! let reply = upstream.send(UpstreamRequest { method: http::Method::POST, path_and_query, headers, body }).await?;
//! // A response for the client, and what the assistant said for the record.
//! let reply = observe(reply, |exchange| println!("{:?}: {}", exchange.outcome, exchange.reply.text));
//! # Ok(()) }
//! ```
//!
//! This crate must never change a frame that passes, send a client's request again that may have reached the provider, or
//! know anything about memory.

mod ask;
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

pub use ask::{HttpLlm, HttpLlmConfig};
pub use base_url::{BaseUrl, BaseUrlError};
pub use body::UpstreamBody;
pub use chat::ChatError;
pub use error::UpstreamError;
pub use exchange::{Exchange, Outcome, Reply, ToolCall, Usage};
pub use headers::is_event_stream;
pub use json::{RawArray, RawObject};
pub use last_event::ErrorAsLastEvent;
pub use observe::{ObservedBody, observe};
pub use secret::Secret;
pub use upstream::{Timeouts, Upstream, UpstreamConfig, UpstreamRequest, UpstreamResponse};
