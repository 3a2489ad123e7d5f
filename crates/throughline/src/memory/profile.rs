//! Reading and changing the structured memory. What an operator writes there are claims like any other, of the strongest
//! authority.

use std::cell::RefCell;

use crate::codec;
use crate::model::{
    Act, Author, MemoryKind, MemoryRecord, MemoryState, Profile, ProfilePatch, Scope, SlotKey,
};
use crate::truth::{self, SUMMARY_SLOT, profile_slot, same_value};

use super::memories::{GoesWith, NewMemory};
use super::{Memory, MemoryError};

/// A profile is told to the model in each request: it may not grow without bound.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// How an operator changes a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileChange {
    /// All slots at once; its epoch and time do not count.
    Replace(Profile),
    /// Some slots; the others stay.
    Patch(ProfilePatch),
}

impl Memory {
    /// The profile as it is now.
    pub fn profile(&self, scope: &Scope) -> Result<Profile, MemoryError> {
        self.take_over_edits(scope)?;
        Ok(self.store.profile(scope, None)?)
    }

    /// Changes the profile and returns it as it is then. The epoch changes only if the content does.
    pub fn change_profile(&self, scope: &Scope, change: &ProfileChange) -> Result<Profile, MemoryError> {
        self.take_over_edits(scope)?;
        self.write_profile(scope, GoesWith::default(), |before| match change {
            ProfileChange::Replace(profile) => Profile { epoch: before.epoch, ..profile.clone() },
            ProfileChange::Patch(patch) => patch.apply(before),
        })?;
        self.profile(scope)
    }

    /// Writes what an operator makes of the profile.
    pub(super) fn write_profile(
        &self,
        scope: &Scope,
        with: GoesWith<'_>,
        change: impl Fn(&Profile) -> Profile,
    ) -> Result<(), MemoryError> {
        self.amend_with(scope, Author::Operator, with, |entries, before| {
            let after = change(before);
            if after.same_content(before) {
                return Ok((Vec::new(), Some(after)));
            }
            let bytes = codec::encode_profile(&after).len();
            if bytes > PROFILE_BYTES_MAX {
                return Err(MemoryError::Invalid(format!(
                    "the profile would have {bytes} bytes; at most {PROFILE_BYTES_MAX} are kept"
                )));
            }
            let memories = truth::derive(entries, self.now());
            Ok((self.acts(before, &after, &memories)?, Some(after)))
        })?;
        Ok(())
    }

    /// What an operator says by writing one profile in place of another.
    fn acts(
        &self,
        before: &Profile,
        after: &Profile,
        memories: &[MemoryRecord],
    ) -> Result<Vec<Act>, MemoryError> {
        let acts = RefCell::new(Vec::new());
        let take_back = |meant: &dyn Fn(&MemoryRecord) -> bool| {
            let active = memories.iter().filter(|memory| memory.state == MemoryState::Active);
            let taken = active.filter(|memory| meant(memory)).map(|memory| Act::Retracted(memory.id));
            acts.borrow_mut().extend(taken);
        };
        let say = |kind: MemoryKind, slot: Option<SlotKey>, value: Option<String>, text: String| {
            let (importance, valid_from, valid_to) = (None, None, None);
            let new = NewMemory { kind, slot, value, text, importance, valid_from, valid_to };
            acts.borrow_mut().push(Act::Claimed(Box::new(self.operators_claim(new)?)));
            Ok::<_, MemoryError>(())
        };
        let lists = [
            (&before.goals, &after.goals),
            (&before.preferences, &after.preferences),
            (&before.past_mistakes, &after.past_mistakes),
        ];
        for (kind, (before, after)) in truth::list_kinds().into_iter().zip(lists) {
            for gone in before.iter().filter(|entry| !after.contains(entry)) {
                take_back(&|memory| {
                    memory.kind == kind && (same_value(&memory.text, gone) || same_value(&memory.value, gone))
                });
            }
            for new in after.iter().filter(|entry| !before.contains(entry) && !entry.trim().is_empty()) {
                say(kind, None, None, new.clone())?;
            }
        }
        let mut slots = vec![(SUMMARY_SLOT, before.summary.clone(), after.summary.clone())];
        let names = before.own.keys().chain(after.own.keys().filter(|name| !before.own.contains_key(*name)));
        let value = |profile: &Profile, name: &String| profile.own.get(name).map(ToString::to_string);
        slots.extend(names.map(|name| (name.as_str(), value(before, name), value(after, name))));
        for (name, before, after) in slots.into_iter().filter(|(_, before, after)| before != after) {
            let slot = profile_slot(name);
            match after.filter(|value| !value.trim().is_empty()) {
                Some(value) if name == SUMMARY_SLOT => {
                    say(MemoryKind::Summary, Some(slot), Some(value.clone()), value)?;
                }
                Some(value) => {
                    say(MemoryKind::Fact, Some(slot), Some(value.clone()), format!("{name}: {value}"))?;
                }
                None if before.is_some() => take_back(&|memory| memory.slot.as_ref() == Some(&slot)),
                None => {}
            }
        }
        Ok(acts.into_inner())
    }
}
