//! Putting the context among the messages of a request. The engine decides where; here only JSON is edited, and no byte
//! of what was there before.

use std::borrow::Cow;

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use throughline::context::{append, place};
use throughline_llm::{RawArray, RawObject};

use super::ChatMessage;

/// The messages with the prefix before all others and the block behind the last thing the user says, as one array.
pub(crate) fn insert_context(
    messages: &[ChatMessage],
    prefix: Option<&str>,
    block: Option<&str>,
) -> Box<RawValue> {
    let placement = place(messages.iter().map(|message| message.role.as_str()));
    let mut array = RawArray::default();
    for (at, message) in messages.iter().enumerate() {
        let with_block =
            block.filter(|_| placement.block_on == Some(at)).and_then(|block| appended(&message.raw, block));
        array.items.push(with_block.map_or(Cow::Borrowed(&*message.raw), Cow::Owned));
    }
    if let Some(prefix) = prefix {
        let message = raw(&json!({ "role": placement.prefix_role.as_str(), "content": prefix }));
        array.items.insert(placement.prefix_at, Cow::Owned(message));
    }
    array.to_raw_value()
}

/// A message with a block behind its content. None if it is no JSON object, which was seen before.
fn appended(message: &RawValue, block: &str) -> Option<Box<RawValue>> {
    let mut object = RawObject::parse(message.get().as_bytes()).ok()?;
    let content = object.get("content").map_or("null", RawValue::get);
    let content = if let Some(open) = content.strip_suffix('"') {
        // What `append` puts between the text and the block depends on whether there is text.
        let text = if open == "\"" { "" } else { "." };
        let tail = raw(&append(text, block)[text.len()..]);
        format!("{open}{}", &tail.get()[1..])
    } else if let Some(open) = content.strip_suffix(']') {
        let comma = if open.trim_end() == "[" { "" } else { "," };
        format!("{open}{comma}{}]", json!({ "type": "text", "text": block }))
    } else {
        json!(block).to_string()
    };
    object.set("content", RawValue::from_string(content).ok()?);
    Some(object.to_raw_value())
}

fn raw(value: &(impl serde::Serialize + ?Sized)) -> Box<RawValue> {
    // Strings and objects with string keys, written to memory: cannot fail.
    to_raw_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> ChatMessage {
        let role =
            serde_json::from_str::<serde_json::Value>(json).unwrap()["role"].as_str().unwrap().to_owned();
        ChatMessage {
            raw: RawValue::from_string(json.to_owned()).unwrap(),
            role,
            said: None,
            stripped: false,
        }
    }

    fn check(messages: &[&str], prefix: Option<&str>, block: Option<&str>, expected: &[&str]) {
        let messages: Vec<ChatMessage> = messages.iter().map(|json| message(json)).collect();
        let got = insert_context(&messages, prefix, block);
        assert_eq!(got.get(), format!("[{}]", expected.join(",")));
    }

    #[test]
    fn the_block_goes_behind_the_users_text_and_nothing_else_changes() {
        check(
            &[r#"{"role":"user","content":"caf\u00e9 \/","n":1.10}"#],
            None,
            Some("<a>\n"),
            &[r#"{"role":"user","content":"caf\u00e9 \/\n\n<a>\n","n":1.10}"#],
        );
        check(&[r#"{"role":"user","content":""}"#], None, Some("b"), &[r#"{"role":"user","content":"b"}"#]);
    }

    #[test]
    fn the_block_is_a_part_of_its_own_among_parts() {
        check(
            &[r#"{"role":"user","content":[ {"type":"text","text":"a"} ]}"#],
            None,
            Some("b"),
            &[r#"{"role":"user","content":[ {"type":"text","text":"a"} ,{"type":"text","text":"b"}]}"#],
        );
        check(
            &[r#"{"role":"user","content":[ ]}"#],
            None,
            Some("b"),
            &[r#"{"role":"user","content":[ {"type":"text","text":"b"}]}"#],
        );
    }

    #[test]
    fn the_prefix_comes_first_and_the_callers_instructions_stay() {
        check(
            &[r#"{"role":"system","content":"mine"}"#, r#"{"role":"user","content":"hi"}"#],
            Some("who"),
            None,
            &[
                r#"{"role":"system","content":"who"}"#,
                r#"{"role":"system","content":"mine"}"#,
                r#"{"role":"user","content":"hi"}"#,
            ],
        );
    }

    #[test]
    fn nothing_comes_between_tool_calls_and_their_results() {
        let calls = r#"{"role":"assistant","tool_calls":[{"id":"a"}]}"#;
        let result = r#"{"role":"tool","tool_call_id":"a","content":"1"}"#;
        check(
            &[r#"{"role":"user","content":"q"}"#, calls, result],
            None,
            Some("b"),
            &[r#"{"role":"user","content":"q\n\nb"}"#, calls, result],
        );
    }
}
