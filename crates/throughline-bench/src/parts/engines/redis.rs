//! What a Redis does alone: one key written, one key read, one vector of a set of a thousand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::bench::Bench;
use crate::corpus;
use crate::load;
use crate::measure::{Times, at_once};

use super::{CLIENTS, Engine, Limits};

/// Vectors of the set that is searched.
const VECTORS: u64 = 1_000;
/// A server that says nothing for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// A connection that sends a command and reads its answer.
struct Connection(BufReader<TcpStream>);

/// What a server answers.
#[derive(Debug)]
enum Answer {
    Text(String),
    List(Vec<Answer>),
    Nothing,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn ask(&mut self, words: &[&[u8]]) -> Result<Answer> {
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            command.extend_from_slice(word);
            command.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&command)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).context("the server closed the connection")?;
        Ok(match kind {
            "-" => bail!("the server refuses: {rest}"),
            "$" | "*" if rest == "-1" => Answer::Nothing,
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>()? + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Answer::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            "*" => Answer::List((0..rest.parse()?).map(|_| self.answer()).collect::<Result<_>>()?),
            _ => Answer::Text(rest.to_owned()),
        })
    }

    /// A field of `INFO`.
    fn info(&mut self, field: &str) -> Result<String> {
        let Answer::Text(text) = self.ask(&[b"INFO"])? else { bail!("INFO is no text") };
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value.unwrap_or_default().to_owned())
    }
}

/// Bytes in the memory of all primaries; replicas have the same once more.
pub(super) fn bytes(url: &str) -> Result<f64> {
    let addresses = url.rsplit_once("://").map_or(url, |(_, addresses)| addresses);
    let mut bytes = 0.0;
    for address in addresses.split(',') {
        let mut connection = Connection::open(address)?;
        if connection.info("role")? == "master" {
            bytes += connection.info("used_memory")?.parse::<f64>()?;
        }
    }
    Ok(bytes)
}

/// Measures a server of the newest kind, which has all these commands, as durable as it is set. Others are left out.
pub(super) fn alone(bench: &Bench, engine: &Engine, limits: &mut Limits) -> Result<()> {
    let Some(address) = engine.single_redis() else { return Ok(()) };
    let mut connection = Connection::open(address)?;
    if !connection.info("redis_version")?.starts_with('8') {
        return Ok(());
    }
    for (at, clients) in CLIENTS.into_iter().enumerate() {
        let rate = rate(bench, address, clients, |connection, client, number| {
            let turn = corpus::turn(client, number);
            let key = format!("alone:{client}:{}", number % 1_000);
            connection.ask(&[b"SET", key.as_bytes(), turn.content.as_bytes()]).map(drop)
        })?;
        limits.of("Redis alone, SET").rates[at].push(rate);
        let rate = rate_of_reads(bench, address, clients)?;
        limits.of("Redis alone, GET").rates[at].push(rate);
    }
    for number in 0..VECTORS {
        let (vector, name) = (load::vector_bytes(number), number.to_string());
        connection.ask(&[b"VADD", b"alone:vectors", b"FP32", &vector, name.as_bytes()])?;
    }
    for (at, clients) in CLIENTS.into_iter().enumerate() {
        let rate = rate(bench, address, clients, |connection, client, number| {
            let (vector, name) = (load::vector_bytes(number), format!("{client}-{}", number % 1_000));
            let set = format!("alone:vectors:{client}");
            connection.ask(&[b"VADD", set.as_bytes(), b"FP32", &vector, name.as_bytes()]).map(drop)
        })?;
        limits.of("Redis alone, VADD into a set of 1,000").rates[at].push(rate);
    }
    let mut times = Times::default();
    for number in 0..bench.either(300, 20) as u64 {
        let vector = load::vector_bytes(number * 3 + 1);
        let begin = Instant::now();
        let found = connection.ask(&[b"VSIM", b"alone:vectors", b"FP32", &vector, b"COUNT", b"10"])?;
        times.push(begin.elapsed());
        ensure!(matches!(found, Answer::List(found) if found.len() == 10), "VSIM did not find ten");
    }
    limits.of("Redis alone, VSIM, ten of 1,000 vectors").searched(&times);
    connection.ask(&[b"DEL", b"alone:vectors"])?;
    Ok(())
}

fn rate_of_reads(bench: &Bench, address: &str, clients: usize) -> Result<f64> {
    rate(bench, address, clients, |connection, client, number| {
        let key = format!("alone:{client}:{}", number % 10);
        ensure!(matches!(connection.ask(&[b"GET", key.as_bytes()])?, Answer::Text(_)), "{key} is missing");
        Ok(())
    })
}

/// How often clients do it in a second, for a while.
fn rate(
    bench: &Bench,
    address: &str,
    clients: usize,
    work: impl Fn(&mut Connection, u64, u64) -> Result<()> + Sync,
) -> Result<f64> {
    let (begin, window) = (Instant::now(), bench.window());
    let done = at_once(clients, |client| {
        let mut connection = Connection::open(address)?;
        let mut number = 0;
        while begin.elapsed() < window {
            work(&mut connection, client as u64, number)?;
            number += 1;
        }
        Ok(number)
    })?;
    Ok(done.into_iter().sum::<u64>() as f64 / begin.elapsed().as_secs_f64())
}
