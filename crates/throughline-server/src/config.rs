//! What can be set about the server, and whether it may listen where it is told to.
//!
//! Plain values with defaults; where they come from (file, environment, flags) is the caller's business.

use std::net::SocketAddr;

use thiserror::Error;
use throughline_llm::Upstream;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Anybody on this machine, as the tenant `default`, as long as the store has no active key. A request that names
    /// another host or comes from a web page elsewhere is refused. Once a key is there, it is required.
    Open,
    /// Whoever has a key.
    Keys,
}

/// Settings of the server. All limits but the tenants' hold for each server process.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Who may call; [`ServerConfig::check_bind`] says which mode an address allows.
    pub auth: AuthMode,
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Requests in flight, their response bodies included; one more is answered with 503.
    pub requests_in_flight_max: usize,
    /// Requests of one tenant in a minute, by all servers on one store together; one more is answered with 429. 0: no limit.
    pub tenant_requests_a_minute_max: u32,
    /// How long a request of the native API may take, in milliseconds.
    pub request_ms_max: u64,
    /// Calls of the engine at once, each on a thread of its own; further ones wait.
    pub engine_calls_max: usize,
    /// Where chats are forwarded to; without one only the native API is served.
    pub upstream: Option<Upstream>,
    /// Chats whose exchange is under way or waits to be recorded; a further one is answered, but not remembered, and its
    /// response says so.
    pub exchanges_open_max: usize,
    /// How long a chat waits for its context, in milliseconds, before it goes on without; a request may name its own.
    pub memory_deadline_ms: u64,
    /// How long a recall waits for the vector of its query, in milliseconds, before it goes by words alone.
    pub query_embed_ms_max: u64,
    /// Whether turns are learned from in the background.
    pub learning: bool,
    /// How long a stop waits for what is in flight, in milliseconds.
    pub shutdown_grace_ms_max: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            auth: AuthMode::Keys,
            body_bytes_max: 8 * 1024 * 1024,
            requests_in_flight_max: 1_024,
            tenant_requests_a_minute_max: 0,
            request_ms_max: 120_000,
            engine_calls_max: 64,
            upstream: None,
            exchanges_open_max: 4_096,
            memory_deadline_ms: 1_000,
            query_embed_ms_max: 2_000,
            learning: true,
            shutdown_grace_ms_max: 10_000,
        }
    }
}

/// An address that must not be served as things are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0} can be reached from other machines, and there is no API key: anybody could read the memory. \
     Make a key with `throughline keys create`, or listen on 127.0.0.1"
)]
pub struct BindError(pub SocketAddr);

impl ServerConfig {
    /// The mode an address is served in: keys where there are any, open on loopback without. Any other address
    /// without a key is refused. `has_keys`: whether the store has a key that is not revoked.
    pub fn check_bind(address: SocketAddr, has_keys: bool) -> Result<AuthMode, BindError> {
        match (has_keys, address.ip().to_canonical().is_loopback()) {
            (true, _) => Ok(AuthMode::Keys),
            (false, true) => Ok(AuthMode::Open),
            (false, false) => Err(BindError(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, has_keys: bool) -> Result<AuthMode, BindError> {
        ServerConfig::check_bind(address.parse().unwrap(), has_keys)
    }

    #[test]
    fn without_a_key_only_loopback_is_served() {
        assert_eq!(check("127.0.0.1:80", false), Ok(AuthMode::Open));
        assert_eq!(check("127.8.9.1:80", false), Ok(AuthMode::Open));
        assert_eq!(check("[::1]:80", false), Ok(AuthMode::Open));
        for address in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
            let error = check(address, false).unwrap_err().to_string();
            assert!(error.contains("throughline keys create"), "{error}");
        }
    }

    #[test]
    fn where_there_are_keys_they_are_required_everywhere() {
        assert_eq!(check("127.0.0.1:80", true), Ok(AuthMode::Keys));
        assert_eq!(check("0.0.0.0:80", true), Ok(AuthMode::Keys));
    }
}
