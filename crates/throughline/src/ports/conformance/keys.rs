//! The behaviours of the store's secret and of API keys. They panic where the store differs.

use super::WithStore;
use super::support::{at, tenant};
use crate::ports::{ApiKey, StoreError};

/// And is none of the obvious ones.
pub fn the_secret_stays_the_same(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let secret = store.secret().expect("a secret");
        assert_ne!(secret, [0; 32]);
        assert_eq!(store.secret(), Ok(secret));
    });
}

/// Revoked keys stay listed.
pub fn a_key_is_accepted_until_it_is_revoked(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let key = |id: &str, second| ApiKey {
            id: id.into(),
            tenant: tenant("acme"),
            label: "web".into(),
            hash: [3; 32],
            created: at(second),
            revoked: None,
        };
        for new in [key("b", 2), key("a", 1)] {
            store.put_key(new).expect("a new key");
        }
        assert_eq!(store.put_key(key("a", 5)), Err(StoreError::Conflict));
        assert_eq!(store.keys(), Ok(vec![key("a", 1), key("b", 2)]));
        assert_eq!(store.revoke_key("a", at(9)), Ok(true));
        assert_eq!(store.revoke_key("a", at(10)), Ok(false));
        assert_eq!(store.revoke_key("c", at(10)), Ok(false));
        assert_eq!(store.key("a"), Ok(Some(ApiKey { revoked: Some(at(9)), ..key("a", 1) })));
        assert_eq!(store.key("b"), Ok(Some(key("b", 2))));
        assert_eq!(store.key("c"), Ok(None));
        assert_eq!(store.keys().map(|keys| keys.len()), Ok(2));
    });
}
