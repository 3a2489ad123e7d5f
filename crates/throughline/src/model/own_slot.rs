//! The tenant's own slots of the profile: what each takes, for how long it counts, and who may write it.
//!
//! A slot that says who may write it besides an operator is *learned*: learning is shown it, and judges every value by what stands
//! here. A slot that does not say so is an operator's alone and may be any JSON.

mod read;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use read::PHRASE_VALUE;
pub use read::{OWN_SLOTS_LEARNED_MAX, OWN_SLOTS_TOLD_BYTES_MAX, SlotSchemaError};

/// Who may write a slot, from the fewest to the most. An operator always may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum WrittenBy {
    /// An operator alone.
    #[default]
    Operator,
    /// The user too, by saying so.
    User,
    /// The assistant too. What it says never ends what a user said.
    Anyone,
}

impl WrittenBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Operator, Self::User, Self::Anyone];

    /// The name in a schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::User => "user",
            Self::Anyone => "anyone",
        }
    }
}

/// What one value of a slot is.
#[derive(Debug, Clone, PartialEq)]
pub enum SlotType {
    /// A text of at most so many characters.
    Text(Option<usize>),
    /// A number within bounds.
    Number {
        /// Whether it has no fraction.
        whole: bool,
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
    },
    /// Yes or no.
    Boolean,
    /// One of these texts.
    Choice(Vec<String>),
}

/// A slot of the tenant's own.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnSlot {
    /// What it is for, in the tenant's words; an extractor is shown them.
    pub description: String,
    /// What a value is; none for what only an operator can write: objects, references and the like.
    pub value: Option<SlotType>,
    /// Whether it holds several values.
    pub multiple: bool,
    /// How many at most.
    pub values_max: Option<usize>,
    /// Days after which a value weighs half; that of facts if not given.
    pub half_life_days: Option<f32>,
    /// Who may write it.
    pub written_by: WrittenBy,
    /// How people say it, for the local extractor: words around `{value}`.
    pub phrases: Vec<String>,
}

impl OwnSlot {
    /// Whether learning may write it.
    pub fn is_learned(&self) -> bool {
        self.written_by > WrittenBy::Operator && self.value.is_some()
    }

    /// What words say a value is, if they say one of this slot.
    pub fn value_of(&self, words: &str) -> Option<Value> {
        let words = words.trim();
        match self.value.as_ref()? {
            SlotType::Text(_) => Some(Value::from(words)).filter(|_| !words.is_empty()),
            SlotType::Number { .. } => serde_json::from_str(words).ok().filter(Value::is_number),
            SlotType::Boolean => match words.to_lowercase().as_str() {
                "true" | "yes" => Some(Value::Bool(true)),
                "false" | "no" => Some(Value::Bool(false)),
                _ => None,
            },
            SlotType::Choice(choices) => {
                let alike = |choice: &&String| choice.to_lowercase() == words.to_lowercase();
                choices.iter().find(alike).map(|choice| Value::from(choice.as_str()))
            }
        }
        .filter(|value| self.takes(value))
    }

    /// Whether this is a value of the slot; of several, one of them.
    pub fn takes(&self, value: &Value) -> bool {
        match (&self.value, value) {
            (None, _) | (Some(SlotType::Boolean), Value::Bool(_)) => true,
            (Some(SlotType::Text(chars_max)), Value::String(text)) => {
                chars_max.is_none_or(|max| text.chars().count() <= max)
            }
            (Some(SlotType::Number { whole, min, max }), Value::Number(number)) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                (!whole || number.fract() == 0.0)
                    && min.is_none_or(|min| number >= min)
                    && max.is_none_or(|max| number <= max)
            }
            (Some(SlotType::Choice(choices)), Value::String(text)) => choices.contains(text),
            _ => false,
        }
    }

    /// What a value is in few words, for whoever writes one: `text, several`.
    pub fn kind(&self) -> String {
        let one = match &self.value {
            None => "any JSON".to_owned(),
            Some(SlotType::Text(_)) => "text".to_owned(),
            Some(SlotType::Number { whole: true, .. }) => "whole number".to_owned(),
            Some(SlotType::Number { .. }) => "number".to_owned(),
            Some(SlotType::Boolean) => "true or false".to_owned(),
            Some(SlotType::Choice(choices)) => format!("one of {}", choices.join(" | ")),
        };
        if self.multiple { format!("{one}, several") } else { one }
    }
}

/// All own slots of a tenant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OwnSlots {
    /// By name; none without a schema, and then every slot is an operator's and nothing is judged.
    slots: Option<BTreeMap<String, OwnSlot>>,
}

impl OwnSlots {
    /// Those of a JSON Schema.
    ///
    /// # Errors
    /// Says which field cannot be used, and why.
    pub fn of_schema(schema: &Value) -> Result<Self, SlotSchemaError> {
        Ok(Self { slots: Some(read::slots(schema)?) })
    }

    /// Whether there is a schema.
    pub fn are_declared(&self) -> bool {
        self.slots.is_some()
    }

    /// The slot of this name.
    pub fn get(&self, name: &str) -> Option<&OwnSlot> {
        self.slots.as_ref()?.get(name)
    }

    /// Those that learning may write, in the order of their names.
    pub fn learned(&self) -> impl Iterator<Item = (&str, &OwnSlot)> {
        let all = self.slots.iter().flatten();
        all.map(|(name, slot)| (name.as_str(), slot)).filter(|(_, slot)| slot.is_learned())
    }

    /// What stands in a slot as far as the schema has room for it: all of it without a schema, nothing of a slot it does not
    /// know, of several values those it takes.
    pub fn fitting(&self, name: &str, value: &Value) -> Option<Value> {
        if self.slots.is_none() {
            return Some(value.clone());
        }
        let slot = self.get(name)?;
        match value {
            _ if slot.value.is_none() => Some(value.clone()),
            Value::Array(values) if slot.multiple => {
                let fitting = values.iter().filter(|value| slot.takes(value)).cloned();
                let fitting: Vec<Value> = fitting.take(slot.values_max.unwrap_or(usize::MAX)).collect();
                // An empty list that an operator wrote is one.
                (values.is_empty() || !fitting.is_empty()).then_some(Value::Array(fitting))
            }
            value => (!slot.multiple && slot.takes(value)).then(|| value.clone()),
        }
    }
}

/// A value as it is kept in a claim: a text in its own words, anything else as JSON.
pub fn words_of(value: &Value) -> String {
    // "42" as a text must not come back as a number, and a claim's value has no space around it.
    let is_plain =
        |text: &str| !text.is_empty() && text.trim() == text && serde_json::from_str::<Value>(text).is_err();
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value that [`words_of`] made words of.
pub fn value_of(words: &str) -> Value {
    serde_json::from_str(words).unwrap_or_else(|_| Value::from(words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slot(schema: &Value) -> OwnSlot {
        let schema = json!({ "type": "object", "properties": { "x": schema } });
        OwnSlots::of_schema(&schema).unwrap().get("x").unwrap().clone()
    }

    #[track_caller]
    fn check(schema: &Value, words: &str, expected: Option<&Value>) {
        assert_eq!(slot(schema).value_of(words).as_ref(), expected, "{schema} {words}");
    }

    #[test]
    fn words_become_values_of_the_slots_type_or_none() {
        check(&json!({ "type": "string" }), " 42 ", Some(&json!("42")));
        check(&json!({ "type": "string", "maxLength": 3 }), "Wien", None);
        check(&json!({ "type": "number" }), "4.5", Some(&json!(4.5)));
        check(&json!({ "type": "integer" }), "4.5", None);
        check(&json!({ "type": "integer", "minimum": 1, "maximum": 9 }), "12", None);
        check(&json!({ "type": "number" }), "two", None);
        check(&json!({ "type": "boolean" }), "Yes", Some(&json!(true)));
        check(&json!({ "type": "boolean" }), "perhaps", None);
        check(&json!({ "enum": ["Window", "aisle"] }), "window", Some(&json!("Window")));
        check(&json!({ "enum": ["window", "aisle"] }), "middle", None);
        check(&json!({ "type": "array", "items": { "enum": ["a"] } }), "A", Some(&json!("a")));
    }

    #[test]
    fn what_a_schema_has_no_room_for_does_not_fit() {
        let schema = json!({ "type": "object", "properties": {
            "seat": { "enum": ["window"] },
            "airports": { "type": "array", "items": { "type": "string" }, "maxItems": 2 },
            "address": { "type": "object" },
        } });
        let slots = OwnSlots::of_schema(&schema).unwrap();
        assert_eq!(slots.fitting("seat", &json!("aisle")), None);
        assert_eq!(slots.fitting("gone", &json!("x")), None);
        assert_eq!(slots.fitting("airports", &json!(["a", 1, "b", "c"])), Some(json!(["a", "b"])));
        assert_eq!(slots.fitting("airports", &json!("a")), None);
        assert_eq!(slots.fitting("address", &json!({ "x": 1 })), Some(json!({ "x": 1 })));
        assert_eq!(OwnSlots::default().fitting("gone", &json!("x")), Some(json!("x")));
    }

    #[test]
    fn values_survive_as_words() {
        for value in [
            json!("Wien"),
            json!("42"),
            json!("true"),
            json!(42),
            json!(["a"]),
            json!(""),
            json!(" x"),
            json!("\"x\""),
        ] {
            assert_eq!(value_of(&words_of(&value)), value);
        }
        assert_eq!(words_of(&json!("Wien")), "Wien");
    }
}
