//! The structured memory of a scope: what is always told to the model, in slots.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Timestamp;

/// Counts the versions of a profile's content. Changes only when the content does; 0 is the empty profile.
pub type ProfileEpoch = u64;

/// The name of a slot.
pub type Slot = String;

/// Goals, preferences, past mistakes, a summary, and slots of the tenant's own JSON Schema.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Which version of the content this is.
    pub epoch: ProfileEpoch,
    /// When this version was made; none for the empty profile.
    pub changed: Option<Timestamp>,
    /// The newest version that sessions see which began before it: an operator's, or one that takes something back. What
    /// learning only adds waits for the next session, so that a prompt's beginning stays the same.
    pub settled: ProfileEpoch,
    /// What the user wants to reach.
    pub goals: Vec<String>,
    /// What the user likes things to be.
    pub preferences: Vec<String>,
    /// What went wrong before and is not to be repeated.
    pub past_mistakes: Vec<String>,
    /// The user in a few sentences.
    pub summary: Option<String>,
    /// The tenant's own slots, by name, in the order of their names.
    pub own: BTreeMap<Slot, Value>,
}

impl Profile {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.same_content(&Self::default())
    }

    /// Whether both say the same, whatever their epochs.
    pub fn same_content(&self, other: &Self) -> bool {
        (&self.goals, &self.preferences, &self.past_mistakes, &self.summary, &self.own)
            == (&other.goals, &other.preferences, &other.past_mistakes, &other.summary, &other.own)
    }
}

/// A change to some slots: `None` leaves a slot as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProfilePatch {
    /// Replaces the goals.
    pub goals: Option<Vec<String>>,
    /// Replaces the preferences.
    pub preferences: Option<Vec<String>>,
    /// Replaces the past mistakes.
    pub past_mistakes: Option<Vec<String>>,
    /// Replaces the summary, or takes it away.
    pub summary: Option<Option<String>>,
    /// Replaces own slots, or takes them away.
    pub own: BTreeMap<Slot, Option<Value>>,
}

impl ProfilePatch {
    /// The profile with the change made; its epoch and time are the store's to set.
    #[must_use]
    pub fn apply(&self, profile: &Profile) -> Profile {
        let mut changed = profile.clone();
        if let Some(goals) = &self.goals {
            changed.goals.clone_from(goals);
        }
        if let Some(preferences) = &self.preferences {
            changed.preferences.clone_from(preferences);
        }
        if let Some(past_mistakes) = &self.past_mistakes {
            changed.past_mistakes.clone_from(past_mistakes);
        }
        if let Some(summary) = &self.summary {
            changed.summary.clone_from(summary);
        }
        for (slot, value) in &self.own {
            match value {
                Some(value) => changed.own.insert(slot.clone(), value.clone()),
                None => changed.own.remove(slot),
            };
        }
        changed
    }
}
