//! The URL of a store on a server: which engine it names, and what of it may be shown.
//!
//! Whatever prints one shows no credential: user, password and query are left out.

use std::fmt;

use super::values::Value;

/// What a store is kept by, if not by this program itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Redis or Valkey.
    Redis,
    /// Postgres.
    Postgres,
    /// Qdrant, for vectors alone.
    Qdrant,
}

/// Every scheme that is known, and what it names.
const SCHEMES: [(&str, Engine); 10] = [
    ("redis", Engine::Redis),
    ("rediss", Engine::Redis),
    ("redis+sentinel", Engine::Redis),
    ("redis+cluster", Engine::Redis),
    ("rediss+sentinel", Engine::Redis),
    ("rediss+cluster", Engine::Redis),
    ("postgres", Engine::Postgres),
    ("postgresql", Engine::Postgres),
    ("qdrant", Engine::Qdrant),
    ("qdrants", Engine::Qdrant),
];

/// A store's address. `Debug` and [`Value::shown`] leave credentials out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoreUrl {
    engine: Engine,
    url: String,
}

impl StoreUrl {
    /// What is asked to keep it.
    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// The whole URL. Give it to the engine alone.
    pub(crate) fn expose(&self) -> &str {
        &self.url
    }
}

impl Value for StoreUrl {
    const FORM: &'static str = "URL";

    fn read(text: &str) -> Result<Self, String> {
        let url = text.trim().to_owned();
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        let known = SCHEMES.iter().find(|(known, _)| scheme.is_some_and(|s| s.eq_ignore_ascii_case(known)));
        match (known, scheme) {
            (Some((_, engine)), _) => Ok(Self { engine: *engine, url }),
            // What is no URL may be a password in the wrong place: it is not repeated.
            (None, Some(scheme))
                if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
            {
                Err(format!("`{scheme}` is no store this program knows; {}", known_schemes()))
            }
            (None, _) => Err(format!("this is no URL of a store; {}", known_schemes())),
        }
    }

    fn shown(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else { return "…".to_owned() };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // A password with one of these characters in it would be cut in the middle: then nothing is shown.
        if path.contains('@') {
            return format!("{scheme}://…");
        }
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        format!("{scheme}://{hosts}{path}")
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({})", self.shown())
    }
}

fn known_schemes() -> String {
    let schemes: Vec<String> = SCHEMES.iter().map(|(scheme, _)| format!("{scheme}://")).collect();
    let (last, others) = schemes
        .split_last()
        .map_or((String::new(), String::new()), |(last, others)| (last.clone(), others.join(", ")));
    format!("use a URL that begins with {others} or {last}, or leave it out to keep memory in a folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        StoreUrl::read(url).unwrap().shown()
    }

    #[test]
    fn what_is_shown_names_the_place_and_no_credential() {
        assert_eq!(shown("redis://h:6379/0"), "redis://h:6379/0");
        assert_eq!(shown("postgres://me:hunter2@h1,h2:5433/db?sslmode=require"), "postgres://h1,h2:5433/db");
        assert_eq!(shown("redis+cluster://:hunter2@h:1"), "redis+cluster://h:1");
        assert_eq!(shown("postgres://h/db?password=hunter2"), "postgres://h/db");
        // A slash, a question mark or an @ in a password that nobody escaped.
        for url in ["postgres://me:h/unter2@h/db", "redis://:h?unter2@h", "postgres://h/db?password=h@unter2"]
        {
            assert!(!shown(url).contains("unter2"), "{}", shown(url));
        }
        assert_eq!(shown("postgres://me:h@unter2@h/db"), "postgres://h/db");
        assert!(!format!("{:?}", StoreUrl::read("redis://:hunter2@h")).contains("hunter2"));
    }

    #[test]
    fn an_unknown_scheme_is_refused_with_the_known_ones_and_nothing_else_is_repeated() {
        let error = StoreUrl::read("mysql://me:hunter2@h/db").unwrap_err();
        assert!(error.starts_with("`mysql` is no store") && error.contains("redis+sentinel://"), "{error}");
        assert!(!error.contains("hunter2"));
        let error = StoreUrl::read("hunter2").unwrap_err();
        assert!(error.contains("qdrants://") && !error.contains("hunter2"), "{error}");
        let error = StoreUrl::read("hunter2@x://").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_scheme_names_the_engine_however_it_is_written() {
        assert_eq!(StoreUrl::read("rediss://h").unwrap().engine(), Engine::Redis);
        assert_eq!(StoreUrl::read("PostgreSQL://h/db").unwrap().engine(), Engine::Postgres);
    }
}
