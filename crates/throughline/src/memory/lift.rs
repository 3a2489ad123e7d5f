//! Lifting tombstones: what was forgotten may be learned again, since an operator says so or the user says it anew.

use jiff::tz::TimeZone;

use crate::forget::{Forgotten as ForgottenWords, is_distinctive};
use crate::learn::{Batch, BatchTurn, Extractor, LocalExtractor, Proposal, gate};
use crate::model::{OwnSlots, Polarity, Role, Scope, Timestamp, Tombstone};

use super::forget::KEY_PURPOSE;
use super::{Memory, MemoryError};

impl Memory {
    /// Lifts whatever the scope has forgotten of a text's words, on the operator's word, and says how much that was. What was
    /// taken out stays out; what is said from now on may be learned.
    pub fn lift_forgotten(&self, scope: &Scope, text: &str) -> Result<u64, MemoryError> {
        self.lift(scope, |_, forgotten| forgotten.says(text))
    }

    /// Lifts what the user states outright, as the rules read it, if the settings let them and it was forgotten before it was
    /// said. Reports, wishes and questions lift nothing.
    pub(super) fn lift_stated(
        &self,
        scope: &Scope,
        tombstones: &mut Vec<Tombstone>,
        text: &str,
        time: Timestamp,
        zone: TimeZone,
    ) -> Result<(), MemoryError> {
        if !self.settings.user_may_lift || tombstones.is_empty() {
            return Ok(());
        }
        let text = self.strip(scope.tenant(), text);
        let stated = stated(&text, time, zone);
        let lifted = self.lift(scope, |tombstone, forgotten| {
            let says = |proposal: &Proposal| {
                let short = !is_distinctive(&proposal.value) && forgotten.says(&proposal.quote);
                forgotten.says(&proposal.value) || short
            };
            tombstone.forgotten < time && stated.iter().any(says)
        })?;
        if lifted > 0 {
            *tombstones = self.store.tombstones(scope)?;
        }
        Ok(())
    }

    fn lift(
        &self,
        scope: &Scope,
        goes: impl Fn(&Tombstone, &ForgottenWords) -> bool,
    ) -> Result<u64, MemoryError> {
        let key = self.key_for(KEY_PURPOSE);
        let mut lifted = 0;
        for tombstone in self.store.tombstones(scope)? {
            let forgotten = ForgottenWords::new(&key, scope, std::slice::from_ref(&tombstone));
            if goes(&tombstone, &forgotten) && self.store.lift_tombstone(scope, tombstone.hash)? {
                lifted += 1;
            }
        }
        Ok(lifted)
    }
}

/// What a message of the user states outright to be so.
fn stated(text: &str, time: Timestamp, zone: TimeZone) -> Vec<Proposal> {
    let wanted = gate(Role::User, text);
    let turn = BatchTurn { seq: 0, role: Role::User, name: None, time, zone, text: text.to_owned(), wanted };
    let slots = OwnSlots::default();
    let batch = Batch { turns: std::slice::from_ref(&turn), known: &[], slots: &slots };
    let mut read = LocalExtractor.extract(&batch).map(|read| read.proposals).unwrap_or_default();
    read.retain(|proposal| proposal.explicit && proposal.polarity == Polarity::Affirms);
    read
}
