//! Which wordings of a slot are one: claims of the ledger that say the same in other words.
//!
//! Whether two claims do was decided when the second was recorded, and stands in it ([`Claim::same_as`]); here it is only read.
//! Wordings that any chain of claims joins are one, so that the order in which the claims were recorded does not matter.

use std::collections::HashMap;

use crate::model::{Claim, MemoryId, MemoryKind, SlotKey};
use crate::text::terms::TermHash;

/// What two wordings must share to be compared at all.
type Topic<'a> = (Option<&'a SlotKey>, Option<MemoryKind>);

/// A wording of a topic.
type Wording<'a> = (Topic<'a>, &'a [TermHash]);

/// The wordings that are not their own: each with the one that stands for it.
pub(super) struct Wordings<'a> {
    /// The parent of each wording in its tree; one that stands for others is not in it.
    parents: HashMap<Wording<'a>, &'a [TermHash]>,
}

impl<'a> Wordings<'a> {
    /// Of the claims that count, each with its value's words.
    pub(super) fn of(claims: impl Iterator<Item = (&'a Claim, &'a [TermHash])> + Clone) -> Self {
        let by_id: HashMap<MemoryId, (&Claim, &[TermHash])> =
            claims.clone().map(|(claim, words)| (claim.id, (claim, words))).collect();
        let mut wordings = Self { parents: HashMap::new() };
        for (claim, words) in claims {
            for (same, other) in claim.same_as.iter().filter_map(|id| by_id.get(id)) {
                if topic(same) == topic(claim) {
                    wordings.join(topic(claim), words, other);
                }
            }
        }
        wordings
    }

    /// The wording that stands for this one.
    pub(super) fn canonical<'b>(
        &'b self,
        slot: Option<&'b SlotKey>,
        kind: MemoryKind,
        words: &'b [TermHash],
    ) -> &'b [TermHash] {
        let topic = (slot, slot.is_none().then_some(kind));
        let mut words = words;
        while let Some(parent) = self.parents.get(&(topic, words)) {
            words = parent;
        }
        words
    }

    /// The lesser stands for both, whichever was recorded first.
    fn join(&mut self, topic: Topic<'a>, one: &'a [TermHash], other: &'a [TermHash]) {
        let root = |mut words: &'a [TermHash]| {
            while let Some(parent) = self.parents.get(&(topic, words)) {
                words = parent;
            }
            words
        };
        let (one, other) = (root(one), root(other));
        let number = |words: &[TermHash]| -> Vec<u32> { words.iter().map(|word| word.0).collect() };
        if one == other {
            return;
        }
        let (lesser, greater) = if number(one) < number(other) { (one, other) } else { (other, one) };
        self.parents.insert((topic, greater), lesser);
    }
}

fn topic(claim: &Claim) -> Topic<'_> {
    (claim.slot.as_ref(), claim.slot.is_none().then_some(claim.kind))
}
