//! Which turns a recall may return: exact conditions, tested before anything is ranked.

use serde_json::{Map, Value};

use crate::model::{Role, SessionId, Timestamp, Turn};
use crate::ports::VectorConditions;

/// Conditions that a turn must all meet. An empty one excludes nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filters {
    /// Said by one of these.
    pub roles: Vec<Role>,
    /// Said in one of these conversations.
    pub sessions: Vec<SessionId>,
    /// Said at this moment or later.
    pub from: Option<Timestamp>,
    /// Said before this moment.
    pub until: Option<Timestamp>,
    /// Fields of the turn's metadata with exactly these values.
    pub metadata: Map<String, Value>,
}

impl Filters {
    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The tags that stand for the metadata conditions.
    pub(crate) fn tags(&self) -> Vec<u32> {
        self.metadata.iter().map(|(key, value)| tag(key, value)).collect()
    }

    /// The tags that stand for the conversations.
    pub(crate) fn session_tags(&self) -> Vec<u32> {
        self.sessions.iter().map(session_tag).collect()
    }

    /// As a vector index tests them: what `wanted` tests too.
    pub(crate) fn conditions(&self) -> VectorConditions {
        VectorConditions {
            roles: self.roles.iter().map(|role| role.code()).collect(),
            from_ms: self.from.map(Timestamp::as_millisecond),
            until_ms: self.until.map(Timestamp::as_millisecond),
            any_tag: self.session_tags(),
            all_tags: self.tags(),
        }
    }

    /// Whether a turn meets the conditions that stand as hashes in the search row, to the letter.
    pub(crate) fn confirms(&self, turn: &Turn) -> bool {
        (self.sessions.is_empty() || self.sessions.contains(&turn.session))
            && self.metadata_matches(turn.metadata.as_deref())
    }

    /// Whether a turn's metadata meets the conditions to the letter: tags are hashes and only say "perhaps".
    fn metadata_matches(&self, metadata: Option<&str>) -> bool {
        if self.metadata.is_empty() {
            return true;
        }
        let Some(Ok(Value::Object(fields))) = metadata.map(serde_json::from_str::<Value>) else {
            return false;
        };
        self.metadata.iter().all(|(key, value)| fields.get(key) == Some(value))
    }
}

/// A 32-bit hash for each top-level field of a metadata object, kept in the search row. Text that is not a JSON
/// object has none.
pub(crate) fn metadata_tags(metadata: &str) -> Vec<u32> {
    match serde_json::from_str(metadata) {
        Ok(Value::Object(fields)) => fields.iter().map(|(key, value)| tag(key, value)).collect(),
        _ => Vec::new(),
    }
}

/// The tag of a conversation; cannot be mistaken for one of metadata.
pub(crate) fn session_tag(session: &SessionId) -> u32 {
    hash("throughline 2026-11 session tag", &[session.as_str().as_bytes()])
}

fn tag(key: &str, value: &Value) -> u32 {
    hash(
        "throughline 2026-11 metadata tag",
        &[&(key.len() as u64).to_le_bytes(), key.as_bytes(), value.to_string().as_bytes()],
    )
}

fn hash(context: &'static str, parts: &[&[u8]]) -> u32 {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0; 4];
    hasher.finalize_xof().fill(&mut out);
    u32::from_le_bytes(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(metadata: &Value) -> Filters {
        Filters { metadata: metadata.as_object().unwrap().clone(), ..Filters::default() }
    }

    #[test]
    fn a_field_of_the_same_value_has_the_same_tag_whatever_stands_beside_it() {
        let tags = metadata_tags(r#"{"a":1,"project":"atlas"}"#);
        assert!(filter(&json!({"project": "atlas"})).tags().iter().all(|tag| tags.contains(tag)));
        assert!(!filter(&json!({"project": "ATLAS"})).tags().iter().any(|tag| tags.contains(tag)));
    }

    #[test]
    fn metadata_is_compared_to_the_letter() {
        let wanted = filter(&json!({"project": "atlas"}));
        assert!(wanted.metadata_matches(Some(r#"{"project":"atlas","x":[1]}"#)));
        assert!(!wanted.metadata_matches(Some(r#"{"project":1}"#)));
        assert!(!wanted.metadata_matches(None));
    }
}
