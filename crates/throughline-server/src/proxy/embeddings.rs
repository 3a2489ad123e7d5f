//! `POST /v1/embeddings`: served by the in-process model under its own name, else passed through.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use throughline::ports::{EMBED_TEXTS_MAX, EmbedError, EmbedRole};

use crate::auth::Principal;
use crate::error::{ApiError, ErrorCode};
use crate::limits::read_body;
use crate::state::AppState;

use super::forward::send;
use super::report::MemoryReport;

/// Texts one request may have.
const TEXTS_MAX: usize = 2_048;
/// How long the model may take for a request.
const EMBED_MS_MAX: u64 = 120_000;

#[derive(Deserialize)]
struct EmbeddingRequest {
    #[serde(default)]
    model: String,
    #[serde(default)]
    input: Value,
    encoding_format: Option<String>,
    dimensions: Option<usize>,
}

pub(super) async fn create(
    State(state): State<AppState>,
    _: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(&state, body).await?;
    let wanted: EmbeddingRequest =
        serde_json::from_slice(&body).map_err(|error| ApiError::from_json(&error))?;
    let ours = state.engine.memory().embedder_named(&wanted.model);
    let Some(embedder) = ours else {
        return send(&state, &parts, body, &MemoryReport::without("not_a_chat"), drop).await;
    };
    let texts = texts(wanted.input)?;
    let dimensions = embedder.model().dimensions;
    if let Some(asked) = wanted.dimensions.filter(|asked| *asked != dimensions) {
        let why = format!("{asked} is not what {} gives: {dimensions}", wanted.model);
        return Err(ApiError::of_field(ErrorCode::InvalidRequest, "dimensions", why));
    }
    let as_base64 = match wanted.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let why = format!("`{other}` is none; use float or base64");
            return Err(ApiError::of_field(ErrorCode::InvalidRequest, "encoding_format", why));
        }
    };
    let characters: usize = texts.iter().map(String::len).sum();
    let vectors = state
        .engine
        .call(move |_| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let until = Instant::now() + Duration::from_millis(EMBED_MS_MAX);
            let mut vectors = Vec::with_capacity(texts.len());
            for texts in texts.chunks(EMBED_TEXTS_MAX) {
                let left = until.saturating_duration_since(Instant::now());
                let embeddings = embedder.embed(EmbedRole::Passage, texts, left).map_err(unavailable)?;
                vectors.extend(embeddings.into_iter().map(|embedding| embedding.vector));
            }
            Ok::<_, ApiError>(vectors)
        })
        .await?;
    let data: Vec<Value> = vectors
        .into_iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = if as_base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    // Clients read these numbers; the model's own tokens are not counted anywhere, so they are estimated.
    let tokens = characters.div_ceil(4);
    let usage = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    Ok(Json(json!({ "object": "list", "data": data, "model": wanted.model, "usage": usage })).into_response())
}

fn texts(input: Value) -> Result<Vec<String>, ApiError> {
    let invalid = |why: &str| ApiError::of_field(ErrorCode::InvalidRequest, "input", why);
    let texts = match input {
        Value::String(text) => vec![text],
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(invalid("this model takes text, not tokens: send a string or a list of strings")),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(invalid("is neither a string nor a list of strings")),
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err(ApiError::of_field(ErrorCode::EmptyContent, "input", "holds no text"));
    }
    if texts.len() > TEXTS_MAX {
        return Err(invalid(&format!("has {} texts; at most {TEXTS_MAX} are taken at once", texts.len())));
    }
    Ok(texts)
}

fn unavailable(error: EmbedError) -> ApiError {
    match error {
        EmbedError::Rejected(why) => ApiError::of_field(ErrorCode::InvalidRequest, "input", why),
        other => ApiError::new(ErrorCode::ModelUnavailable, other.to_string()),
    }
}
