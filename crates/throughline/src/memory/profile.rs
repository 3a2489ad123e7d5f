//! Reading and changing the structured memory. What an operator writes there are claims like any other, of the strongest
//! authority.

use std::cell::RefCell;

use serde_json::Value;

use crate::codec;
use crate::model::{
    Act, Author, MemoryKind, MemoryRecord, MemoryState, OwnSlots, Profile, ProfilePatch, Scope, SlotKey,
    value_of, words_of,
};
use crate::truth::{self, PROFILE_BYTES_MAX, SUMMARY_SLOT, profile_slot, same_value};

use super::memories::{GoesWith, NewMemory};
use super::own_slots::of_own_slot;
use super::{Memory, MemoryError};

/// How an operator changes a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileChange {
    /// All slots at once; its epoch and time do not count.
    Replace(Profile),
    /// Some slots; the others stay.
    Patch(ProfilePatch),
}

impl Memory {
    /// The profile as it is now. One that was made by another schema of the tenant's own slots is made again first.
    pub fn profile(&self, scope: &Scope) -> Result<Profile, MemoryError> {
        self.take_over_edits(scope)?;
        let profile = self.store.profile(scope, None)?;
        let slots = self.own_slots(scope.tenant())?;
        if !slots.are_declared()
            || !truth::is_of_another_schema(&profile, &self.beliefs(scope)?.memories, &slots, self.now())
        {
            return Ok(profile);
        }
        self.amend(scope, Author::Operator, None, |_| Ok(Vec::new()))?;
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
        let slots = self.own_slots(scope.tenant())?;
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
            Ok((self.acts(before, &after, &memories, &slots)?, Some(after)))
        })?;
        Ok(())
    }

    /// What an operator says by writing one profile in place of another.
    fn acts(
        &self,
        before: &Profile,
        after: &Profile,
        memories: &[MemoryRecord],
        slots: &OwnSlots,
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
            let claim = of_own_slot(self.operators_claim(new)?, slots)?;
            acts.borrow_mut().push(Act::Claimed(Box::new(claim)));
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
        let of_slot = |memory: &MemoryRecord, name: &str| memory.slot.as_ref() == Some(&profile_slot(name));
        match &after.summary {
            now if *now == before.summary => {}
            Some(text) if !text.trim().is_empty() => {
                say(MemoryKind::Summary, Some(profile_slot(SUMMARY_SLOT)), Some(text.clone()), text.clone())?;
            }
            _ => take_back(&|memory| of_slot(memory, SUMMARY_SLOT)),
        }
        let names = before.own.keys().chain(after.own.keys().filter(|name| !before.own.contains_key(*name)));
        for name in names.filter(|name| before.own.get(*name) != after.own.get(*name)) {
            let said = |value: &Value| {
                let value = words_of(value);
                say(
                    MemoryKind::Fact,
                    Some(profile_slot(name)),
                    Some(value.clone()),
                    format!("{name}: {value}"),
                )
            };
            match after.own.get(name) {
                None => take_back(&|memory| of_slot(memory, name)),
                // Each value by itself, as learning writes them.
                Some(Value::Array(values)) if slots.get(name).is_some_and(|slot| slot.multiple) => {
                    let stays = |memory: &MemoryRecord| values.contains(&value_of(&memory.value));
                    take_back(&|memory| of_slot(memory, name) && !stays(memory));
                    let holds = |value: &&Value| {
                        let mut own = memories.iter().filter(|memory| memory.state == MemoryState::Active);
                        !own.any(|memory| of_slot(memory, name) && value_of(&memory.value) == **value)
                    };
                    values.iter().filter(holds).try_for_each(said)?;
                }
                Some(value) => said(value)?,
            }
        }
        Ok(acts.into_inner())
    }
}
