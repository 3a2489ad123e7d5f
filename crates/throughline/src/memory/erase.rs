//! Taking a user away.

use crate::model::UserKey;
use crate::ports::Erased;

use super::{Memory, MemoryError};

impl Memory {
    /// Takes away everything of a user, in every scope. When it returns, no file of the store holds any of it.
    pub fn erase_user(&self, user: &UserKey) -> Result<Erased, MemoryError> {
        let erased = self.store.erase_user(user)?;
        self.shards.forget_user(user);
        self.turns.forget_user(user);
        self.beliefs.forget_user(user);
        Ok(erased)
    }
}
