//! Encrypted connections, in the degrees of trust that `sslmode` names.

use std::path::Path;
use std::process::Command;

use throughline_postgres::{PostgresOptions, PostgresStore};

use crate::server::Server;

/// Makes an issuer and a server's certificate for the name `localhost` in this folder.
fn certificates(home: &Path) {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=issuer -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
        printf 'subjectAltName=DNS:localhost' > names
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
        chmod 600 server.key && chmod 644 *.pem && chown --reference=. server.key";
    let made = Command::new("sh").args(["-e", "-c", script]).current_dir(home).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn real_tls_is_used_and_the_server_verified_as_the_mode_says() {
    let mut issuer = None;
    let server = Server::start_with(
        &["ssl=on", "ssl_cert_file=../server.pem", "ssl_key_file=../server.key"],
        |home| {
            certificates(home);
            let elsewhere = tempfile::NamedTempFile::new().unwrap();
            std::fs::copy(home.join("ca.pem"), elsewhere.path()).unwrap();
            issuer = Some(elsewhere);
        },
    );
    let issuer = issuer.unwrap();
    let issuer = issuer.path().display();
    server.execute("CREATE DATABASE memory");
    let open = |host: &str, parameters: &str| {
        let url = format!("postgres://postgres@{host}:{}/memory?{parameters}", server.port);
        PostgresStore::open(&url, None, &PostgresOptions::default())
    };
    let encrypted = || {
        let question = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'throughline' LIMIT 1";
        crate::database::ask(&server.url("memory"), question)
    };
    for (host, parameters, is_encrypted) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={issuer}"), true),
        ("localhost", format!("sslmode=verify-full&sslrootcert={issuer}"), true),
    ] {
        let store = open(host, &parameters).unwrap();
        assert_eq!(encrypted(), is_encrypted, "{parameters}");
        drop(store);
        server.wait_until(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'throughline')",
        );
    }
    for (host, parameters) in [
        // Another name; no issuer that this machine trusts.
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={issuer}")),
        ("localhost", "sslmode=verify-full".to_owned()),
        ("localhost", "sslmode=verify-ca".to_owned()),
    ] {
        open(host, &parameters).unwrap_err();
    }
}

#[test]
fn real_a_server_without_tls_is_refused_where_tls_is_required() {
    let database = crate::database::POSTGRES.database();
    let url = format!("{}?sslmode=require", database.url);
    let error = PostgresStore::open(&url, None, &PostgresOptions::default()).unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}
