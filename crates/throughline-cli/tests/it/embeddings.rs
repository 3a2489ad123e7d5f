//! A stand-in for an `/embeddings` server: it gives every model the same foreseeable vectors.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

/// Starts it and returns its base URL. It lives as long as the test's process.
pub(crate) fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(|| answer(stream.unwrap()));
        }
    });
    url
}

/// One request a connection; a client that hangs up early is of no interest.
fn answer(mut stream: TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
            if let Some(body) = bytes.get(end + 4..).filter(|body| body.len() >= length) {
                let answer = vectors(&serde_json::from_slice(body).ok()?).to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).ok()?;
                return Some(());
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Insects point one way, all else another.
fn vectors(request: &Value) -> Value {
    let vector = |text: &Value| {
        let text = text.as_str().unwrap_or_default();
        if text.contains("bees") || text.contains("insects") { [1.0, 0.1] } else { [0.1, 1.0] }
    };
    let texts = request["input"].as_array().cloned().unwrap_or_else(|| vec![request["input"].clone()]);
    let data: Vec<Value> = (0..)
        .zip(&texts)
        .map(|(index, text): (usize, _)| json!({"object": "embedding", "index": index, "embedding": vector(text)}))
        .collect();
    json!({ "object": "list", "data": data })
}
