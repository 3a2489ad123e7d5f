//! Keys that were found good lately: believed for a while when the store cannot be asked, so that chats go on.
//!
//! Keeps hashes of credentials, never a credential.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use throughline::model::TenantId;

/// How long a key is believed after it was last looked up, while the store cannot be reached. A key that is revoked in that
/// time by somebody who can reach it is refused when we can.
const BELIEVED_WITHOUT_STORE: Duration = Duration::from_mins(15);
/// Keys remembered.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The keys.
pub(super) struct KnownKeys(Mutex<LruCache<[u8; 32], Known>>);

#[derive(Clone)]
struct Known {
    tenant: TenantId,
    looked_up: Instant,
}

impl KnownKeys {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEYS_MAX)))
    }

    /// The tenant of a key that was good not long ago.
    pub(super) fn tenant(&self, credential: &str, now: Instant) -> Option<TenantId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&hash(credential))?;
        (now.saturating_duration_since(known.looked_up) < BELIEVED_WITHOUT_STORE)
            .then(|| known.tenant.clone())
    }

    /// The store knows the key.
    pub(super) fn good(&self, credential: &str, tenant: TenantId, looked_up: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(hash(credential), Known { tenant, looked_up });
    }

    /// The store refuses the key.
    pub(super) fn refused(&self, credential: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop(&hash(credential));
    }
}

fn hash(credential: &str) -> [u8; 32] {
    *blake3::hash(credential.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_key_is_believed_for_a_while_and_a_refused_one_no_more() {
        let (keys, then) = (KnownKeys::new(), Instant::now());
        let of = |credential, now| keys.tenant(credential, now);
        assert_eq!(of("tl_a", then), None);
        keys.good("tl_a", TenantId::single(), then);
        assert_eq!(of("tl_a", then + BELIEVED_WITHOUT_STORE / 2), Some(TenantId::single()));
        assert_eq!((of("tl_a", then + BELIEVED_WITHOUT_STORE), of("tl_b", then)), (None, None));
        keys.refused("tl_a");
        assert_eq!(of("tl_a", then), None);
    }
}
