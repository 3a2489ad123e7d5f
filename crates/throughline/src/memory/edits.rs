//! Changes that other programs make to the copy of a profile which a store keeps for them: taken over as an operator's.
//!
//! The other program read some version of the profile and wrote another; meanwhile something may have been learned. So what
//! counts is what it changed, and that is done to the profile as it is now. Nothing of either is lost.

use serde_json::Value;

use crate::model::{Profile, Scope, Slot};
use crate::ports::{ProfileEdit, StoreError};

use super::memories::GoesWith;
use super::{Memory, MemoryError};

/// Edits of one profile that are taken over before it is read: somebody may write all the time.
const EDITS_MAX: usize = 3;

impl Memory {
    /// Takes over what other programs made of the profile.
    pub(super) fn take_over_edits(&self, scope: &Scope) -> Result<(), MemoryError> {
        for _ in 0..EDITS_MAX {
            let Some(edit) = self.store.profile_edit(scope)? else { break };
            let with = GoesWith { job: None, edit: Some(&edit) };
            let taken = self.write_profile(scope, with, |now| merged(now, &edit));
            match taken {
                Ok(()) | Err(MemoryError::Store(StoreError::Conflict)) => {}
                Err(MemoryError::Invalid(why)) => {
                    // What stands there would be refused again at each request: the copy is written as the profile is.
                    tracing::warn!(user = %scope.user.user, why, "another program's edit of a profile is refused");
                    self.write_profile(scope, with, Profile::clone)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The profile with what the edit changed.
fn merged(now: &Profile, edit: &ProfileEdit) -> Profile {
    let ProfileEdit { before, after, .. } = edit;
    let mut profile = now.clone();
    profile.goals = list(&now.goals, &before.goals, &after.goals);
    profile.preferences = list(&now.preferences, &before.preferences, &after.preferences);
    profile.past_mistakes = list(&now.past_mistakes, &before.past_mistakes, &after.past_mistakes);
    if after.summary != before.summary {
        profile.summary.clone_from(&after.summary);
    }
    let changed = |slot: &&Slot| before.own.get(*slot) != after.own.get(*slot);
    for slot in before.own.keys().chain(after.own.keys()).filter(changed) {
        match after.own.get(slot).filter(|value| **value != Value::Null) {
            Some(value) => profile.own.insert(slot.clone(), value.clone()),
            None => profile.own.remove(slot),
        };
    }
    profile
}

/// A list without what was taken out of it, and with what was put in.
fn list(now: &[String], before: &[String], after: &[String]) -> Vec<String> {
    if now == before {
        return after.to_vec();
    }
    let stays = |entry: &&String| after.contains(entry) || !before.contains(entry);
    let comes = |entry: &&String| !before.contains(entry) && !now.contains(entry);
    now.iter().filter(stays).chain(after.iter().filter(comes)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(goals: &[&str], summary: &str, mood: &str) -> Profile {
        Profile {
            goals: goals.iter().map(ToString::to_string).collect(),
            summary: Some(summary.to_owned()),
            own: [("mood".to_owned(), mood.into())].into(),
            ..Profile::default()
        }
    }

    #[test]
    fn an_edit_is_done_to_what_was_learned_meanwhile() {
        let before = profile(&["sail", "read"], "a sailor", "calm");
        let after = profile(&["read", "ski"], "a sailor", "glad");
        let edit = ProfileEdit { before, after, mark: String::new() };
        let now = profile(&["sail", "read", "cook"], "an old sailor", "calm");
        assert_eq!(merged(&now, &edit), profile(&["read", "cook", "ski"], "an old sailor", "glad"));
        // And done twice it is done once.
        let once = merged(&now, &edit);
        assert_eq!(merged(&once, &edit), once);
    }

    #[test]
    fn where_nothing_was_learned_the_profile_is_as_it_was_written() {
        let edit = ProfileEdit {
            before: profile(&["a", "b"], "s", "m"),
            after: profile(&["b", "a"], "s", "m"),
            mark: String::new(),
        };
        assert_eq!(merged(&edit.before, &edit), edit.after);
    }
}
