//! The slots that are known, and which of them hold one value at a time.

use crate::model::SlotKey;

/// How many values a slot has at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// One: a newer one takes the place of an older.
    Single,
    /// Several, each for itself.
    Multiple,
}

/// Properties of a person, animal or thing that hold one value at a time. Every other slot may hold several: nothing is lost
/// by keeping both, while taking the one for the other's successor would be a false supersession.
pub(crate) const SINGLE: &[&str] = &[
    "name",
    "nickname",
    "age",
    "birthday",
    "home",
    "hometown",
    "job",
    "employer",
    "partner",
    "timezone",
    "diet",
    "native_language",
    "phone",
    "email",
    "breed",
    "species",
    "colour",
    "marital_status",
    "commute",
    "bedtime",
    "wake_time",
    "answer_length",
    "answer_language",
    "units",
    "tone",
    "favourite_colour",
    "favourite_food",
    "favourite_drink",
    "favourite_book",
    "favourite_film",
    "favourite_music",
    "favourite_season",
    "favourite_team",
    "pronouns",
];

/// Properties of which one thing cannot have both: to say the one of it takes the other back.
const OPPOSITES: [[&str; 2]; 1] = [["likes", "dislikes"]];

/// The slot in which a value cannot stand together with this one's.
pub(crate) fn opposite(slot: &SlotKey) -> Option<SlotKey> {
    let name = OPPOSITES.iter().find_map(|[one, other]| match slot.name.as_str() {
        name if name == *one => Some(*other),
        name if name == *other => Some(*one),
        _ => None,
    })?;
    Some(SlotKey { subject: slot.subject.clone(), name: name.to_owned() })
}

/// Of this slot.
pub fn cardinality(slot: &SlotKey) -> Cardinality {
    if slot.subject == super::PROFILE_SUBJECT || SINGLE.contains(&slot.name.as_str()) {
        Cardinality::Single
    } else {
        Cardinality::Multiple
    }
}
