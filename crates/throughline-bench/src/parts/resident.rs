//! Resident memory of the server: idle, with its model, and with many users whose search data is in memory.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::bench::{Bench, progress};
use crate::corpus;
use crate::load::{User, Vectors, load, observe};
use crate::measure::Rounds;
use crate::report::Table;
use crate::server::{Embeddings, Options, Server};

const USERS: usize = 1_000;
const TURNS_A_USER: u64 = 100;
const MEBIBYTE: f64 = 1_048_576.0;

/// What is kept of the rounds in one state of the server.
#[derive(Debug, Clone, Default)]
struct Measured {
    resident: Rounds,
    allocated: Rounds,
    shards: Rounds,
}

/// Measures it.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Table>> {
    let bar = progress("resident", bench.rounds as usize * 4 + 1);
    let count = bench.either(USERS, 50);
    let users: Vec<User> = (0..count as u64).map(|number| User { number, turns: TURNS_A_USER }).collect();
    let full = bench.folder("resident")?;
    load(bench, &Options::new(&full, Embeddings::Off), Vectors::Scripted, &users, &bar)?;
    bar.inc(1);
    let hot = format!("{count} hot users of {TURNS_A_USER} turns");
    let states = [
        ("idle, embedding off".to_owned(), Embeddings::Off, &[][..]),
        ("idle, with the model".to_owned(), Embeddings::Local, &[]),
        (format!("{hot}, embedding off"), Embeddings::Off, &users),
        (format!("{hot}, with the model"), Embeddings::Local, &users),
    ];
    let mut all: [Measured; 4] = Default::default();
    for _ in 0..bench.rounds {
        for ((name, embeddings, users), measured) in states.iter().zip(&mut all) {
            bar.set_message(name.clone());
            let data = if users.is_empty() { bench.folder("idle")? } else { full.clone() };
            let server = Server::start(bench, &Options::new(data, embeddings.clone()))?;
            one_state(&server, users, measured)?;
            server.stop()?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let columns = ["resident, MiB", "of it allocated, MiB", "search data, MiB"];
    let mut table = Table::new("resident", "Resident memory of the server", columns);
    for ((name, ..), measured) in states.into_iter().zip(all) {
        table.row(name, [measured.resident, measured.allocated, measured.shards]);
    }
    Ok(vec![table])
}

fn one_state(server: &Server, users: &[User], measured: &mut Measured) -> Result<()> {
    let mut client = server.client()?;
    // Even an idle server has been used once: what is only loaded or allocated at the first use is there.
    let first = User { number: u64::MAX, turns: 1 };
    observe(&mut client, &first.id(), "first", std::iter::once(corpus::turn(first.number, 0)))?;
    for (user, number) in users.iter().chain([&first]).zip(0..) {
        let body = json!({ "user": user.id(), "query": corpus::question(number), "budget_tokens": 1_000 });
        client.post("/api/v1/recall", &[], &body)?.json().with_context(|| user.id())?;
    }
    let shards = server.metrics()?.get("throughline_shard_bytes");
    measured.shards.push(shards / MEBIBYTE);
    let resident = server.resident();
    measured.resident.push(resident.map(|resident| resident.all / MEBIBYTE));
    measured.allocated.push(resident.map(|resident| resident.allocated / MEBIBYTE));
    Ok(())
}
