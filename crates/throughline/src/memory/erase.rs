//! Taking a user away.

use crate::model::UserKey;
use crate::ports::Erased;

use super::{Memory, MemoryError};

impl Memory {
    /// Takes away everything of a user, in every scope. When it returns, no file of the store holds any of it, and no vector
    /// index either. After an error, repeat it: what is gone from the store may still be in the index.
    pub fn erase_user(&self, user: &UserKey) -> Result<Erased, MemoryError> {
        let erased = self.store.erase_user(user)?;
        self.shards.forget_user(user);
        self.turns.forget_user(user);
        self.beliefs.forget_user(user);
        // After the store: whoever writes to the index asks the store first.
        if let Some(vectors) = &self.vectors {
            vectors.erase_user(user)?;
        }
        Ok(erased)
    }
}
