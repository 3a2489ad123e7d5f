//! Test-only: an upstream that does exactly what a script says, byte for byte.
//!
//! Real model servers cannot be asked to break on demand. [`ScriptedUpstream`] is a real TCP server on a free
//! port of 127.0.0.1 that plays a [`Script`] for each request (chosen bytes, splits, delays, resets) and keeps
//! what the client sent. [`replies`] writes the usual OpenAI bodies.
//!
//! [`RedisServers`] are real ones, for what has to survive their death.
//!
//! It must never be a dependency of anything but tests and benchmarks, and it must never be "helpful": no header is
//! added and no framing corrected, since wrong framing is what it is for.

mod connection;
mod redis_servers;
pub mod replies;
mod script;
mod upstream;

pub use redis_servers::{RedisNode, RedisServers};
pub use script::{Script, Signal};
pub use upstream::{RecordedRequest, ScriptedUpstream};
