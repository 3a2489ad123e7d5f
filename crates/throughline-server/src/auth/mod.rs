//! Who is calling: from a credential to a tenant.
//!
//! The tenant comes from the key alone, never from an argument. A key is looked up in the store for each request, so a
//! revoked one is refused from the next request on. No part of a secret may reach a log or an error.

mod key;
mod known;
mod loopback;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use throughline::model::TenantId;

use crate::config::AuthMode;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

use known::KnownKeys;

pub use key::{KEY_PREFIX, create_key};
pub(crate) use loopback::only_loopback;

/// The header that carries one of our keys where `Authorization` carries the provider's.
pub const KEY_HEADER: &str = "x-memory-key";

/// How soon a server that runs without keys notices that the first one was made.
const FIRST_KEY_NOTICED_WITHIN: Duration = Duration::from_secs(1);

/// Whether keys are required.
pub(crate) struct Gate {
    /// Never goes back to false: revoking the last key must not open the door.
    keys_required: AtomicBool,
    looked: Mutex<Option<Instant>>,
    known: KnownKeys,
}

impl Gate {
    pub(crate) fn new(mode: AuthMode) -> Self {
        Self {
            keys_required: AtomicBool::new(mode == AuthMode::Keys),
            looked: Mutex::new(None),
            known: KnownKeys::new(),
        }
    }

    /// Whether a request must have a key, as far as is known.
    pub(crate) fn keys_required(&self) -> bool {
        self.keys_required.load(Ordering::Acquire)
    }

    /// The same, after a look into the store if the last one was some time ago.
    async fn check(&self, state: &AppState) -> Result<bool, ApiError> {
        if self.keys_required() {
            return Ok(true);
        }
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_some_and(|at| at.elapsed() < FIRST_KEY_NOTICED_WITHIN) {
            return Ok(false);
        }
        let now = Instant::now();
        let keys = match state.engine.call(|memory| memory.store().keys()).await {
            // As it was when the store could last be asked, at the latest when the server started.
            Err(error) if error.code == ErrorCode::StoreUnavailable => return Ok(false),
            keys => keys?,
        };
        if keys.iter().any(|key| key.revoked.is_none()) {
            self.keys_required.store(true, Ordering::Release);
        }
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(self.keys_required())
    }

    /// The tenant of a key.
    async fn tenant(&self, state: &AppState, credential: &str) -> Result<TenantId, ApiError> {
        let now = Instant::now();
        let asked = credential.to_owned();
        match state.engine.call(move |memory| key::verify(memory, &asked)).await {
            Ok(tenant) => {
                self.known.good(credential, tenant.clone(), now);
                Ok(tenant)
            }
            Err(error) if error.code == ErrorCode::StoreUnavailable => {
                self.known.tenant(credential, now).ok_or(error)
            }
            Err(error) => {
                self.known.refused(credential);
                Err(error)
            }
        }
    }
}

/// Whoever a request speaks for. Take it as an argument of a handler to require it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The app.
    pub(crate) tenant: TenantId,
}

impl FromRequestParts<AppState> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let tenant = match credential(&parts.headers) {
            Some(credential) => state.gate.tenant(state, credential).await?,
            None if state.gate.check(state).await? => {
                return Err(ApiError::new(
                    ErrorCode::KeyRequired,
                    "the request carries no key of this server",
                ));
            }
            None => TenantId::single(),
        };
        state.rates.admit(&state.engine, &tenant).await?;
        Ok(Self { tenant })
    }
}

/// The credential meant for us: all of `X-Memory-Key`, else a `tl_…` of `Authorization`. Another `Authorization` is
/// the provider's and none of our business.
fn credential(headers: &HeaderMap) -> Option<&str> {
    // A header that is not text is a wrong key, not an absent one.
    if let Some(value) = headers.get(KEY_HEADER) {
        return Some(value.to_str().unwrap_or_default().trim());
    }
    authorization_token(headers).filter(|token| token.starts_with(KEY_PREFIX))
}

fn authorization_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let known = ["bearer", "token"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    known.then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: Option<&str>) {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        assert_eq!(credential(&headers.collect()), expected);
    }

    #[test]
    fn a_key_is_found_in_its_own_header_before_authorization() {
        check(&[("x-memory-key", "tl_a_b"), ("authorization", "Bearer tl_c_d")], Some("tl_a_b"));
        check(&[("authorization", "bearer  tl_c_d")], Some("tl_c_d"));
        check(&[("authorization", "Token tl_c_d")], Some("tl_c_d"));
    }

    #[test]
    fn a_providers_credential_is_not_taken_for_ours() {
        check(&[("authorization", "Bearer sk-abc")], None);
        check(&[("authorization", "Basic tl_c_d")], None);
        check(&[], None);
    }

    #[test]
    fn something_else_in_our_own_header_is_a_wrong_key_not_an_absent_one() {
        check(&[("x-memory-key", "sk-abc")], Some("sk-abc"));
        check(&[("x-memory-key", "\u{e9}")], Some(""));
    }
}
