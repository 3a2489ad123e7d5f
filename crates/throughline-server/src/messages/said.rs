//! What a message says, in one form however it is spelled.
//!
//! A reply that was assembled from a stream and the same reply sent back by a client must hash alike, though clients
//! write text as parts, parts as text, `null` for nothing and arguments with other white space. So: only text is its words;
//! a tool call is its id, name and arguments; an image or a recording is a hash of its data.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use throughline::journal::Said;
use throughline::model::{Content, Role};
use throughline_llm::{RawArray, RawObject, Reply, ToolCall};

/// Hex digits kept of the hash of data that is no text.
const DATA_HASH_DIGITS: usize = 32;

/// A part of a message's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Words.
    Text(String),
    /// Something else, by the name of its kind and a hash of all of it.
    Data {
        /// The `type` of the part.
        kind: String,
        /// Hex of BLAKE3.
        hash: String,
    },
}

impl Piece {
    /// The words, or a mark that stands for the data.
    fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Data { kind, .. } => match kind.as_str() {
                "image_url" | "input_image" | "image" => "[image]".into(),
                "input_audio" | "audio" => "[audio]".into(),
                "file" | "input_file" => "[file]".into(),
                other => format!("[{other}]").into(),
            },
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!({ "type": "text", "text": text.trim() }),
            Self::Data { kind, hash } => json!({ "type": kind, "hash": hash }),
        }
    }
}

/// What the assistant said, as far as it was seen; none if that is nothing.
pub(crate) fn reply(reply: &Reply) -> Option<Said> {
    let content = canonical(&[Piece::Text(reply.text.clone())], &reply.tool_calls)?;
    Some(Said { role: Role::Assistant, name: None, content })
}

/// What a message of a request says; none if that is nothing.
pub(super) fn read(role: Role, message: &RawObject<'_>) -> Option<Said> {
    let mut pieces = message.get("content").map(read_pieces).unwrap_or_default();
    pieces.extend(string(message, "refusal").map(Piece::Text));
    let content = canonical(&pieces, &tool_calls(message))?;
    Some(Said { role, name: string(message, "name").filter(|name| !name.is_empty()), content })
}

/// The pieces of a `content`: a string, an array of parts, or nothing.
pub(crate) fn read_pieces(content: &RawValue) -> Vec<Piece> {
    if let Ok(text) = serde_json::from_str::<String>(content.get()) {
        return vec![Piece::Text(text)];
    }
    RawArray::parse(content.get().as_bytes())
        .map(|parts| parts.items.iter().map(|part| piece(part)).collect())
        .unwrap_or_default()
}

fn piece(part: &RawValue) -> Piece {
    // Some clients put bare strings among the parts.
    if let Ok(text) = serde_json::from_str::<String>(part.get()) {
        return Piece::Text(text);
    }
    let object = RawObject::parse(part.get().as_bytes()).unwrap_or_default();
    let text = |field: &str| string(&object, field).map(Piece::Text);
    let kind = string(&object, "type").unwrap_or_else(|| "part".into());
    let words = match kind.as_str() {
        "text" | "input_text" | "output_text" => text("text"),
        "refusal" => text("refusal"),
        _ => None,
    };
    words.unwrap_or_else(|| {
        let hash = blake3::hash(compact(part.get()).as_bytes()).to_hex();
        Piece::Data { kind, hash: hash[..DATA_HASH_DIGITS].to_owned() }
    })
}

/// The words of pieces, and their JSON where there is more to them than words; none if there is nothing.
pub(crate) fn content_of(pieces: &[Piece]) -> Option<Content> {
    canonical(pieces, &[])
}

fn canonical(pieces: &[Piece], calls: &[ToolCall]) -> Option<Content> {
    let pieces: Vec<&Piece> =
        pieces.iter().filter(|piece| !matches!(piece, Piece::Text(text) if text.trim().is_empty())).collect();
    let marks = calls.iter().map(|call| Cow::Owned(format!("[calls {}]", call.name)));
    let text = pieces.iter().map(|piece| piece.shown()).chain(marks).collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        return None;
    }
    let only_words = calls.is_empty() && pieces.iter().all(|piece| matches!(piece, Piece::Text(_)));
    if only_words {
        return Some(Content::text(text));
    }
    let parts: Value = pieces.iter().map(|piece| piece.json()).collect();
    let json = if calls.is_empty() {
        parts
    } else {
        let call = |call: &ToolCall| json!({ "id": call.id, "name": call.name, "arguments": compact(&call.arguments) });
        json!({ "content": parts, "tool_calls": calls.iter().map(call).collect::<Value>() })
    };
    Some(Content { text, json: Some(json.to_string()) })
}

fn tool_calls(message: &RawObject<'_>) -> Vec<ToolCall> {
    let list = message.get("tool_calls").and_then(|calls| RawArray::parse(calls.get().as_bytes()).ok());
    let calls = list.iter().flat_map(|list| &list.items).filter_map(|call| {
        let object = RawObject::parse(call.get().as_bytes()).ok()?;
        let of = |field| object.get(field).and_then(|inner| RawObject::parse(inner.get().as_bytes()).ok());
        let id = string(&object, "id");
        if let Some(custom) = of("custom") {
            return Some(call_of(id, &custom, "input"));
        }
        Some(call_of(id, &of("function")?, "arguments"))
    });
    let before_tools =
        message.get("function_call").and_then(|call| RawObject::parse(call.get().as_bytes()).ok());
    calls.chain(before_tools.map(|call| call_of(None, &call, "arguments"))).collect()
}

fn call_of(id: Option<String>, call: &RawObject<'_>, arguments: &str) -> ToolCall {
    ToolCall {
        id,
        name: string(call, "name").unwrap_or_default(),
        arguments: string(call, arguments).unwrap_or_default(),
    }
}

fn string(object: &RawObject<'_>, field: &str) -> Option<String> {
    serde_json::from_str(object.get(field)?.get()).ok()
}

/// JSON in one spelling: no white space, keys in order, no needless escapes, whole numbers without a fraction. What is
/// not JSON (a model's broken arguments) stays as it is.
fn compact(json: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Value>(json) {
        Ok(mut value) => {
            value.sort_all_objects();
            whole_numbers(&mut value);
            Cow::Owned(value.to_string())
        }
        Err(_) => Cow::Borrowed(json),
    }
}

/// JavaScript writes 1.0 as 1.
fn whole_numbers(value: &mut Value) {
    /// Up to here every whole number has a float of its own.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT_MAX);
            if let Some(whole) = whole.filter(|_| number.is_f64()) {
                #[expect(clippy::cast_possible_truncation, reason = "whole and in the range of i64")]
                let whole = whole as i64;
                *number = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: Role, message: &Value) -> Option<Said> {
        read(role, &RawObject::parse(message.to_string().as_bytes()).unwrap())
    }

    fn user(content: &Value) -> Option<Content> {
        said(Role::User, &json!({ "role": "user", "content": content })).map(|said| said.content)
    }

    #[test]
    fn words_are_the_same_as_a_string_and_as_parts() {
        assert_eq!(user(&json!("one\ntwo")), Some(Content::text("one\ntwo")));
        let parts = json!([{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }]);
        assert_eq!(user(&parts), Some(Content::text("one\ntwo")));
    }

    #[test]
    fn what_says_nothing_is_not_said() {
        for content in
            [json!(null), json!(""), json!(" \n"), json!([]), json!([{ "type": "text", "text": "" }])]
        {
            assert_eq!(user(&content), None);
        }
    }

    #[test]
    fn an_image_is_a_mark_in_the_text_and_a_hash_in_the_json() {
        let image = |data: &str| {
            let url = format!("data:image/png;base64,{data}");
            user(&json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": { "url": url } }])).unwrap()
        };
        let content = image("AAAA");
        assert_eq!(content.text, "look\n[image]");
        assert!(!content.json.as_ref().unwrap().contains("AAAA"));
        assert_ne!(content.json, image("AAAB").json);
        assert_eq!(content.json, image("AAAA").json);
    }

    #[test]
    fn a_reply_with_tool_calls_is_the_same_when_a_client_sends_it_back() {
        let streamed = reply(&Reply {
            text: "Let me look.\n".into(),
            tool_calls: vec![ToolCall {
                id: Some("call_1".into()),
                name: "weather".into(),
                arguments: r#"{"city": "Z\u00fcrich", "days": 1.0}"#.into(),
            }],
            ..Reply::default()
        });
        for content in [json!("Let me look."), json!([{ "type": "text", "text": "Let me look.\n" }])] {
            let back = json!({ "role": "assistant", "content": content, "tool_calls": [
                { "type": "function", "id": "call_1", "function": { "arguments": r#"{"city":"Zürich","days":1}"#, "name": "weather" } },
            ] });
            let (streamed, back) = (streamed.clone().unwrap(), said(Role::Assistant, &back).unwrap());
            assert_eq!(back.content.json, streamed.content.json);
        }
    }

    #[test]
    fn a_call_without_words_is_said() {
        for content in [json!(null), json!("")] {
            let message = json!({ "role": "assistant", "content": content, "tool_calls": [
                { "id": "c", "type": "function", "function": { "name": "f", "arguments": "{broken" } },
            ] });
            let said = said(Role::Assistant, &message).unwrap();
            assert_eq!(said.content.text, "[calls f]");
            assert_eq!(
                said.content.json.unwrap(),
                r#"{"content":[],"tool_calls":[{"id":"c","name":"f","arguments":"{broken"}]}"#
            );
        }
    }
}
