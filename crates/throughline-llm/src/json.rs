//! Takes JSON apart at its top level without reading what is inside.
//!
//! A proxy must hand on what it does not know: unknown fields, their order, numbers of thirty digits, escapes. So a
//! request is split into members whose keys and values stay the bytes they were; only those that are replaced
//! change. It must never parse and write a value again.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A JSON object as an ordered list of members, repeated keys included.
///
/// ```
/// use throughline_llm::RawObject;
///
/// let mut object = RawObject::parse(br#"{"n": 100000000000000000000000000001, "model":"a", "x": [1.10]}"#)?;
/// object.set("model", serde_json::value::to_raw_value("b")?);
/// assert_eq!(object.to_string(), r#"{"n":100000000000000000000000000001,"model":"b","x":[1.10]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct RawObject<'a> {
    members: Vec<Member<'a>>,
}

#[derive(Debug, Clone)]
struct Member<'a> {
    /// The key as spelled, with its quotes.
    key: Cow<'a, RawValue>,
    value: Cow<'a, RawValue>,
}

impl Member<'_> {
    fn is_named(&self, name: &str) -> bool {
        let spelled = self.key.get();
        // Keys are all but never escaped; then what stands between the quotes is the name.
        if spelled.contains('\\') {
            serde_json::from_str::<String>(spelled).is_ok_and(|decoded| decoded == name)
        } else {
            spelled.get(1..spelled.len() - 1) == Some(name)
        }
    }
}

impl<'a> RawObject<'a> {
    /// Splits the bytes of a JSON object, which must be UTF-8.
    ///
    /// # Errors
    /// If the bytes are not exactly one JSON object.
    pub fn parse(json: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// The value of a key; of the last one if it is repeated, as most parsers have it.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.members.iter().rfind(|member| member.is_named(name)).map(|member| &*member.value)
    }

    /// Replaces the value of a key where it stands, or adds the key at the end.
    ///
    /// If the key is repeated, only the last one stays, so that no parser can see the old value.
    pub fn set(&mut self, name: &str, value: Box<RawValue>) {
        let last = self.members.iter().rposition(|member| member.is_named(name));
        let mut at = 0;
        self.members.retain(|member| {
            at += 1;
            last.is_none_or(|last| at > last) || !member.is_named(name)
        });
        match self.members.iter_mut().find(|member| member.is_named(name)) {
            Some(member) => member.value = Cow::Owned(value),
            None => self.members.push(Member { key: Cow::Owned(raw_string(name)), value: Cow::Owned(value) }),
        }
    }

    /// Takes a key out, however often it stands there. Returns whether it did.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|member| !member.is_named(name));
        self.members.len() < before
    }

    /// Keys, as spelled with their quotes, and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&RawValue, &RawValue)> {
        self.members.iter().map(|member| (&*member.key, &*member.value))
    }
}

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawObject<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push(Member { key: Cow::Borrowed(key), value: Cow::Borrowed(value) });
                }
                Ok(RawObject { members })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Writes JSON without white space between the members; keys and values keep theirs.
impl fmt::Display for RawObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.iter().enumerate() {
            write!(f, "{}{}:{}", if number == 0 { '{' } else { ',' }, key.get(), value.get())?;
        }
        f.write_str(if self.members.is_empty() { "{}" } else { "}" })
    }
}

/// A JSON array as a list of its items, each the bytes it was.
#[derive(Debug, Clone, Default)]
pub struct RawArray<'a> {
    /// The items.
    pub items: Vec<Cow<'a, RawValue>>,
}

impl<'a> RawArray<'a> {
    /// Splits the bytes of a JSON array, which must be UTF-8.
    ///
    /// # Errors
    /// If the bytes are not exactly one JSON array.
    pub fn parse(json: &'a [u8]) -> Result<Self, serde_json::Error> {
        let items: Vec<&RawValue> = serde_json::from_slice(json)?;
        Ok(Self { items: items.into_iter().map(Cow::Borrowed).collect() })
    }
}

/// Writes JSON without white space between the items; the items keep theirs.
impl fmt::Display for RawArray<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, item) in self.items.iter().enumerate() {
            write!(f, "{}{}", if number == 0 { '[' } else { ',' }, item.get())?;
        }
        f.write_str(if self.items.is_empty() { "[]" } else { "]" })
    }
}

macro_rules! to_raw_value {
    ($type:ident) => {
        impl $type<'_> {
            /// The whole as one value, to be put into another object or array.
            pub fn to_raw_value(&self) -> Box<RawValue> {
                // Made of valid pieces, so this is valid JSON.
                RawValue::from_string(self.to_string()).unwrap_or_default()
            }
        }
    };
}
to_raw_value!(RawObject);
to_raw_value!(RawArray);

fn raw_string(text: &str) -> Box<RawValue> {
    // Writing a string as JSON into memory cannot fail.
    serde_json::value::to_raw_value(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::to_raw_value;

    use super::*;

    /// Any JSON text as people and machines write it: odd numbers, escapes, white space, repeated keys.
    fn any_json() -> impl Strategy<Value = String> {
        let number = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?";
        let string = r#""([a-zé🦀 ]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,8}""#;
        let leaf = prop_oneof![Just("null".to_owned()), Just("true".to_owned()), number, string];
        let space = "[ \\n\\t]{0,2}";
        leaf.prop_recursive(4, 32, 5, move |inner| {
            let item = (space, inner.clone(), space).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
            let member = (space, string, space, inner, space)
                .prop_map(|(a, key, b, value, c)| format!("{a}{key}{b}:{value}{c}"));
            prop_oneof![
                prop::collection::vec(item, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn splitting_and_writing_keeps_the_bytes_of_every_key_and_value(
            members in prop::collection::vec((r#""([a-c]|\\u006[123]|\\"){0,3}""#, any_json()), 0..8),
        ) {
            let json = members.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(",");
            let json = format!("{{{json}}}");
            let object = RawObject::parse(json.as_bytes()).unwrap();
            let got: Vec<_> = object.iter().map(|(key, value)| (key.get().to_owned(), value.get().to_owned())).collect();
            let expected: Vec<_> = members.iter().map(|(key, value)| (key.clone(), value.trim().to_owned())).collect();
            prop_assert_eq!(got, expected);
            prop_assert_eq!(object.to_string(), json);
        }

        #[test]
        fn splitting_and_writing_keeps_the_bytes_of_every_item(items in prop::collection::vec(any_json(), 0..8)) {
            let json = format!("[{}]", items.join(","));
            let array = RawArray::parse(json.as_bytes()).unwrap();
            prop_assert_eq!(array.items.len(), items.len());
            prop_assert_eq!(array.to_string(), json);
        }

        #[test]
        fn a_replaced_value_is_the_only_one_that_changes(json in any_json().prop_filter("object", |json| json.starts_with('{'))) {
            let before = RawObject::parse(json.as_bytes()).unwrap();
            let mut after = before.clone();
            after.set("model", to_raw_value("new").unwrap());
            prop_assert_eq!(after.get("model").map(RawValue::get), Some("\"new\""));
            let rest = |object: &RawObject<'_>| {
                let mut object = object.clone();
                object.remove("model");
                object.to_string()
            };
            prop_assert_eq!(rest(&before), rest(&after));
        }
    }

    fn object(json: &str) -> RawObject<'_> {
        RawObject::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_key_is_found_however_it_is_spelled() {
        let object = object(r#"{"a":1,"m\u006fdel":2,"mode":3}"#);
        assert_eq!(object.get("model").map(RawValue::get), Some("2"));
        assert!(object.get("mod").is_none());
    }

    #[test]
    fn of_a_repeated_key_the_last_counts_and_setting_it_leaves_one() {
        let mut object = object(r#"{"user":"a","x":1,"user":"b","y":2}"#);
        assert_eq!(object.get("user").map(RawValue::get), Some("\"b\""));
        assert_eq!(object.to_string(), r#"{"user":"a","x":1,"user":"b","y":2}"#);
        object.set("user", to_raw_value("c").unwrap());
        assert_eq!(object.to_string(), r#"{"x":1,"user":"c","y":2}"#);
        assert!(object.remove("user"));
        assert_eq!(object.to_string(), r#"{"x":1,"y":2}"#);
    }

    #[test]
    fn new_keys_are_added_at_the_end_and_escaped() {
        let mut object = RawObject::default();
        assert_eq!(object.to_string(), "{}");
        object.set("a\"b", to_raw_value(&1).unwrap());
        object.set("messages", RawArray::default().to_raw_value());
        assert_eq!(object.to_raw_value().get(), r#"{"a\"b":1,"messages":[]}"#);
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for json in ["", "[]", "null", "{", r#"{"a":}"#, r#"{"a":1} x"#, "{a:1}", "{1:2}"] {
            RawObject::parse(json.as_bytes()).unwrap_err();
        }
        RawObject::parse(b"{\"a\":\"\xff\"}").unwrap_err();
        RawArray::parse(b"{}").unwrap_err();
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(object(&json).to_string(), json);
    }
}
