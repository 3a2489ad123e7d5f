//! Reads JSON as models write it: everything that is whole, in one pass over the text.
//!
//! A stack of open containers and no way back: what cannot go on is given up where it stands, its whole children are kept,
//! and the search for the next bracket goes on from there. So nothing is read twice, whatever the text is. Valid JSON
//! is read as any parser reads it. Beyond that: text around it, comments, missing and surplus commas, single and typographic
//! quotes, quotes within a string that nobody escaped, keys and single words without quotes, Python's `True` and `None`,
//! closing brackets of the wrong kind, and an end in the middle.

use serde_json::{Map, Value};

use super::strings;

/// Deeper nesting is given up; answers need four levels.
const DEPTH_MAX: usize = 32;
/// How often a text is read again behind a bracket that led nowhere.
const RESTARTS_MAX: usize = 4;

/// A value that is whole, and the key it stood under if what was around it is not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Root {
    pub(super) key: Option<String>,
    pub(super) value: Value,
}

/// What a text holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reading {
    /// The outermost whole objects and arrays, in order.
    pub(super) roots: Vec<Root>,
    /// Whether the text ends within one.
    pub(super) cut: bool,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Reading {
    let start = text.len() - text.trim_start().len();
    let mut from = start;
    let mut cut_before = false;
    for _ in 0..=RESTARTS_MAX {
        let mut reader = Reader { text, at: from, stack: Vec::new(), roots: Vec::new(), opened: from };
        let cut = reader.run();
        let opened = reader.opened;
        // A stray bracket in prose may have swallowed all that follows. One at the very beginning is the answer itself.
        if !cut || !reader.roots.is_empty() || opened == start {
            return Reading { roots: reader.roots, cut: cut || cut_before };
        }
        cut_before = true;
        from = opened + 1;
    }
    Reading { roots: Vec::new(), cut: true }
}

enum Open {
    /// With the key that waits for its value.
    Object(Map<String, Value>, Option<String>),
    Array(Vec<Value>),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    stack: Vec<Open>,
    roots: Vec<Root>,
    /// Where the outermost open container began.
    opened: usize,
}

/// What comes next in a container cannot be part of it.
struct Broken;

impl Reader<'_> {
    /// Reads to the end. Whether that is within a container.
    fn run(&mut self) -> bool {
        loop {
            if self.stack.is_empty() {
                let Some(bracket) = self.rest().find(['{', '[']) else { return false };
                self.at += bracket;
                self.opened = self.at;
            } else {
                self.skip_blank();
            }
            let Some(next) = self.rest().chars().next() else {
                self.give_up();
                return true;
            };
            match self.token(next) {
                Ok(true) => {}
                Ok(false) => {
                    self.give_up();
                    return true;
                }
                Err(Broken) => self.give_up(),
            }
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Takes one token; false if the text ends within it.
    fn token(&mut self, next: char) -> Result<bool, Broken> {
        match next {
            '{' | '[' => {
                if self.stack.len() == DEPTH_MAX || self.wants_key() {
                    // Taken as the beginning of something new, unless that is what is too deep.
                    self.at += usize::from(self.stack.len() == DEPTH_MAX);
                    return Err(Broken);
                }
                self.at += 1;
                self.stack.push(if next == '{' {
                    Open::Object(Map::new(), None)
                } else {
                    Open::Array(Vec::new())
                });
            }
            '}' | ']' => {
                self.at += 1;
                self.close(next);
            }
            '"' | '\'' | '“' | '„' | '«' => {
                let Some((text, length)) = strings::quoted(self.rest(), self.wants_key()) else {
                    return Ok(false);
                };
                self.at += length;
                self.word(text, true)?;
            }
            _ => {
                let word = strings::bare(self.rest());
                if word.is_empty() {
                    return Err(Broken);
                }
                let word = word.to_owned();
                self.at += word.len();
                self.word(word, false)?;
            }
        }
        Ok(true)
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open::Object(_, None)))
    }

    /// Takes a string or a bare word as what is wanted: a key with its colon, or a value.
    fn word(&mut self, word: String, quoted: bool) -> Result<(), Broken> {
        if self.wants_key() {
            self.skip_blank();
            let colon = ["=>", ":", "=", "："].into_iter().find(|colon| self.rest().starts_with(colon));
            self.at += colon.ok_or(Broken)?.len();
            if let Some(Open::Object(_, key)) = self.stack.last_mut() {
                *key = Some(word);
            }
            return Ok(());
        }
        if quoted {
            self.put(Value::String(word));
        } else {
            // A bare word that is not a known one is a value only if nothing but an end follows.
            let known = strings::literal(&word);
            let ends = matches!(
                self.rest().trim_start_matches([' ', '\t']).chars().next(),
                None | Some(',' | '}' | ']' | '\n' | '\r')
            );
            self.put(known.or_else(|| ends.then_some(Value::String(word))).ok_or(Broken)?);
        }
        Ok(())
    }

    /// Puts a value into the innermost container; without one it is a root if it is a container.
    fn put(&mut self, value: Value) {
        match self.stack.last_mut() {
            Some(Open::Object(members, key)) => {
                if let Some(key) = key.take() {
                    members.insert(key, value);
                }
            }
            Some(Open::Array(items)) => items.push(value),
            None => self.roots.push(Root { key: None, value }),
        }
    }

    /// Closes the innermost container, and with it the one around it if the bracket is that one's.
    fn close(&mut self, bracket: char) {
        let closes = |open: &Open| matches!((open, bracket), (Open::Object(..), '}') | (Open::Array(_), ']'));
        let mut around = self.stack.iter().rev();
        // A bracket that closes neither is a slip: `[{…}}]`.
        let count = match (around.next().map(closes), around.next().map(closes)) {
            (Some(true), _) => 1,
            (_, Some(true)) => 2,
            _ => 0,
        };
        for _ in 0..count {
            if let Some(open) = self.stack.pop() {
                self.put(whole(open));
            }
        }
    }

    /// Gives up all open containers; their whole children become roots.
    fn give_up(&mut self) {
        for open in std::mem::take(&mut self.stack) {
            match open {
                Open::Object(members, _) => {
                    let children = members.into_iter().filter(|(_, value)| is_container(value));
                    self.roots.extend(children.map(|(key, value)| Root { key: Some(key), value }));
                }
                Open::Array(items) => {
                    let children = items.into_iter().filter(is_container);
                    self.roots.extend(children.map(|value| Root { key: None, value }));
                }
            }
        }
    }

    /// Passes over white space, commas and comments.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len()
                - rest
                    .trim_start_matches([' ', '\t', '\n', '\r', ',', ';', '\u{feff}', '\u{a0}', '，'])
                    .len();
            let comment = match &rest[blank..] {
                line if line.starts_with("//") || line.starts_with('#') => {
                    line.find('\n').unwrap_or(line.len())
                }
                block if block.starts_with("/*") => block.find("*/").map_or(block.len(), |end| end + 2),
                _ => 0,
            };
            self.at += blank + comment;
            if comment == 0 {
                return;
            }
        }
    }
}

fn whole(open: Open) -> Value {
    match open {
        Open::Object(members, _) => Value::Object(members),
        Open::Array(items) => Value::Array(items),
    }
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}
