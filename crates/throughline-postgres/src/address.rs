//! Where the server is and how it is spoken to: read from a URL, with libpq's meaning of `sslmode` and `sslrootcert`.
//!
//! Nothing that is printed of it holds a credential.

use std::fmt::Write as _;
use std::path::PathBuf;

use throughline::ports::StoreError;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::options::PostgresOptions;
use crate::tls::{self, Trust};

/// What connections are made from.
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
    /// For people: hosts and database.
    pub(crate) place: String,
}

const FORM: &str = "write it like postgres://USER@HOST:5432/DATABASE?sslmode=verify-full, with what is special in a URL \
                    escaped (`%40` for @)";

impl Address {
    /// `password` goes before one in the URL.
    pub(crate) fn read(
        url: &str,
        password: Option<&str>,
        options: &PostgresOptions,
    ) -> Result<Self, StoreError> {
        let (rest, parameters) = url.split_once('?').unwrap_or((url, ""));
        let (mut kept, mut mode, mut root) = (Vec::new(), None, None);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => root = Some(PathBuf::from(unescaped(value))),
                _ => kept.push(parameter),
            }
        }
        // Not with its cause, which may quote a password that was cut in the middle.
        let mut config: Config = format!("{rest}?{}", kept.join("&"))
            .parse()
            .map_err(|_| StoreError::Unavailable(format!("the URL of the store cannot be read; {FORM}")))?;
        let (ssl, trust) = match mode.unwrap_or("prefer") {
            "disable" => (SslMode::Disable, Trust::Anyone),
            // As libpq has it: encrypted against who listens, not against who pretends to be the server.
            "prefer" => (SslMode::Prefer, Trust::Anyone),
            "require" if root.is_none() => (SslMode::Require, Trust::Anyone),
            "require" | "verify-ca" => (SslMode::Require, Trust::Issuer(root)),
            "verify-full" => (SslMode::Require, Trust::Name(root)),
            _ => {
                return Err(StoreError::Unavailable(
                    "`sslmode` of the store's URL is none of disable, prefer, require, verify-ca and verify-full".into(),
                ));
            }
        };
        config.ssl_mode(ssl).connect_timeout(options.connect_max).tcp_user_timeout(options.call_max);
        if let Some(password) = password {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("throughline");
        }
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        let place = place(&config);
        Ok(Self { config, tls: MakeRustlsConnect::new(tls::client(&trust)?), place })
    }
}

fn place(config: &Config) -> String {
    let mut place = "postgres://".to_owned();
    for (at, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let comma = if at > 0 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = match host {
            Host::Tcp(name) => write!(place, "{comma}{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => write!(place, "{comma}{}:{port}", path.display()),
        };
    }
    let _ = write!(place, "/{}", config.get_dbname().or(config.get_user()).unwrap_or_default());
    place
}

/// With `%2F` and the like replaced.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escaped =
            tail.get(..2).filter(|_| *byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(value) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(value);
            rest = &tail[2..];
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, password: Option<&str>) -> Result<Address, StoreError> {
        Address::read(url, password, &PostgresOptions::default())
    }

    #[test]
    fn a_place_names_hosts_and_database_and_no_credential() {
        let place = |url| read(url, None).unwrap().place;
        assert_eq!(place("postgres://me:hunter2@h/db?sslmode=require"), "postgres://h:5432/db");
        assert_eq!(
            place("postgresql://me@a:1,b:2/db?target_session_attrs=read-write"),
            "postgres://a:1,b:2/db"
        );
        assert_eq!(place("postgres://me:hunter2@"), "postgres://localhost:5432/me");
        assert_eq!(place("postgres://me@%2Frun%2Fpostgres/db"), "postgres:///run/postgres:5432/db");
    }

    #[test]
    fn the_password_of_the_settings_goes_before_the_one_in_the_url() {
        let password = |given| {
            read("postgres://me:first@h/db", given).unwrap().config.get_password().map(<[u8]>::to_vec)
        };
        assert_eq!(password(None).unwrap(), b"first");
        assert_eq!(password(Some("second")).unwrap(), b"second");
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        for url in [
            "postgres://me:hunter2@h:port/db",
            "postgres://h:hunter2/db",
            "postgres://me:hunter2@h/db?sslmode=maybe",
        ] {
            let error = read(url, None).err().unwrap_or_else(|| panic!("{url} was read")).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_named() {
        let error =
            read("postgres://h/db?sslmode=verify-full&sslrootcert=%2Fno%2Fsuch.pem", None).err().unwrap();
        assert!(error.to_string().contains("/no/such.pem"), "{error}");
    }
}
