//! Fills a store with users of a given size before it is measured.
//!
//! To load 100,000 turns with the model would take much longer than all measurements. Where it does not matter what is
//! found, vectors come from a scripted endpoint that bears the model's name: every search compares the query with every
//! vector of the user, so its cost does not depend on what they are.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use throughline_testkit::{RecordedRequest, Script, ScriptedUpstream};
use tokio::runtime::Runtime;

use crate::bench::Bench;
use crate::client::Client;
use crate::corpus;
use crate::measure::at_once;
use crate::server::{Embeddings, Options, Server};

/// Dimensions of the model's vectors.
const DIMENSIONS: usize = 384;
/// Different vectors of the endpoint; they repeat after that.
const VECTORS: u64 = 251;
/// Turns of one request while loading.
const TURNS_A_REQUEST: u64 = 100;
/// Clients that load.
const CLIENTS: usize = 4;

/// The vectors that turns are loaded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// None at all.
    None,
    /// The model's own: slow.
    OfModel,
    /// As many and as long as the model's, without meaning.
    Scripted,
}

/// A user with that many turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    /// Which one.
    pub(crate) number: u64,
    /// How much it has said and heard.
    pub(crate) turns: u64,
}

impl User {
    /// The id in requests.
    pub(crate) fn id(self) -> String {
        format!("user-{}", self.number)
    }
}

/// Writes all turns of the users into the store of these options.
pub(crate) fn load(
    bench: &Bench,
    options: &Options,
    vectors: Vectors,
    users: &[User],
    bar: &ProgressBar,
) -> Result<()> {
    bar.set_message(format!("loading {} turns", users.iter().map(|user| user.turns).sum::<u64>()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let endpoint = endpoint(&runtime);
    let embeddings = match vectors {
        Vectors::None => Embeddings::Off,
        Vectors::OfModel => Embeddings::Local,
        Vectors::Scripted => Embeddings::Endpoint(endpoint.url()),
    };
    let server = Server::start(bench, &Options { embeddings, ..options.clone() })?;
    at_once(CLIENTS, |number| {
        let mut client = server.client()?;
        for user in users.iter().skip(number).step_by(CLIENTS) {
            let mut first = 0;
            while first < user.turns {
                let end = user.turns.min(first + TURNS_A_REQUEST);
                observe(
                    &mut client,
                    &user.id(),
                    "loaded",
                    (first..end).map(|turn| corpus::turn(user.number, turn)),
                )?;
                first = end;
            }
        }
        Ok(())
    })?;
    let waiting = server.metrics()?.get("throughline_unembedded_passages");
    ensure!(vectors == Vectors::None || waiting == 0.0, "{waiting} passages have no vector");
    server.stop()
}

/// Writes turns; an answer other than success is an error. How many were acknowledged.
pub(crate) fn observe(
    client: &mut Client,
    user: &str,
    session: &str,
    turns: impl Iterator<Item = corpus::Turn>,
) -> Result<u64> {
    let turns: Vec<Value> = turns.map(|turn| json!({ "role": turn.role, "content": turn.content })).collect();
    let sent = turns.len();
    let body = json!({ "user": user, "session": session, "turns": turns });
    let answer = client.post("/api/v1/turns", &[], &body)?.json()?;
    let acknowledged = answer["turns"].as_array().map_or(0, Vec::len);
    ensure!(acknowledged == sent, "{acknowledged} of {sent} turns acknowledged");
    Ok(acknowledged as u64)
}

fn endpoint(runtime: &Runtime) -> ScriptedUpstream {
    let vectors: Vec<String> = (0..VECTORS).map(vector).collect();
    let answer = move |request: &RecordedRequest| {
        let count = request.json()["input"].as_array().map_or(1, Vec::len);
        let first = request.body.len();
        let data: Vec<Value> = (0..count)
            .map(|index| json!({ "index": index, "embedding": vectors[(first + index * 7) % vectors.len()] }))
            .collect();
        Script::json(200, &json!({ "data": data }))
    };
    runtime.block_on(ScriptedUpstream::start(answer))
}

/// In the `base64` format of `/embeddings`.
fn vector(number: u64) -> String {
    STANDARD.encode(vector_bytes(number))
}

/// The numbers of a vector that is not like its neighbours, little-endian `f32`.
pub(crate) fn vector_bytes(number: u64) -> Vec<u8> {
    let mut state = number + 1;
    let mut bytes = Vec::with_capacity(DIMENSIONS * size_of::<f32>());
    for _ in 0..DIMENSIONS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let component = f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 32_768.0 - 1.0;
        bytes.extend_from_slice(&component.to_le_bytes());
    }
    bytes
}
