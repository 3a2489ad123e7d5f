//! Which headers cross to the other side, and which belong to one connection, to one host or to us.
//!
//! One of our own keys must never reach a provider, and a credential for one host never another.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT_ENCODING, ALT_SVC, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE,
        COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE,
        STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

/// Headers by which clients talk to the memory layer, not to the provider.
const OWN_PREFIX: &str = "x-memory-";
/// What our own keys start with.
const OWN_KEY_PREFIX: &[u8] = b"tl_";

/// The headers of a client's request as they go upstream. `key` is used if the client brings no credential of its
/// own for the provider.
pub(crate) fn for_upstream(from_client: &HeaderMap, key: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = end_to_end(from_client, |name, value| {
        let ours = name.as_str().starts_with(OWN_PREFIX) || holds_own_key(value);
        let of_one_host = [HOST, COOKIE, FORWARDED].contains(name)
            || name.as_str().starts_with("x-forwarded-")
            || name == "x-real-ip";
        let of_one_message = [CONTENT_LENGTH, EXPECT, ACCEPT_ENCODING].contains(name);
        !(ours || of_one_host || of_one_message)
    });
    if let Some(key) = key
        && !headers.contains_key(AUTHORIZATION)
        && !headers.contains_key("api-key")
    {
        headers.insert(AUTHORIZATION, key.clone());
    }
    // A compressed reply could be forwarded but not observed.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// The headers of a provider's reply as they go to the client. The length is left to whoever sends the body.
pub(crate) fn for_client(from_upstream: &HeaderMap) -> HeaderMap {
    let mut headers = end_to_end(from_upstream, |name, _| {
        let of_one_host = [SET_COOKIE, ALT_SVC, STRICT_TRANSPORT_SECURITY].contains(name);
        !(of_one_host || *name == CONTENT_LENGTH || name.as_str().starts_with(OWN_PREFIX))
    });
    if is_event_stream(&headers) {
        // Tells nginx and its like not to hold events back.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    }
    headers
}

/// Whether the content type says `text/event-stream`.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

/// Copies what is not about a single connection (RFC 9110, section 7.6.1) and passes `keep`.
fn end_to_end(headers: &HeaderMap, keep: impl Fn(&HeaderName, &HeaderValue) -> bool) -> HeaderMap {
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<_> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
    let of_one_connection = |name: &HeaderName| {
        [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE]
            .contains(name)
            || ["keep-alive", "proxy-connection"].contains(&name.as_str())
            || named.iter().any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    headers
        .iter()
        .filter(|(name, value)| !of_one_connection(name) && keep(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a value is one of our keys, alone or after a scheme such as `Bearer`.
fn holds_own_key(value: &HeaderValue) -> bool {
    value.as_bytes().split(u8::is_ascii_whitespace).any(|word| word.starts_with(OWN_KEY_PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn upstream(pairs: &[(&'static str, &str)]) -> HeaderMap {
        for_upstream(&map(pairs), Some(&HeaderValue::from_static("Bearer sk-server")))
    }

    #[test]
    fn what_is_about_one_connection_host_or_message_stays_here() {
        let headers = upstream(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("host", "localhost:8080"),
            ("content-length", "12"),
            ("expect", "100-continue"),
            ("cookie", "session=1"),
            ("x-forwarded-for", "10.1.2.3"),
            ("accept-encoding", "gzip, br"),
            ("openai-organization", "org-1"),
            ("x-custom", "kept"),
        ]);
        let expected = map(&[
            ("openai-organization", "org-1"),
            ("x-custom", "kept"),
            ("authorization", "Bearer sk-server"),
            ("accept-encoding", "identity"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn the_clients_provider_key_wins_over_the_servers() {
        assert_eq!(upstream(&[("authorization", "Bearer sk-client")])["authorization"], "Bearer sk-client");
        assert!(!upstream(&[("api-key", "azure")]).contains_key("authorization"));
        assert_eq!(upstream(&[])["authorization"], "Bearer sk-server");
        assert!(!for_upstream(&HeaderMap::new(), None).contains_key("authorization"));
    }

    #[test]
    fn our_own_keys_and_headers_never_leave() {
        let headers = upstream(&[
            ("authorization", "Bearer tl_secret"),
            ("x-memory-key", "tl_secret"),
            ("x-memory-user", "ann"),
            ("x-api-key", "tl_secret"),
        ]);
        assert_eq!(headers["authorization"], "Bearer sk-server");
        assert!(headers.values().all(|value| !value.to_str().unwrap().contains("tl_")), "{headers:?}");
        assert!(!headers.contains_key("x-memory-user"));
    }

    #[test]
    fn rate_limits_and_provider_headers_come_back() {
        let headers = for_client(&map(&[
            ("x-ratelimit-remaining-requests", "9"),
            ("retry-after", "3"),
            ("openai-processing-ms", "12"),
            ("x-request-id", "req_1"),
            ("content-type", "application/json"),
            ("content-length", "12"),
            ("connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a=b"),
            ("x-memory-hits", "9"),
        ]));
        let expected = map(&[
            ("x-ratelimit-remaining-requests", "9"),
            ("retry-after", "3"),
            ("openai-processing-ms", "12"),
            ("x-request-id", "req_1"),
            ("content-type", "application/json"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_repeated_header_stays_repeated() {
        let mut two = HeaderMap::new();
        two.append("x-twice", HeaderValue::from_static("1"));
        two.append("x-twice", HeaderValue::from_static("2"));
        assert_eq!(for_client(&two).get_all("x-twice").iter().count(), 2);
    }

    #[test]
    fn event_streams_ask_not_to_be_buffered() {
        let headers = for_client(&map(&[("content-type", "Text/Event-Stream; charset=utf-8")]));
        assert_eq!(headers["x-accel-buffering"], "no");
        assert_eq!(headers["cache-control"], "no-cache");
    }
}
