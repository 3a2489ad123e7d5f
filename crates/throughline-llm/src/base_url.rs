//! The address of an OpenAI-compatible API, however the user wrote it.
//!
//! What it prints must never hold a credential: user info and query values are left out.

use std::{fmt, str::FromStr};

use reqwest::Url;

/// Where an API lives, up to and including its version: `https://api.openai.com/v1`.
///
/// A URL without a path gets `/v1`; any other path is taken as it is, since providers differ
/// (`/api/v1`, `/openai/v1`, `/v1beta/openai`). A query (`?api-version=…`) is kept for every request.
/// `Display` and `Debug` leave out user info and query.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is not the address of an API. Never repeats the text, which may hold a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Not a URL at all.
    #[error("the upstream URL cannot be read ({reason}); write it like https://api.openai.com/v1")]
    NotAUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// A scheme that is not HTTP, or no host.
    #[error("the upstream URL must start with http:// or https:// and name a host, not `{scheme}:`")]
    NotHttp {
        /// The scheme that was given.
        scheme: String,
    },
}

impl BaseUrl {
    /// The host and, unless it is the scheme's own, the port: what may stand in logs and errors.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether connections to it are encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// The URL of an endpoint such as `chat/completions` or `models?limit=5`.
    pub(crate) fn endpoint(&self, path_and_query: &str) -> Url {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut url = self.0.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", path.trim_start_matches('/')));
        if !query.is_empty() {
            let query = self.0.query().map_or_else(|| query.to_owned(), |base| format!("{base}&{query}"));
            url.set_query(Some(&query));
        }
        url
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let mut url =
            Url::parse(text.trim()).map_err(|error| BaseUrlError::NotAUrl { reason: error.to_string() })?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BaseUrlError::NotHttp { scheme: url.scheme().to_owned() });
        }
        url.set_fragment(None);
        if url.path() == "/" {
            url.set_path("/v1");
        }
        Ok(Self(url))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.0.scheme(), self.host(), self.0.path())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base: &str, path: &str) -> String {
        base.parse::<BaseUrl>().unwrap().endpoint(path).to_string()
    }

    #[test]
    fn the_version_is_added_only_where_no_path_was_given() {
        for (base, expected) in [
            ("https://api.openai.com", "https://api.openai.com/v1/models"),
            ("https://api.openai.com/", "https://api.openai.com/v1/models"),
            (" http://localhost:11434/v1/ ", "http://localhost:11434/v1/models"),
            ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/models"),
            ("https://host/v1beta/openai/", "https://host/v1beta/openai/models"),
        ] {
            assert_eq!(endpoint(base, "models"), expected);
            assert_eq!(endpoint(base, "/models"), expected);
        }
    }

    #[test]
    fn queries_of_the_base_and_of_the_request_are_both_kept() {
        assert_eq!(
            endpoint("http://h/v1?api-version=1", "models?a=b"),
            "http://h/v1/models?api-version=1&a=b"
        );
        assert_eq!(endpoint("http://h/v1?api-version=1", "models"), "http://h/v1/models?api-version=1");
        assert_eq!(endpoint("http://h/v1", "models?a=b"), "http://h/v1/models?a=b");
    }

    #[test]
    fn what_is_printed_holds_no_credential() {
        let base: BaseUrl = "https://me:hunter2@api.example.com:8443/v1?key=hunter3".parse().unwrap();
        assert_eq!(base.to_string(), "https://api.example.com:8443/v1");
        assert_eq!(format!("{base:?}"), "BaseUrl(https://api.example.com:8443/v1)");
        assert_eq!(base.host(), "api.example.com:8443");
        let error = "hunter2 no url".parse::<BaseUrl>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for text in ["", "api.openai.com/v1", "localhost:8080", "ftp://h/v1", "file:///etc/passwd"] {
            text.parse::<BaseUrl>().unwrap_err();
        }
    }

    #[test]
    fn loopback_is_recognised() {
        for (text, expected) in [
            ("http://localhost:1", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:8080/v1", true),
            ("http://10.0.0.1", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().is_loopback(), expected, "{text}");
        }
    }
}
