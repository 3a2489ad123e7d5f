//! What a rule is: a pattern, and what it says when it matches.

use crate::learn::pattern::Pattern;
use crate::model::{MemoryKind, Polarity};

/// Whose property it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    User,
    /// The words of this capture: `sister`, `rex`.
    Captured(usize),
    /// The words of two captures: `brother tom`, so that two people with one name stay two.
    Both(usize, usize),
}

/// Which property.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    /// None: the words themselves are remembered.
    None,
    Named(&'static str),
    /// The relation that this capture names: `sister`, for "Schwester" as well.
    Relation(usize),
    /// `favourite_` and what this capture names.
    Favourite(usize),
}

/// What it is said to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Captured(usize),
    /// A word of the pattern itself.
    Fixed(&'static str),
    /// A denial of whatever it was.
    Whatever,
}

/// When it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Since it was said, unless words say since when or until when.
    Now,
    /// A change: a day it names is when it began.
    Change,
    /// It is over.
    Past,
    /// It is so for a time, and says nothing if it does not say until when.
    Bounded,
    /// It happens on the day it names, and says nothing without one.
    OnDay,
}

/// One thing that a pattern says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Says {
    pub(super) kind: MemoryKind,
    pub(super) subject: Subject,
    pub(super) slot: Slot,
    pub(super) value: Value,
    pub(super) polarity: Polarity,
    pub(super) when: When,
    /// The words leave another reading open: it never ends what was said outright.
    pub(super) vague: bool,
}

impl Says {
    const fn new(kind: MemoryKind, slot: Slot) -> Self {
        Self {
            kind,
            subject: Subject::User,
            slot,
            value: Value::Captured(0),
            polarity: Polarity::Affirms,
            when: When::Now,
            vague: false,
        }
    }

    /// The value is another capture than the first.
    pub(super) const fn value(self, capture: usize) -> Self {
        Self { value: Value::Captured(capture), ..self }
    }

    /// The value is a word of the pattern.
    pub(super) const fn fixed(self, value: &'static str) -> Self {
        Self { value: Value::Fixed(value), ..self }
    }

    /// It is not so, whatever the value was.
    pub(super) const fn whatever(self) -> Self {
        Self { value: Value::Whatever, polarity: Polarity::Denies, ..self }
    }

    /// It is not so.
    pub(super) const fn denied(self) -> Self {
        Self { polarity: Polarity::Denies, ..self }
    }

    /// Of somebody or something that a capture names.
    pub(super) const fn of(self, capture: usize) -> Self {
        Self { subject: Subject::Captured(capture), ..self }
    }

    /// Of somebody named by relation and name.
    pub(super) const fn of_both(self, relation: usize, name: usize) -> Self {
        Self { subject: Subject::Both(relation, name), ..self }
    }

    pub(super) const fn past(self) -> Self {
        Self { when: When::Past, ..self }
    }

    pub(super) const fn bounded(self) -> Self {
        Self { when: When::Bounded, ..self }
    }

    /// Another reading is open: "I joined Acme" may be a club.
    pub(super) const fn maybe(self) -> Self {
        Self { vague: true, ..self }
    }

    pub(super) const fn change(self) -> Self {
        Self { when: When::Change, ..self }
    }
}

/// A property, with the first capture as its value.
pub(super) const fn fact(slot: &'static str) -> Says {
    Says::new(MemoryKind::Fact, Slot::Named(slot))
}

/// A relative, friend or colleague of this relation.
pub(super) const fn relative(relation: usize, name: usize) -> Says {
    Says::new(MemoryKind::Fact, Slot::Relation(relation)).value(name)
}

/// A property that says how the user likes things.
pub(super) const fn taste(slot: &'static str) -> Says {
    Says::new(MemoryKind::Preference, Slot::Named(slot))
}

/// The favourite of what a capture names.
pub(super) const fn favourite(of: usize, value: usize) -> Says {
    Says::new(MemoryKind::Preference, Slot::Favourite(of)).value(value)
}

/// What the user wants to reach.
pub(super) const fn goal() -> Says {
    Says::new(MemoryKind::Goal, Slot::Named("goal"))
}

/// The words themselves.
pub(super) const fn words(kind: MemoryKind) -> Says {
    Says::new(kind, Slot::None)
}

/// The words themselves, of something that happens on the day they name.
pub(super) const fn event() -> Says {
    Says { when: When::OnDay, ..Says::new(MemoryKind::Event, Slot::None) }
}

/// A row of a table.
pub(super) type Row = (&'static str, &'static [Says]);

/// A row, ready to be matched.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    pub(super) says: &'static [Says],
}

impl Rule {
    /// Whether it keeps the words themselves: then the whole rest of the sentence, with the reasons given.
    pub(super) fn is_slotless(&self) -> bool {
        self.says.iter().all(|says| matches!(says.slot, Slot::None))
    }

    /// "Always …", "never …": an order, which stands at the beginning of its sentence.
    pub(super) fn is_order(&self) -> bool {
        let order = |says: &Says| matches!(says.kind, MemoryKind::Preference | MemoryKind::Lesson);
        self.is_slotless() && self.says.iter().all(order)
    }

    pub(super) fn table(rows: &[Row]) -> Vec<Self> {
        rows.iter().map(|(pattern, says)| Self { pattern: Pattern::new(pattern), says }).collect()
    }
}
