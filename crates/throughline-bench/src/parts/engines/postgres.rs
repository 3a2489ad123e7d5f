//! What a Postgres does alone: a row with its vector committed, and the nearest ten of one user's thousand.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls};

use crate::bench::Bench;
use crate::corpus;
use crate::load;
use crate::measure::Times;

use super::{CLIENTS, Engine, Limits};

/// Users in the table, each with a thousand rows, as the peer has them.
const USERS: i64 = 8;
const ROWS_A_USER: i64 = 1_000;

/// Connects; the connection ends with the client.
async fn open(url: &str) -> Result<Client> {
    let (client, connection) =
        url.parse::<Config>()?.connect(NoTls).await.with_context(|| format!("cannot connect to {url}"))?;
    // An error of the connection is an error of what is asked over it.
    tokio::spawn(connection);
    Ok(client)
}

/// A new database of this name on the server, and its URL.
pub(super) async fn create_database(url: &str, name: &str) -> Result<String> {
    let client = open(url).await?;
    client.batch_execute(&format!("DROP DATABASE IF EXISTS bench_{name}")).await?;
    client.batch_execute(&format!("CREATE DATABASE bench_{name}")).await?;
    let (scheme, rest) = url.split_once("://").context("a URL has a scheme")?;
    let server = rest.split('/').next().unwrap_or(rest);
    Ok(format!("{scheme}://{server}/bench_{name}"))
}

/// What the database takes on disk.
pub(super) async fn bytes(url: &str) -> Result<f64> {
    let row = open(url).await?.query_one("SELECT pg_database_size(current_database())", &[]).await?;
    Ok(row.get::<_, i64>(0) as f64)
}

/// Measures it, if this engine is one and has pgvector.
pub(super) fn alone(bench: &Bench, engine: &Engine, runtime: &Runtime, limits: &mut Limits) -> Result<()> {
    let Some(url) = engine.url.as_deref().filter(|_| engine.is_postgres()) else { return Ok(()) };
    runtime.block_on(measure(bench, url, limits))
}

async fn measure(bench: &Bench, url: &str, limits: &mut Limits) -> Result<()> {
    let url = create_database(url, "alone").await?;
    let client = open(&url).await?;
    if client.batch_execute("CREATE EXTENSION vector").await.is_err() {
        return Ok(());
    }
    client
        .batch_execute(
            "CREATE TABLE turns (id bigserial PRIMARY KEY, person bigint, content text, embedding vector(384));
             CREATE INDEX ON turns (person)",
        )
        .await?;
    for (at, clients) in CLIENTS.into_iter().enumerate() {
        let begin = Instant::now();
        let mut running = Vec::new();
        for person in (USERS..).take(clients) {
            running.push(tokio::spawn(insert_for(url.clone(), person, bench.window())));
        }
        let mut rows = 0;
        for inserts in running {
            rows += inserts.await??;
        }
        limits.of("Postgres alone, a row with its vector a commit").rates[at]
            .push(rows as f64 / begin.elapsed().as_secs_f64());
    }
    for person in 0..USERS {
        let insert = "INSERT INTO turns (person, content, embedding) \
            SELECT $1, '', e::vector FROM unnest($2::text[]) AS e";
        let vectors: Vec<String> = (0..ROWS_A_USER).map(|row| vector(row.unsigned_abs())).collect();
        client.execute(insert, &[&person, &vectors]).await?;
    }
    client.batch_execute("ANALYZE turns").await?;
    // The vector is read once, not for each row.
    let nearest = client
        .prepare("SELECT id FROM turns WHERE person = $1 ORDER BY embedding <=> (SELECT $2::text::vector) LIMIT 10")
        .await?;
    let mut times = Times::default();
    for (number, person) in (0..bench.either(300, 20) as u64).zip((0..USERS).cycle()) {
        let asked = vector(number * 3 + 1);
        let begin = Instant::now();
        let found = client.query(&nearest, &[&person, &asked]).await?;
        times.push(begin.elapsed());
        ensure!(found.len() == 10, "pgvector found {} of ten", found.len());
    }
    limits.of("Postgres alone, pgvector, exact over a user's 1,000 rows").searched(&times);
    Ok(())
}

async fn insert_for(url: String, person: i64, window: std::time::Duration) -> Result<u64> {
    let client = open(&url).await?;
    let insert = client
        .prepare("INSERT INTO turns (person, content, embedding) VALUES ($1, $2, $3::text::vector)")
        .await?;
    let (begin, mut number) = (Instant::now(), 0);
    while begin.elapsed() < window {
        let turn = corpus::turn(person.unsigned_abs(), number);
        client.execute(&insert, &[&person, &turn.content, &vector(number)]).await?;
        number += 1;
    }
    Ok(number)
}

/// As pgvector reads it.
fn vector(number: u64) -> String {
    let mut text = String::from("[");
    for component in load::vector_bytes(number).chunks_exact(size_of::<f32>()) {
        let component = component.try_into().map(f32::from_le_bytes).unwrap_or_default();
        let _ = write!(text, "{}{component}", if text.len() > 1 { "," } else { "" });
    }
    text + "]"
}
