//! Reading and changing the structured memory.

use crate::codec;
use crate::model::{Profile, ProfilePatch, Scope};
use crate::ports::StoreError;

use super::{Memory, MemoryError};

/// A profile is told to the model in each request: it may not grow without bound.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// Readers-and-writers at once on one profile are few; a change that loses the race is made again.
const CONFLICT_RETRIES_MAX: usize = 16;

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
        Ok(self.store.profile(scope, None)?)
    }

    /// Changes the profile and returns it as it is then. The epoch changes only if the content does.
    pub fn change_profile(&self, scope: &Scope, change: &ProfileChange) -> Result<Profile, MemoryError> {
        for _ in 0..CONFLICT_RETRIES_MAX {
            let before = self.store.profile(scope, None)?;
            let mut after = match change {
                ProfileChange::Replace(profile) => Profile { epoch: before.epoch, ..profile.clone() },
                ProfileChange::Patch(patch) => patch.apply(&before),
            };
            if after.same_content(&before) {
                return Ok(before);
            }
            let bytes = codec::encode_profile(&after).len();
            if bytes > PROFILE_BYTES_MAX {
                return Err(MemoryError::Invalid(format!(
                    "the profile would have {bytes} bytes; at most {PROFILE_BYTES_MAX} are kept"
                )));
            }
            let now = self.now();
            after.changed = Some(now);
            match self.store.put_profile(scope, after.clone(), now) {
                Ok(epoch) => return Ok(Profile { epoch, ..after }),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}
