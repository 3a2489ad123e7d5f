//! Messages of the OpenAI chat format: what they say to memory, and where memory is put among them.
//!
//! A message stays the bytes it was but for what is put in or taken out here: blocks of ours that a client sends back
//! are taken out, the context goes in. What is read for memory is read beside it, in a form that is the same however a
//! client spells the message.

mod insert;
mod said;

use std::borrow::Cow;

use serde_json::value::{RawValue, to_raw_value};
use throughline::journal::Said;
use throughline::memory::Memory;
use throughline::model::{Role, TenantId};
use throughline_llm::{RawArray, RawObject};

use crate::error::{ApiError, ErrorCode};

pub(crate) use insert::insert_context;
pub(crate) use said::{content_of, read_pieces, reply};

/// One message of a request.
#[derive(Debug, Clone)]
pub(crate) struct ChatMessage {
    /// Its JSON, as it came but for blocks of ours.
    pub(crate) raw: Box<RawValue>,
    /// Its role as named on the wire.
    pub(crate) role: String,
    /// What it adds to the conversation. None for instructions and for messages that say nothing.
    pub(crate) said: Option<Said>,
    /// Whether a block of ours was taken out.
    pub(crate) stripped: bool,
}

/// Reads the `messages` of a request.
///
/// # Errors
/// If it is not an array of objects with a role each.
pub(crate) fn parse(
    memory: &Memory,
    tenant: &TenantId,
    messages: &RawValue,
) -> Result<Vec<ChatMessage>, ApiError> {
    let invalid = |param: String, what: &str| ApiError::of_field(ErrorCode::InvalidRequest, param, what);
    let array = RawArray::parse(messages.get().as_bytes())
        .map_err(|_| invalid("messages".into(), "expected an array of messages"))?;
    let message = |(at, item): (usize, &Cow<'_, RawValue>)| {
        let object = RawObject::parse(item.get().as_bytes())
            .map_err(|_| invalid(format!("messages[{at}]"), "expected an object"))?;
        let role = object.get("role").and_then(|role| serde_json::from_str::<String>(role.get()).ok());
        let role =
            role.ok_or_else(|| invalid(format!("messages[{at}].role"), "expected the name of a role"))?;
        Ok(read(memory, tenant, role, item, object))
    };
    array.items.iter().enumerate().map(message).collect()
}

fn read(
    memory: &Memory,
    tenant: &TenantId,
    wire_role: String,
    item: &RawValue,
    mut object: RawObject<'_>,
) -> ChatMessage {
    // An unknown role is for the upstream to judge.
    let role = wire_role.parse().ok().filter(|role| *role != Role::System);
    let Some(role) = role else {
        return ChatMessage { raw: item.to_owned(), role: wire_role, said: None, stripped: false };
    };
    let strip = |text: &str| match memory.strip(tenant, text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(kept) => Some(kept),
    };
    let content = object.get("content").and_then(|content| without_blocks(content, &strip));
    let stripped = content.is_some();
    if let Some(content) = content {
        object.set("content", content);
    }
    let said = said::read(role, &object);
    let raw = if stripped { object.to_raw_value() } else { item.to_owned() };
    ChatMessage { raw, role: wire_role, said, stripped }
}

/// The content without blocks of ours; none if there are none. `strip` gives a text without them, if it has any.
fn without_blocks(content: &RawValue, strip: &dyn Fn(&str) -> Option<String>) -> Option<Box<RawValue>> {
    if content.get().starts_with('"') {
        let text: String = serde_json::from_str(content.get()).ok()?;
        return to_raw_value(&strip(&text)?).ok();
    }
    let mut parts = RawArray::parse(content.get().as_bytes()).ok()?;
    let mut changed = false;
    parts.items.retain_mut(|part| {
        let Some(kept) = text_of(part).and_then(|text| strip(&text)) else { return true };
        changed = true;
        // The block was put in as a part of its own.
        if kept.is_empty() {
            return false;
        }
        let stripped = RawObject::parse(part.get().as_bytes()).ok().zip(to_raw_value(&kept).ok());
        if let Some((mut object, kept)) = stripped {
            object.set("text", kept);
            *part = Cow::Owned(object.to_raw_value());
        }
        true
    });
    changed.then(|| parts.to_raw_value())
}

/// The text of a part, if it is one of text.
fn text_of(part: &RawValue) -> Option<String> {
    let object = RawObject::parse(part.get().as_bytes()).ok()?;
    serde_json::from_str(object.get("text")?.get()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use throughline::memory::{ContextRequest, Observation, Settings, TurnToObserve};
    use throughline::model::{Scope, SessionId, Timestamp, UserId};
    use throughline_sqlite::{SqliteOptions, SqliteStore};

    use super::*;

    /// A memory, and a block it made.
    fn memory_and_block() -> (Memory, String) {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let memory = Memory::open(Arc::new(store), Arc::new(Timestamp::now), Settings::default()).unwrap();
        let scope = Scope::of(TenantId::single(), UserId::new("ana").unwrap());
        let turns =
            vec![TurnToObserve::new(Role::User, "The \"blue\" house stands in Lisbon.\nI live there.")];
        let observation = Observation { session: SessionId::new("s").unwrap(), turns, idempotency_key: None };
        memory.observe(&scope, observation).unwrap();
        let context =
            memory.context(&scope, &ContextRequest::asking("Where does the blue house stand?")).unwrap();
        (memory, context.block.unwrap())
    }

    fn read(memory: &Memory, messages: &Value) -> Vec<ChatMessage> {
        parse(memory, &TenantId::single(), &to_raw_value(messages).unwrap()).unwrap()
    }

    fn any_content() -> impl Strategy<Value = Value> {
        let part = prop_oneof![
            any::<String>().prop_map(|text| json!({ "type": "text", "text": text })),
            any::<String>().prop_map(|url| json!({ "type": "image_url", "image_url": { "url": url } })),
        ];
        prop_oneof![
            any::<String>().prop_map(Value::from),
            prop::collection::vec(part, 0..4).prop_map(Value::from)
        ]
    }

    #[test]
    fn what_is_put_in_is_taken_out_again() {
        let (memory, block) = memory_and_block();
        proptest!(|(contents in prop::collection::vec(any_content(), 1..5))| {
            let roles = ["user", "assistant"].into_iter().cycle();
            let messages: Value =
                roles.zip(&contents).map(|(role, content)| json!({ "role": role, "content": content })).collect();
            let before = read(&memory, &messages);
            let sent = insert_context(&before, Some("who you are"), Some(&block));
            let sent: Value = serde_json::from_str(sent.get()).unwrap();
            prop_assert!(sent.to_string().contains("throughline-memory-"));

            let after = read(&memory, &Value::from(&sent.as_array().unwrap()[1..]));
            let raw = |messages: &[ChatMessage]| -> Vec<Value> {
                messages.iter().map(|message| serde_json::from_str(message.raw.get()).unwrap()).collect()
            };
            let said = |messages: &[ChatMessage]| -> Vec<Option<Said>> {
                messages.iter().map(|message| message.said.clone()).collect()
            };
            prop_assert_eq!(raw(&after), raw(&before));
            prop_assert_eq!(said(&after), said(&before));
            prop_assert_eq!(after.iter().filter(|message| message.stripped).count(), 1);
        });
    }

    #[test]
    fn instructions_and_unknown_roles_are_passed_on_and_not_remembered() {
        let (memory, _) = memory_and_block();
        let messages = json!([
            { "role": "system", "content": "a" },
            { "role": "developer", "content": "b" },
            { "role": "critic", "content": "c" },
            { "role": "user", "content": "d" },
        ]);
        let read = read(&memory, &messages);
        assert!(read[..3].iter().all(|message| message.said.is_none() && !message.stripped));
        assert_eq!(read[3].said.as_ref().unwrap().content.text, "d");
    }

    #[test]
    fn messages_that_are_none_are_named() {
        let (memory, _) = memory_and_block();
        let param = |messages: Value| {
            parse(&memory, &TenantId::single(), &to_raw_value(&messages).unwrap()).unwrap_err().param.unwrap()
        };
        assert_eq!(param(json!({})), "messages");
        assert_eq!(param(json!([{ "role": "user" }, 7])), "messages[1]");
        assert_eq!(param(json!([{ "content": "x" }])), "messages[0].role");
    }
}
