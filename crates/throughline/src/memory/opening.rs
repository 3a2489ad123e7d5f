//! The first read of a request: what it asks of the store, and what this process makes of the answer.

use std::sync::Arc;

use crate::model::{Profile, Scope};
use crate::ports::{Opening, OpeningAsk, Prefix, Since, StoreError};

use super::{Memory, MemoryError};

impl Memory {
    /// Asks for all at once, and for what came since this process last looked at the scope.
    pub(super) fn open_to_search(&self, scope: &Scope, ask: &OpeningAsk<'_>) -> Result<Opening, StoreError> {
        let since: Since = self.shards.since(scope);
        let mut opening = self.store.opening(scope, &OpeningAsk { since: Some(since), ..*ask })?;
        if let (Some(revision), Some(news)) = (opening.revision, &mut opening.news) {
            self.turns.keep(scope, revision, std::mem::take(&mut news.turns).into_iter().map(Arc::new));
        }
        Ok(opening)
    }

    /// The profile as [`Memory::profile`] has it; the store is asked only if there is something to be done to it first.
    pub(super) fn profile_of(
        &self,
        scope: &Scope,
        opening: &Opening,
        prefix: &Prefix,
    ) -> Result<Profile, MemoryError> {
        let slots = self.slots_of(scope.tenant(), prefix.slot_schema.as_deref());
        let needs_work = prefix.is_edited
            || (slots.are_declared() && {
                let beliefs = self.beliefs_of(scope, opening)?;
                crate::truth::is_of_another_schema(&prefix.profile, &beliefs.memories, &slots, self.now())
            });
        if needs_work { self.profile(scope) } else { Ok(prefix.profile.clone()) }
    }
}
