//! A server without keys answers this machine only, by name as well as by address.
//!
//! Listening on loopback keeps other machines out, but not a web page in a browser of this one: it can send requests
//! to 127.0.0.1, and by rebinding a name it owns it can read the answers. Its requests show it: `Origin` is the page's, or
//! `Host` is the name. Both must be loopback.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{HOST, ORIGIN};
use http::uri::Authority;

use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Middleware: refuses what does not come from this machine by its own name, while no key is required.
pub(crate) async fn only_loopback(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if !state.gate.keys_required()
        && let Err(error) = check(&request)
    {
        return error.into_response();
    }
    next.run(request).await
}

fn check(request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let refuse = |what: &str| {
        Err(ApiError::new(
            ErrorCode::NotLoopback,
            format!(
                "{what} is not loopback, and this server has no keys: it answers programs on this machine only"
            ),
        ))
    };
    // HTTP/2 has the host in the request's target.
    let target = request.uri().authority().map(Authority::as_str);
    let named = headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or_default());
    let hosts: Vec<&str> = target.into_iter().chain(named).collect();
    if hosts.is_empty() || !hosts.into_iter().all(is_loopback) {
        return refuse("the Host of the request");
    }
    let local = |origin: &http::HeaderValue| {
        let origin = origin.to_str().unwrap_or_default();
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(is_loopback)
    };
    if !headers.get_all(ORIGIN).iter().all(local) {
        return refuse("the Origin of the request");
    }
    Ok(())
}

/// Whether `host` or `host:port` is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
fn is_loopback(authority: &str) -> bool {
    if authority.contains('@') {
        return false;
    }
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_loopback_names_on_any_port() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.1.2.3:1", "[::1]", "[::1]:65535"] {
            assert!(is_loopback(host), "{host}");
        }
    }

    #[test]
    fn names_that_only_look_like_loopback_are_not() {
        for host in [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com",
            "localhost@example.com",
            "example.com@localhost",
            "0.0.0.0",
            "[::]",
            "10.0.0.1:80",
            "2130706433",
            "null",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
