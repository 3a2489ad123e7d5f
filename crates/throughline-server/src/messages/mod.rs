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
