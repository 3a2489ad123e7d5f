//! A story: what is said and done on which days, and what must have become of it.

use jiff::Timestamp;

use crate::conversation::Role;

/// One person's sessions, and what must be held after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// What sort of drift it is about.
    pub theme: String,
    /// Unique in its file.
    pub name: String,
    /// In order of time.
    pub sessions: Vec<StorySession>,
    /// When it is looked at what is held.
    pub seen: Timestamp,
    /// What must be held then, and what must not.
    pub expected: Vec<Expected>,
}

/// What happens from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorySession {
    /// When it begins.
    pub start: Timestamp,
    /// In order.
    pub steps: Vec<Step>,
}

/// What happens in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Somebody says something.
    Said {
        /// Who.
        role: Role,
        /// What.
        text: String,
    },
    /// The user says it, and the app sends the context that memory gave for it back as if the user had said that too.
    Echoed(String),
    /// An operator does something about what is held; what was said before has been learned from by then.
    Ordered(Order),
}

/// What an operator does. Of something that is not held nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Adds it.
    Add(Fact),
    /// Gives it another value.
    Edit(Fact, String),
    /// Takes it back.
    Retract(Fact),
    /// Brings it back.
    Restore(Fact),
    /// Has it forgotten for good.
    Forget(Fact),
}

/// Something that may be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The slot, as `user.home`; none if any will do.
    pub slot: Option<String>,
    /// Words of the value; empty for any value.
    pub words: String,
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.slot {
            Some(slot) if self.words.is_empty() => f.write_str(slot),
            Some(slot) => write!(f, "{slot}={}", self.words),
            None if self.words.is_empty() => f.write_str("anything"),
            None => f.write_str(&self.words),
        }
    }
}

/// What must have become of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// What must be so of it.
    pub must: Must,
    /// It, in ways that are all right; one at least.
    pub facts: Vec<Fact>,
}

/// What must be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Must {
    /// It is taken to be true.
    Current,
    /// It is known to have been true, and to be over.
    History,
    /// It was never held.
    Never,
}
