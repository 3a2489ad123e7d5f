//! The bodies an OpenAI-compatible server usually sends, so that tests need not spell them.

use serde_json::{Value, json};

/// The event that ends a stream.
pub const DONE: &str = "data: [DONE]\n\n";

/// A whole chat completion with one choice.
pub fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "scripted-model",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    })
}

/// One event: `data: …` and a blank line.
pub fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// One piece of a streamed completion: this delta and finish reason for choice 0.
pub fn chunk(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "scripted-model",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    })
}

/// The events of a streamed completion of these text pieces, from the role to `[DONE]`.
pub fn text_events(pieces: &[&str]) -> Vec<String> {
    let deltas = pieces.iter().map(|piece| json!({"content": piece}));
    delta_events(deltas, "stop")
}

/// The events of a streamed completion that calls these tools, (id, name, pieces of the arguments) each,
/// pieces of parallel calls interleaved as OpenAI does.
pub fn tool_call_events(calls: &[(&str, &str, &[&str])]) -> Vec<String> {
    let mut deltas = Vec::new();
    for (index, (id, name, _)) in calls.iter().enumerate() {
        let function = json!({"name": name, "arguments": ""});
        deltas.push(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}),
        );
    }
    let pieces_max = calls.iter().map(|(_, _, pieces)| pieces.len()).max().unwrap_or(0);
    for number in 0..pieces_max {
        for (index, (_, _, pieces)) in calls.iter().enumerate() {
            if let Some(piece) = pieces.get(number) {
                deltas.push(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}));
            }
        }
    }
    delta_events(deltas, "tool_calls")
}

/// The last event before `[DONE]` when the client asked for usage: no choices at all.
pub fn usage_event(prompt_tokens: u64, completion_tokens: u64) -> String {
    event(&json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "scripted-model",
        "choices": [],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }))
}

/// An error body in OpenAI's shape.
pub fn error(message: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": "scripted_error", "param": null, "code": code}})
}

fn delta_events(deltas: impl IntoIterator<Item = Value>, finish_reason: &str) -> Vec<String> {
    let role = chunk(&json!({"role": "assistant", "content": ""}), None);
    let last = chunk(&json!({}), Some(finish_reason));
    let pieces = deltas.into_iter().map(|delta| chunk(&delta, None));
    let chunks = std::iter::once(role).chain(pieces).chain(std::iter::once(last));
    chunks.map(|data| event(&data)).chain(std::iter::once(DONE.to_owned())).collect()
}
