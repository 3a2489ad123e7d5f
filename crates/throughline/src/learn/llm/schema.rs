//! The JSON Schema of an answer: what every strict provider supports, and no more.
//!
//! All members are required, as strict providers want it; what is not there is an empty string. Their order is the order in
//! which a model held to a grammar writes them: the quote before what is made of it.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::model::{MemoryKind, OwnSlots};

/// The schema, with the names of the slots that the tenant has besides.
pub(super) fn schema(slots: &OwnSlots) -> Cow<'static, Value> {
    let names: Vec<&str> = slots.learned().map(|(name, _)| name).collect();
    if names.is_empty() {
        return Cow::Borrowed(&SCHEMA);
    }
    let mut schema = SCHEMA.clone();
    let told = format!("with the subject profile one of: {}", names.join(", "));
    schema["properties"]["facts"]["items"]["properties"]["slot"]["description"] = told.into();
    Cow::Owned(schema)
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let kinds: Vec<&str> = MemoryKind::ALL
        .into_iter()
        .filter(|kind| *kind != MemoryKind::Summary)
        .map(MemoryKind::as_str)
        .collect();
    let members = json!({
        "turn": {"type": "integer"},
        "quote": {"type": "string"},
        "kind": {"type": "string", "enum": kinds},
        "subject": {"type": "string"},
        "slot": {"type": "string"},
        "value": {"type": "string"},
        "text": {"type": "string"},
        "polarity": {"type": "string", "enum": ["affirms", "denies"]},
        "explicit": {"type": "boolean"},
        "when": {"type": "string"},
    });
    let names: Vec<&String> = members.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({
        "type": "object",
        "properties": {
            "facts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": members,
                    "required": names,
                    "additionalProperties": false,
                },
            },
        },
        "required": ["facts"],
        "additionalProperties": false,
    })
});
