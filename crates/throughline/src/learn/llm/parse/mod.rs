//! The tolerant parser: what a model wrote → the facts in it.
//!
//! Reasoning, fences and prose around the JSON, damaged JSON, facts nested under whatever key, one by one or twice, keys and
//! values in other words and types: all of that is read. Three results are told apart: facts, no facts (an empty list), and
//! an answer that cannot be read. Time is about linear in the answer, and of a valid answer that was cut off the whole facts
//! before the cut are read.

mod fields;
mod read;
mod reasoning;
mod sentences;
mod strings;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub(super) use fields::Item;
use read::{Reading, Root};
pub(super) use sentences::{Sentence, sentences};

/// Facts taken from one answer; a model that goes on for ever repeats itself.
pub(super) const ITEMS_MAX: usize = 64;
/// JSON in a string in JSON in a string.
const ESCAPED_LEVELS_MAX: usize = 2;

/// Reads an answer: the facts, none if it says that there are none, or what is wrong with it.
pub(super) fn parse(answer: &str) -> Result<Vec<Item>, &'static str> {
    let answer = reasoning::without(answer);
    let mut found = Found::default();
    let reading = read_escaped(answer, 0);
    for root in &reading.roots {
        found.root(root);
    }
    found.items.truncate(ITEMS_MAX);
    match found {
        Found { items, .. } if !items.is_empty() => Ok(items),
        Found { unusable: true, .. } => Err("no fact in it has both a quote and readable fields"),
        _ if reading.cut => Err("it was cut off before the first fact was complete"),
        Found { empty_list: true, .. } => Ok(Vec::new()),
        _ if answer.trim().is_empty() => Err("it is empty"),
        _ if reading.roots.is_empty() => Err("there is no JSON in it"),
        _ => Err("its JSON holds no list of facts"),
    }
}

/// Reads a text, or what it was before somebody made a JSON string of it.
fn read_escaped(text: &str, level: usize) -> Reading {
    let reading = read::read(text);
    let begins = text.trim_start().trim_start_matches(['"', '\'', '{', '[', ' ', '\n']);
    let is_escaped = begins.starts_with("\\\"") || begins.starts_with("\\n");
    let in_quotes = text.trim_start().starts_with(['"', '\'']);
    if level < ESCAPED_LEVELS_MAX && is_escaped && (in_quotes || reading.roots.is_empty()) {
        return read_escaped(&strings::unescaped(text.trim().trim_matches('"')), level + 1);
    }
    reading
}

/// What was found so far.
#[derive(Default)]
struct Found {
    items: Vec<Item>,
    /// Something that should be facts is not.
    unusable: bool,
    /// A list of facts is there and empty.
    empty_list: bool,
}

impl Found {
    fn root(&mut self, root: &Root) {
        let only_member = root.value.as_object().filter(|members| members.len() == 1);
        match &root.value {
            Value::Array(items) if items.is_empty() => {
                self.empty_list |= root.key.as_deref().is_none_or(fields::is_list_name);
            }
            _ if only_member.is_some_and(|members| members.values().all(is_empty_list)) => {
                self.empty_list = true;
            }
            value => self.value(value, root.key.as_deref(), 0),
        }
    }

    /// Looks for facts in a value. `level` counts strings that were read as JSON.
    fn value(&mut self, value: &Value, key: Option<&str>, level: usize) {
        let named = key.is_some_and(fields::is_list_name);
        match value {
            Value::Object(members) if fields::is_fact(members) => self.fact(members),
            Value::Object(members) => {
                for (key, value) in members {
                    self.value(value, Some(key), level);
                }
            }
            Value::Array(items) => {
                self.empty_list |= named && items.is_empty();
                self.unusable |= named && items.iter().any(|item| !item.is_object());
                for item in items {
                    self.value(item, None, level);
                }
            }
            Value::String(text)
                if level < ESCAPED_LEVELS_MAX && text.trim_start().starts_with(['{', '[']) =>
            {
                for root in read::read(text).roots {
                    let key = root.key.as_deref().or(key);
                    self.value(&root.value, key, level + 1);
                }
            }
            Value::String(_) => self.unusable |= named,
            Value::Null => self.empty_list |= named,
            Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn fact(&mut self, members: &Map<String, Value>) {
        match fields::item(members) {
            // An answer that was given twice holds everything twice.
            Some(item) if self.items.len() < ITEMS_MAX && !self.items.contains(&item) => {
                self.items.push(item);
            }
            Some(_) => {}
            None => self.unusable = true,
        }
    }
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}
