//! The URL of a store: which servers, how they are found, and with which credentials.

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, RedisResult};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How the server that has a key is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Servers {
    /// It is this one.
    Single(Address),
    /// Sentinels know the primary of this name.
    Sentinel {
        /// Any of them will do.
        sentinels: Vec<Address>,
        /// What they call it.
        primary: String,
    },
    /// Nodes of a Cluster know it.
    Cluster(Vec<Address>),
}

/// All that a URL says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoreUrl {
    pub(crate) servers: Servers,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// The number of the database; a Cluster has only 0.
    pub(crate) database: i64,
}

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

const FORMS: &str = "a store's URL is redis://host:port, rediss://host:port (TLS), redis+sentinel://host:port,host:port/primary \
     or redis+cluster://host:port,host:port, with user:password@ before the first host where they are needed";

impl StoreUrl {
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or(FORMS)?;
        let (kind, tls) = match scheme {
            "redis" | "valkey" => ("single", false),
            "rediss" | "valkeys" => ("single", true),
            "redis+sentinel" => ("sentinel", false),
            "rediss+sentinel" => ("sentinel", true),
            "redis+cluster" => ("cluster", false),
            "rediss+cluster" => ("cluster", true),
            other => return Err(format!("`{other}://` is not known: {FORMS}")),
        };
        if rest.contains('?') || rest.contains('#') {
            return Err(format!("a store's URL has no parameters: {FORMS}"));
        }
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
            Some((user, password)) => (given(user)?, given(password)?),
            None => (None, None),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if kind == "sentinel" { SENTINEL_PORT } else { PORT };
        let addresses: Vec<Address> =
            hosts.split(',').map(|host| address(host, port)).collect::<Result<_, _>>()?;
        let mut database = 0;
        let servers = match (kind, &addresses[..]) {
            ("sentinel", _) if path.is_empty() => {
                return Err(
                    "the URL of Sentinels names the primary: redis+sentinel://host:port/primary".into()
                );
            }
            ("sentinel", _) => Servers::Sentinel { sentinels: addresses, primary: path.to_owned() },
            ("cluster", _) if path.is_empty() => Servers::Cluster(addresses),
            ("cluster", _) => return Err("a Cluster has only database 0: leave `/…` out of the URL".into()),
            (_, [address]) => {
                if !path.is_empty() {
                    let number = path.parse().ok().filter(|number| *number >= 0);
                    database = number.ok_or_else(|| format!("`{path}` is not the number of a database"))?;
                }
                Servers::Single(address.clone())
            }
            _ => return Err("redis:// takes one server: use redis+sentinel:// or redis+cluster://".into()),
        };
        Ok(Self { servers, tls, user, password, database })
    }

    /// What redis-rs needs to connect to one of the servers.
    pub(crate) fn connection(&self, address: &Address) -> RedisResult<redis::ConnectionInfo> {
        let mut settings = RedisConnectionInfo::default().set_db(self.database).set_skip_set_lib_name();
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        Ok(self.address(address).into_connection_info()?.set_redis_settings(settings))
    }

    /// Sentinels have no user, no password and no databases of ours.
    pub(crate) fn sentinel_connection(&self, address: &Address) -> RedisResult<redis::ConnectionInfo> {
        let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        Ok(self.address(address).into_connection_info()?.set_redis_settings(settings))
    }

    fn address(&self, Address { host, port }: &Address) -> ConnectionAddr {
        let (host, port) = (host.clone(), *port);
        if self.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }
}

/// With the servers, without the credentials.
impl std::fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed =
            |addresses: &[Address]| addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(",");
        let scheme = if self.tls { "rediss" } else { "redis" };
        match &self.servers {
            Servers::Single(address) => write!(f, "{scheme}://{address}/{}", self.database),
            Servers::Sentinel { sentinels, primary } => {
                write!(f, "{scheme}+sentinel://{}/{primary}", listed(sentinels))
            }
            Servers::Cluster(seeds) => write!(f, "{scheme}+cluster://{}", listed(seeds)),
        }
    }
}

impl std::fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

fn address(text: &str, port: u16) -> Result<Address, String> {
    let wrong = || format!("`{text}` is not host:port: {FORMS}");
    let (host, given) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (host, rest.strip_prefix(':'))
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    let port = given.map_or(Ok(port), |given| given.parse().map_err(|_| wrong()))?;
    Ok(Address { host: host.to_owned(), port })
}

/// A user or password with its `%xx` decoded; none if it is empty.
fn given(text: &str) -> Result<Option<String>, String> {
    let wrong = || "user and password of a URL are written with %xx for other bytes than letters and digits";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
        let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = after;
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_servers_and_shows_no_password() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("rediss://ann:s%40crét@db:7000/3", "rediss://db:7000/3"),
            ("redis://:secret@[::1]:7000", "redis://::1:7000/0"),
            ("redis+sentinel://a,b:7001/mm", "redis+sentinel://a:26379,b:7001/mm"),
            ("redis+cluster://u:p@a:1,b:2", "redis+cluster://a:1,b:2"),
        ] {
            let url = StoreUrl::parse(url).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.into(), shown.into()));
        }
        let url = StoreUrl::parse("rediss://ann:s%40crét@db:7000/3").unwrap();
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("ann"), Some("s@crét")));
        assert_eq!(StoreUrl::parse("redis://:secret@h").unwrap().user, None);
    }

    #[test]
    fn a_wrong_url_says_what_is_wrong() {
        for (url, part) in [
            ("localhost:6379", "a store's URL is"),
            ("http://a", "`http://` is not known"),
            ("redis://a,b", "takes one server"),
            ("redis://a:b", "`a:b` is not host:port"),
            ("redis://a/x", "not the number of a database"),
            ("redis+sentinel://a", "names the primary"),
            ("redis+cluster://a/1", "only database 0"),
            ("redis://u:%4@a", "%xx"),
            ("redis://a?b=c", "no parameters"),
        ] {
            let error = StoreUrl::parse(url).unwrap_err();
            assert!(error.contains(part), "{url}: {error}");
        }
    }
}
