//! From a JSON Schema to own slots. What learning cannot keep to is refused where the schema is put in place, by the name of the
//! field, rather than ignored when a value is learned.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use thiserror::Error;

use super::{OwnSlot, SlotType, WrittenBy};

/// Slots that are learned: each stands in every prompt of the extractor.
pub const OWN_SLOTS_LEARNED_MAX: usize = 32;

/// Bytes that their names, descriptions and choices have together, for the same reason.
pub const OWN_SLOTS_TOLD_BYTES_MAX: usize = 6_000;

/// Bytes of a learned slot's name.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of a choice: it is a value.
const CHOICE_BYTES_MAX: usize = 128;
/// Days of the longest half-life: a century.
const HALF_LIFE_DAYS_MAX: f64 = 36_500.0;
/// Phrases of a slot.
const PHRASES_MAX: usize = 16;
/// Bytes of a phrase.
const PHRASE_BYTES_MAX: usize = 120;
/// Where the value stands in a phrase.
pub(crate) const PHRASE_VALUE: &str = "{value}";

/// What a learned slot, or an item of it, may say about its values; all else could not be kept to.
const KEYWORDS: [&str; 13] = [
    "type",
    "enum",
    "items",
    "title",
    "description",
    "default",
    "examples",
    "minimum",
    "maximum",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "$comment",
];

/// A schema of own slots cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {what}")]
pub struct SlotSchemaError {
    /// Where in it: `properties.airport.x-written-by`.
    pub field: String,
    /// What is wrong there.
    pub what: String,
}

fn refuse<T>(field: impl Into<String>, what: impl Into<String>) -> Result<T, SlotSchemaError> {
    Err(SlotSchemaError { field: field.into(), what: what.into() })
}

pub(super) fn slots(schema: &Value) -> Result<BTreeMap<String, OwnSlot>, SlotSchemaError> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return refuse("properties", "are missing: they are the slots");
    };
    let mut slots = BTreeMap::new();
    let (mut learned, mut told_bytes) = (0, 0);
    for (name, schema) in properties {
        let field = format!("properties.{name}");
        let slot = match schema {
            Value::Object(schema) => slot(&field, schema)?,
            // `true` is a schema too.
            _ => slot(&field, &Map::new())?,
        };
        if slot.is_learned() {
            check_name(&field, name)?;
            learned += 1;
            told_bytes += name.len() + slot.description.len() + slot.kind().len();
        }
        slots.insert(name.clone(), slot);
    }
    if learned > OWN_SLOTS_LEARNED_MAX {
        return refuse(
            "properties",
            format!("{learned} slots are learned; at most {OWN_SLOTS_LEARNED_MAX} can be"),
        );
    }
    if told_bytes > OWN_SLOTS_TOLD_BYTES_MAX {
        let what = format!(
            "names, descriptions and choices of the learned slots have {told_bytes} bytes; at most \
             {OWN_SLOTS_TOLD_BYTES_MAX} can be told to a model"
        );
        return refuse("properties", what);
    }
    Ok(slots)
}

fn check_name(field: &str, name: &str) -> Result<(), SlotSchemaError> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        let what =
            format!("a learned slot's name has 1 to {NAME_BYTES_MAX} bytes of letters, digits, _ and -");
        return refuse(field, what);
    }
    Ok(())
}

fn slot(field: &str, schema: &Map<String, Value>) -> Result<OwnSlot, SlotSchemaError> {
    let written_by = written_by(field, schema)?;
    let half_life_days = half_life_days(field, schema)?;
    let multiple = schema.get("type") == Some(&Value::from("array"));
    let read = if multiple { items(field, schema) } else { value(field, schema) };
    let read = read.and_then(|read| {
        known_keywords(field, schema)?;
        Ok(read)
    });
    let value = match read {
        Ok(value) => Some(value),
        Err(error) if written_by > WrittenBy::Operator => return Err(error),
        // An operator may write any JSON.
        Err(_) => None,
    };
    let phrases = phrases(field, schema, value.as_ref(), written_by)?;
    Ok(OwnSlot {
        description: ["description", "title"]
            .into_iter()
            .find_map(|key| schema.get(key)?.as_str())
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        multiple: multiple && value.is_some(),
        value,
        values_max: whole(field, schema, "maxItems")?,
        half_life_days,
        written_by,
        phrases,
    })
}

fn written_by(field: &str, schema: &Map<String, Value>) -> Result<WrittenBy, SlotSchemaError> {
    let Some(given) = schema.get("x-written-by") else { return Ok(WrittenBy::default()) };
    let known = WrittenBy::ALL.into_iter().find(|known| given.as_str() == Some(known.as_str()));
    known.map_or_else(
        || {
            refuse(
                format!("{field}.x-written-by"),
                format!("{given} is not \"operator\", \"user\" or \"anyone\""),
            )
        },
        Ok,
    )
}

fn half_life_days(field: &str, schema: &Map<String, Value>) -> Result<Option<f32>, SlotSchemaError> {
    let Some(given) = schema.get("x-half-life-days") else { return Ok(None) };
    match given.as_f64().filter(|days| *days > 0.0 && *days <= HALF_LIFE_DAYS_MAX) {
        #[expect(clippy::cast_possible_truncation, reason = "days need no more than 24 bits")]
        Some(days) => Ok(Some(days as f32)),
        None => refuse(
            format!("{field}.x-half-life-days"),
            format!("{given} is not a number of days above 0, up to {HALF_LIFE_DAYS_MAX}"),
        ),
    }
}

/// What the items of a list are.
fn items(field: &str, schema: &Map<String, Value>) -> Result<SlotType, SlotSchemaError> {
    let field = format!("{field}.items");
    let Some(Value::Object(items)) = schema.get("items") else {
        return refuse(field, "what a learned list holds must be said");
    };
    known_keywords(&field, items)?;
    value(&field, items)
}

fn value(field: &str, schema: &Map<String, Value>) -> Result<SlotType, SlotSchemaError> {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    match (schema.get("type").map(Value::as_str), schema.get("enum")) {
        (None | Some(Some("string")), Some(choices)) => choice(field, choices),
        (_, Some(_)) => refuse(format!("{field}.enum"), "only texts can be chosen from in a learned slot"),
        (Some(Some("string")), None) => Ok(SlotType::Text(whole(field, schema, "maxLength")?)),
        (Some(Some(kind @ ("number" | "integer"))), None) => {
            Ok(SlotType::Number { whole: kind == "integer", min: number("minimum"), max: number("maximum") })
        }
        (Some(Some("boolean")), None) => Ok(SlotType::Boolean),
        _ => refuse(
            format!("{field}.type"),
            "a learned slot is a string, number, integer, boolean or enum, or an array of one of these",
        ),
    }
}

fn choice(field: &str, choices: &Value) -> Result<SlotType, SlotSchemaError> {
    let texts =
        choices.as_array().map(|choices| choices.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let fits = |text: &&str| !text.trim().is_empty() && text.len() <= CHOICE_BYTES_MAX;
    match texts.flatten() {
        Some(texts) if !texts.is_empty() && texts.iter().all(fits) => {
            Ok(SlotType::Choice(texts.into_iter().map(str::to_owned).collect()))
        }
        _ => refuse(format!("{field}.enum"), format!("choices are texts of 1 to {CHOICE_BYTES_MAX} bytes")),
    }
}

fn whole(field: &str, schema: &Map<String, Value>, key: &str) -> Result<Option<usize>, SlotSchemaError> {
    let Some(given) = schema.get(key) else { return Ok(None) };
    match given.as_u64().and_then(|number| usize::try_from(number).ok()) {
        Some(number) => Ok(Some(number)),
        None => refuse(format!("{field}.{key}"), format!("{given} is not a whole number")),
    }
}

fn known_keywords(field: &str, schema: &Map<String, Value>) -> Result<(), SlotSchemaError> {
    let unknown = |key: &&String| !KEYWORDS.contains(&key.as_str()) && !key.starts_with("x-");
    match schema.keys().find(unknown) {
        Some(key) => {
            refuse(format!("{field}.{key}"), "learning cannot keep to it; take it out of a learned slot")
        }
        None => Ok(()),
    }
}

fn phrases(
    field: &str,
    schema: &Map<String, Value>,
    value: Option<&SlotType>,
    written_by: WrittenBy,
) -> Result<Vec<String>, SlotSchemaError> {
    let Some(given) = schema.get("x-phrases") else { return Ok(Vec::new()) };
    let field = format!("{field}.x-phrases");
    if written_by == WrittenBy::Operator || matches!(value, None | Some(SlotType::Boolean)) {
        return refuse(field, "phrases are for learned slots that are not true or false");
    }
    let fits = |phrase: &&str| {
        let (around, values) = (phrase.replace(PHRASE_VALUE, " "), phrase.matches(PHRASE_VALUE).count());
        let parts: Vec<&str> = phrase.split_whitespace().collect();
        // Of one word before it too much would be a value; and there is no telling where one begins that stands first.
        values == 1
            && phrase.len() <= PHRASE_BYTES_MAX
            && parts.iter().position(|part| *part == PHRASE_VALUE).is_some_and(|at| at >= 2)
            && around.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || matches!(c, '\'' | '-'))
    };
    let texts = given.as_array().map(|phrases| phrases.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    match texts.flatten() {
        Some(texts) if texts.len() <= PHRASES_MAX && texts.iter().all(fits) => {
            Ok(texts.into_iter().map(str::to_owned).collect())
        }
        _ => refuse(
            field,
            format!(
                "at most {PHRASES_MAX} texts of up to {PHRASE_BYTES_MAX} bytes: two words or more, then {PHRASE_VALUE} as a \
                 word of its own, once, without punctuation"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(slot: &Value, field: &str) {
        let schema = json!({ "type": "object", "properties": { "x": slot } });
        let error = slots(&schema).unwrap_err();
        assert_eq!(error.field, format!("properties.x{field}"), "{slot}: {error}");
    }

    #[test]
    fn what_cannot_be_kept_to_is_refused_by_its_field() {
        refused(&json!({ "type": "string", "x-written-by": "robot" }), ".x-written-by");
        refused(&json!({ "type": "string", "x-half-life-days": -1 }), ".x-half-life-days");
        refused(&json!({ "type": "string", "x-half-life-days": "long" }), ".x-half-life-days");
        refused(&json!({ "type": "object", "x-written-by": "user" }), ".type");
        refused(&json!({ "x-written-by": "user" }), ".type");
        refused(&json!({ "type": ["string", "null"], "x-written-by": "user" }), ".type");
        refused(&json!({ "enum": [1, 2], "x-written-by": "user" }), ".enum");
        refused(&json!({ "type": "number", "enum": ["1"], "x-written-by": "user" }), ".enum");
        refused(&json!({ "type": "array", "x-written-by": "anyone" }), ".items");
        refused(
            &json!({ "type": "array", "items": { "type": "array" }, "x-written-by": "user" }),
            ".items.type",
        );
        refused(&json!({ "type": "string", "pattern": "^A", "x-written-by": "user" }), ".pattern");
        refused(&json!({ "type": "string", "maxLength": -2, "x-written-by": "user" }), ".maxLength");
        for phrases in
            [json!("x {value}"), json!(["{value} is mine"]), json!(["my seat is"]), json!(["my {value}"])]
        {
            refused(&json!({ "type": "string", "x-written-by": "user", "x-phrases": phrases }), ".x-phrases");
        }
        let phrases = json!(["i am very {value}"]);
        refused(&json!({ "type": "boolean", "x-written-by": "user", "x-phrases": phrases }), ".x-phrases");
        refused(&json!({ "type": "string", "x-phrases": phrases }), ".x-phrases");
    }

    #[test]
    fn more_than_a_prompt_has_room_for_is_refused() {
        let many: Map<String, Value> = (0..=OWN_SLOTS_LEARNED_MAX)
            .map(|at| (format!("s{at}"), json!({ "type": "string", "x-written-by": "user" })))
            .collect();
        assert_eq!(slots(&json!({ "properties": many })).unwrap_err().field, "properties");
        let long = json!({ "type": "string", "x-written-by": "user", "description": "x".repeat(6_001) });
        assert_eq!(slots(&json!({ "properties": { "x": long } })).unwrap_err().field, "properties");
        let named = json!({ "type": "string", "x-written-by": "user" });
        assert_eq!(slots(&json!({ "properties": { "a.b": named } })).unwrap_err().field, "properties.a.b");
    }

    #[test]
    fn an_operators_slot_may_be_anything() {
        let schema =
            json!({ "properties": { "home": { "type": "object", "properties": {} }, "x": true, "a.b": {} } });
        assert!(slots(&schema).unwrap().values().all(|slot| !slot.is_learned() && slot.value.is_none()));
    }

    #[test]
    fn a_slot_says_type_number_half_life_writer_and_description() {
        let schema = json!({ "properties": { "airports": {
            "type": "array", "items": { "type": "string", "maxLength": 40 }, "maxItems": 5, "description": "Airports  they\nuse",
            "x-written-by": "user", "x-half-life-days": 90, "x-phrases": ["i fly from {value}"],
        } } });
        let expected = OwnSlot {
            description: "Airports they use".into(),
            value: Some(SlotType::Text(Some(40))),
            multiple: true,
            values_max: Some(5),
            half_life_days: Some(90.0),
            written_by: WrittenBy::User,
            phrases: vec!["i fly from {value}".into()],
        };
        assert_eq!(slots(&schema).unwrap()["airports"], expected);
    }
}
