//! Who may call: keys, and the door that is open to this machine alone.

use http::Method;
use serde_json::json;
use throughline_server::{AuthMode, ServerConfig};

use super::world::{World, answer};

async fn with_keys() -> World {
    World::with(ServerConfig { auth: AuthMode::Keys, ..ServerConfig::default() }).await
}

#[tokio::test]
async fn a_key_is_accepted_in_any_of_its_places_and_nothing_else_is() {
    let world = with_keys().await;
    let (_, key) = world.key("acme");
    let get = || world.request(&Method::GET, "/turns?user=ana");
    assert_eq!(answer(get()).await.code(), "key_required");
    assert_eq!(answer(get().header("x-memory-key", &key)).await.status, 200);
    for scheme in ["Bearer", "bearer", "Token"] {
        assert_eq!(answer(get().header("authorization", format!("{scheme} {key}"))).await.status, 200);
    }
    let refused = answer(get().header("authorization", "Bearer sk-provider")).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "key_required"));
    assert_eq!(refused.headers["www-authenticate"], "Bearer");

    let wrong_secret = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { "1" } else { "0" });
    let unknown_id = key.replacen("tl_", "tl_000000000000", 1);
    for wrong in ["", "tl_", "tl_x_y", "tl_000000000000_zz", "sk-x", &wrong_secret, &unknown_id, &key[3..]] {
        let refused = answer(get().header("x-memory-key", wrong)).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "invalid_key"), "{wrong}");
        assert!(wrong.is_empty() || !refused.text.contains(wrong), "the error repeats the credential");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_from_the_next_request_on() {
    let mut world = with_keys().await;
    let (id, key) = world.key("acme");
    world.use_key(&key);
    assert_eq!(world.get("/turns?user=ana").await.status, 200);
    assert!(world.memory.store().revoke_key(&id, world.memory.now()).unwrap());
    assert_eq!(world.get("/turns?user=ana").await.code(), "invalid_key");
}

#[tokio::test]
async fn the_store_keeps_no_key() {
    let world = with_keys().await;
    let (id, key) = world.key("acme");
    let kept = world.memory.store().key(&id).unwrap().unwrap();
    let secret = key.rsplit('_').next().unwrap();
    assert_eq!((key.len(), secret.len()), (3 + 12 + 1 + 52, 52));
    assert!(!format!("{kept:?}").contains(secret));
    assert_ne!(kept.hash, [0; 32]);
}

#[tokio::test]
async fn a_server_without_keys_requires_them_once_the_first_is_made() {
    let world = World::open().await;
    let (id, key) = world.key("acme");
    let get = || world.request(&Method::GET, "/turns?user=ana");
    // The first request looks, and from then on nothing is served without a key, revoked or not.
    assert_eq!(answer(get()).await.code(), "key_required");
    assert_eq!(answer(get().header("x-memory-key", &key)).await.status, 200);
    world.memory.store().revoke_key(&id, world.memory.now()).unwrap();
    assert_eq!(answer(get()).await.code(), "key_required");
}

#[tokio::test]
async fn a_server_without_keys_still_checks_a_key_that_is_sent() {
    let mut world = World::open().await;
    world.use_key("tl_000000000000_wrong");
    assert_eq!(world.get("/turns?user=ana").await.code(), "invalid_key");
}

#[tokio::test]
async fn a_web_page_does_not_reach_a_server_without_keys() {
    let world = World::open().await;
    let port = world.url.rsplit(':').next().unwrap().to_owned();
    let get = |header: &str, value: &str| {
        answer(world.request(&Method::GET, "/turns?user=ana").header(header.to_owned(), value.to_owned()))
    };
    for host in ["localhost", "127.0.0.1:1", "[::1]:8080", &format!("localhost:{port}")] {
        assert_eq!(get("host", host).await.status, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example"] {
        let refused = get("host", host).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "not_loopback"), "{host}");
    }
    for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"] {
        assert_eq!(get("origin", origin).await.status, 200, "{origin}");
    }
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "file://",
        "http://127.0.0.1@evil.example",
    ] {
        assert_eq!(get("origin", origin).await.code(), "not_loopback", "{origin}");
    }
    let proxied =
        answer(world.request(&Method::POST, "./v1/chat/completions").header("host", "evil.example")).await;
    assert_eq!((proxied.status, &proxied.json()["error"]["type"]), (403, &json!("permission_error")));
    for path in ["./docs/", "./openapi.json", "./metrics", "./readyz", "./nothing"] {
        let refused = answer(world.request(&Method::GET, path).header("host", "evil.example")).await;
        assert_eq!(refused.status, 403, "{path}");
    }
}

#[tokio::test]
async fn with_keys_any_name_and_origin_is_served() {
    let world = with_keys().await;
    let (_, key) = world.key("acme");
    let request = world.request(&Method::GET, "/turns?user=ana").header("x-memory-key", key);
    assert_eq!(
        answer(request.header("host", "memory.example").header("origin", "https://app.example")).await.status,
        200
    );
}
