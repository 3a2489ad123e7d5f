//! The remote embedder against a server that follows a script, and against a real one.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use throughline::ports::{EmbedError, EmbedRole, Embedder as _};
use throughline_embed::{ApiKey, RemoteEmbedder, RemoteSettings, TEXT_BYTES_MAX};

use super::{cosine, length, required_env};

const SOON: Duration = Duration::from_secs(30);

/// What the server does with a request.
enum Reply {
    Answer(u16, &'static str, String),
    HangUp,
    /// Keeps the connection and says nothing.
    Silence,
}

/// A request as the server saw it.
struct Seen {
    head: String,
    body: Value,
}

type Script = dyn Fn(usize, &Value) -> Reply + Send;

struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers each request by `script`, which is told how many came before it.
    fn start(script: impl Fn(usize, &Value) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Self { url, seen: seen.clone() };
        let script: Box<Script> = Box::new(script);
        thread::spawn(move || {
            let mut silent = Vec::new();
            for (count, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let Some(request) = read_request(&mut stream) else { continue };
                let reply = script(count, &request.body);
                seen.lock().unwrap().push(request);
                match reply {
                    Reply::Answer(status, headers, body) => {
                        let length = body.len();
                        let head = format!(
                            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n"
                        );
                        let _ = stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes());
                    }
                    Reply::HangUp => drop(stream),
                    Reply::Silence => silent.push(stream),
                }
            }
        });
        server
    }

    fn settings(&self) -> RemoteSettings {
        RemoteSettings { dimensions: Some(2), ..RemoteSettings::new(&self.url, "some-model") }
    }

    fn connect(&self) -> RemoteEmbedder {
        connect(self.settings())
    }

    fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn connect(settings: RemoteSettings) -> RemoteEmbedder {
    try_connect(settings).unwrap()
}

fn try_connect(settings: RemoteSettings) -> Result<RemoteEmbedder, EmbedError> {
    // Another test of the same process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    RemoteEmbedder::connect(settings, SOON)
}

fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
            if let Some(body) = bytes.get(end + 4..).filter(|body| body.len() >= length) {
                return Some(Seen { head, body: serde_json::from_slice(body).unwrap() });
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// One vector for each text: (its length in bytes, 1) before scaling.
fn good(body: &Value) -> Reply {
    let texts = body["input"].as_array().unwrap();
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .rev()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": [text.as_str().unwrap().len(), 1]}))
        .collect();
    Reply::Answer(200, "", json!({"object": "list", "data": data}).to_string())
}

fn refuse(status: u16, headers: &'static str, message: &str) -> Reply {
    Reply::Answer(status, headers, json!({"error": {"message": message}}).to_string())
}

fn embed(embedder: &RemoteEmbedder, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let embeddings = embedder.embed(EmbedRole::Passage, texts, SOON)?;
    Ok(embeddings.into_iter().map(|embedding| embedding.vector).collect())
}

#[test]
fn texts_go_out_in_bounded_batches_and_come_back_in_order() {
    let server = Server::start(|_, body| good(body));
    let settings = RemoteSettings { batch_texts_max: 3, batch_bytes_max: 30, ..server.settings() };
    let texts = ["a", "bb", "ccc", "dddd", &"e".repeat(40), "ffffff", &"g".repeat(29), "hh"];
    let vectors = embed(&connect(settings), &texts).unwrap();
    for (text, vector) in texts.iter().zip(&vectors) {
        assert!((vector[0] / vector[1] - text.len() as f32).abs() < 1e-3, "{text}: {vector:?}");
        assert!((length(vector) - 1.0).abs() < 1e-6);
    }
    let mut sizes: Vec<usize> =
        server.seen.lock().unwrap().iter().map(|seen| seen.body["input"].as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 1, 1, 1, 3]);
}

#[test]
fn the_request_has_the_shape_of_the_openai_api_and_the_role_s_prefix() {
    let server = Server::start(|_, body| good(body));
    let settings = RemoteSettings {
        api_key: Some(ApiKey::new("sk-secret")),
        query_prefix: "query: ".into(),
        passage_prefix: "passage: ".into(),
        ..server.settings()
    };
    let embedder = connect(settings);
    embedder.embed(EmbedRole::Query, &["where?"], SOON).unwrap();
    embedder.embed(EmbedRole::Passage, &["there"], SOON).unwrap();
    let seen = server.seen.lock().unwrap();
    assert!(seen[0].head.starts_with("post /v1/embeddings http/1.1"), "{}", seen[0].head);
    assert!(seen[0].head.contains("authorization: bearer sk-secret"));
    let body = |input: &str| json!({"model": "some-model", "input": [input], "encoding_format": "float"});
    assert_eq!(seen[0].body, body("query: where?"));
    assert_eq!(seen[1].body, body("passage: there"));
}

#[test]
fn empty_and_overlong_texts_are_made_acceptable() {
    let server = Server::start(|_, body| good(body));
    embed(&server.connect(), &["", &"x".repeat(TEXT_BYTES_MAX + 1)]).unwrap();
    let input = &server.seen.lock().unwrap()[0].body["input"];
    assert_eq!(input[0], " ");
    assert_eq!(input[1].as_str().unwrap().len(), TEXT_BYTES_MAX);
}

#[test]
fn the_dimensions_are_asked_for_if_not_given() {
    let server = Server::start(|_, body| good(body));
    let embedder = connect(RemoteSettings::new(&server.url, "some-model"));
    assert_eq!(embedder.model().dimensions, 2);
    assert_eq!(embedder.model().name, "some-model");
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_failure_that_may_pass_is_tried_again() {
    let server = Server::start(|count, body| match count {
        0 => refuse(503, "", "loading"),
        1 => refuse(429, "retry-after: 0\r\n", "slow down"),
        2 => Reply::HangUp,
        _ => good(body),
    });
    assert_eq!(embed(&server.connect(), &["text"]).unwrap().len(), 1);
    assert_eq!(server.requests(), 4);
}

#[test]
fn attempts_are_bounded_and_the_last_reason_is_told() {
    let server = Server::start(|_, _| refuse(500, "", "out of memory"));
    let settings = RemoteSettings { attempts_max: 2, ..server.settings() };
    let error = embed(&connect(settings), &["text"]).unwrap_err();
    assert_eq!(error, EmbedError::Unavailable("HTTP 500: out of memory".into()));
    assert_eq!(server.requests(), 2);
}

#[test]
fn a_wait_beyond_the_deadline_is_not_begun() {
    let server = Server::start(|_, _| refuse(429, "retry-after: 3600\r\n", "come back later"));
    let error = embed(&server.connect(), &["text"]).unwrap_err();
    assert_eq!(error, EmbedError::Unavailable("HTTP 429: come back later".into()));
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_refusal_is_final_and_never_repeats_the_key() {
    let server = Server::start(|_, _| refuse(401, "", "Incorrect API key provided: sk-secret."));
    let settings = RemoteSettings { api_key: Some(ApiKey::new("sk-secret")), ..server.settings() };
    assert!(!format!("{settings:?}").contains("sk-secret"));
    let error = embed(&connect(settings), &["text"]).unwrap_err();
    assert_eq!(error, EmbedError::Rejected("HTTP 401: Incorrect API key provided: [key].".into()));
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let server = Server::start(|_, _| Reply::Answer(307, "location: http://127.0.0.1:1/\r\n", String::new()));
    let error = embed(&server.connect(), &["text"]).unwrap_err();
    assert_eq!(error, EmbedError::Rejected("HTTP 307: no reason given".into()));
}

#[test]
fn a_server_that_says_nothing_costs_no_more_than_the_deadline() {
    let server = Server::start(|_, _| Reply::Silence);
    let error = server.connect().embed(EmbedRole::Query, &["text"], Duration::from_millis(50)).unwrap_err();
    assert_eq!(error, EmbedError::DeadlineExceeded);
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings =
        RemoteSettings { attempts_max: 1, ..RemoteSettings::new(format!("http://{free}/v1"), "m") };
    let error = try_connect(settings).err().unwrap();
    assert!(matches!(error, EmbedError::Unavailable(_)), "{error}");
}

#[test]
fn an_answer_of_another_size_is_malformed() {
    let server = Server::start(|_, body| good(body));
    let settings = RemoteSettings { dimensions: Some(3), ..server.settings() };
    let error = embed(&connect(settings), &["text"]).unwrap_err();
    assert!(
        matches!(&error, EmbedError::Malformed(reason) if reason.contains("2 dimensions instead of 3")),
        "{error}"
    );
}

#[test]
fn a_base_url_without_http_is_refused_and_not_repeated() {
    for url in ["user:secret@host/v1", "ftp://user:secret@host/v1", ""] {
        let error = try_connect(RemoteSettings::new(url, "m")).err().unwrap();
        assert!(matches!(&error, EmbedError::Rejected(reason) if !reason.contains("secret")), "{error}");
    }
}

#[test]
fn it_can_be_called_and_dropped_inside_another_runtime() {
    let server = Server::start(|_, body| good(body));
    let embedder = server.connect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move {
        let embedder = Arc::new(embedder);
        let blocking = embedder.clone();
        let vectors = tokio::task::spawn_blocking(move || embed(&blocking, &["text"])).await.unwrap();
        assert_eq!(vectors.unwrap().len(), 1);
        drop(embedder);
    });
}

#[test]
fn real_a_multilingual_server_finds_the_sentence_in_another_language() {
    let url = required_env("THROUGHLINE_TEST_EMBEDDINGS_URL");
    let settings = RemoteSettings {
        query_prefix: "query: ".into(),
        passage_prefix: "passage: ".into(),
        batch_texts_max: 2,
        ..RemoteSettings::new(url, "multilingual-e5-small")
    };
    let embedder = connect(settings);
    assert_eq!(embedder.model().dimensions, 384);
    let passages =
        ["Der Zug nach Wien fährt um acht Uhr ab.", "Meine Katze heißt Pepper.", "The soup needs more salt."];
    let found = embed(&embedder, &passages).unwrap();
    let query = embedder.embed(EmbedRole::Query, &["When does the train leave?"], SOON).unwrap();
    let scores: Vec<f32> = found.iter().map(|passage| cosine(&query[0].vector, passage)).collect();
    assert!(scores[0] > scores[1] && scores[0] > scores[2], "{scores:?}");
}
