//! Writing the ledger of a scope: what is added in view of all that it says, with the profile that follows from it.

use serde_json::Value;

use crate::forget::Forgotten;
use crate::model::{Act, Author, Entry, MemoryRecord, Profile, Scope};
use crate::ports::{EntryDraft, JobDone, LedgerAppend, ProfileEdit, StoreError};
use crate::truth;

use super::{Memory, MemoryError};

/// Entries read from the store in one step.
const ENTRIES_A_READ: usize = 1_000;

/// Writers at once on one ledger are few; who loses the race derives again.
pub(super) const CONFLICT_RETRIES_MAX: usize = 16;

/// What is done in one step with entries of the ledger.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GoesWith<'a> {
    /// The job that they end.
    pub(super) job: Option<&'a JobDone>,
    /// Another program's edit of the profile that they take over.
    pub(super) edit: Option<&'a ProfileEdit>,
}

impl Memory {
    /// All entries of a scope, in order.
    pub(super) fn ledger(&self, scope: &Scope) -> Result<Vec<Entry>, StoreError> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map_or(0, |entry| entry.number);
            let more = self.store.ledger(scope, after, ENTRIES_A_READ)?;
            let complete = more.len() < ENTRIES_A_READ;
            entries.extend(more);
            if complete {
                return Ok(entries);
            }
        }
    }

    /// Adds what `acts` says in view of the entries so far, with the profile and the job that go with it, and returns the
    /// memories as they are then. Made again if somebody else was faster.
    pub(super) fn amend(
        &self,
        scope: &Scope,
        by: Author,
        job: Option<&JobDone>,
        mut acts: impl FnMut(&[Entry]) -> Result<Vec<Act>, MemoryError>,
    ) -> Result<Vec<MemoryRecord>, MemoryError> {
        let with = GoesWith { job, edit: None };
        self.amend_with(scope, by, with, |entries, _| Ok((acts(entries)?, None)))
    }

    /// The same; `plan` sees the profile too, and may say what it is to be instead of what the memories make of it.
    pub(super) fn amend_with(
        &self,
        scope: &Scope,
        by: Author,
        with: GoesWith<'_>,
        mut plan: impl FnMut(&[Entry], &Profile) -> Result<(Vec<Act>, Option<Profile>), MemoryError>,
    ) -> Result<Vec<MemoryRecord>, MemoryError> {
        for _ in 0..CONFLICT_RETRIES_MAX {
            let mut entries = self.ledger(scope)?;
            let after = entries.last().map_or(0, |entry| entry.number);
            let now = self.now();
            let recorded = entries.last().map_or(now, |entry| entry.recorded.max(now));
            let before = self.store.profile(scope, None)?;
            let (mut acts, wanted) = plan(&entries, &before)?;
            acts.retain(|act| !is_known(&entries, act));
            let forgotten = self.forgotten(scope)?;
            let before_that = acts.len();
            acts.retain(|act| !says(&forgotten, act));
            // Learning goes on with the rest; an operator is told.
            if by == Author::Operator && acts.len() < before_that {
                return Err(forgotten_for_good());
            }
            for (act, number) in acts.iter().zip(after + 1..) {
                entries.push(Entry { number, recorded, by, act: act.clone() });
            }
            let memories = truth::derive(&entries, now);
            let mut profile = match wanted {
                Some(wanted) => wanted,
                None => truth::profile(&before, &memories, &*self.own_slots(scope.tenant())?, now),
            };
            profile.changed = Some(now);
            let changed = !profile.same_content(&before);
            if by == Author::Operator || takes_away(&before, &profile) {
                profile.settled = before.epoch + 1;
            }
            if acts.is_empty() && with.job.is_none() && with.edit.is_none() && !changed {
                return Ok(memories);
            }
            let append = LedgerAppend {
                after,
                entries: acts.into_iter().map(|act| EntryDraft { recorded, by, act }).collect(),
                profile: changed.then_some(profile),
                job: with.job.cloned(),
                now,
            };
            let appended = match with.edit {
                None => self.store.append_ledger(scope, append),
                Some(edit) => self.store.take_over_edit(scope, append, edit),
            };
            match appended {
                Ok(_) => return Ok(memories),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

/// Whether something that a profile said is not in its successor.
fn takes_away(before: &Profile, after: &Profile) -> bool {
    let lists = [
        (&before.goals, &after.goals),
        (&before.preferences, &after.preferences),
        (&before.past_mistakes, &after.past_mistakes),
    ];
    let gone =
        |(before, after): (&Vec<String>, &Vec<String>)| before.iter().any(|entry| !after.contains(entry));
    let parts = |summary: &Option<String>| -> Vec<String> {
        summary
            .iter()
            .flat_map(|summary| summary.split(". "))
            .map(|part| part.trim_end_matches('.').to_owned())
            .collect()
    };
    lists.into_iter().any(gone)
        || gone((&parts(&before.summary), &parts(&after.summary)))
        || before.own.iter().any(|(slot, value)| match (value, after.own.get(slot)) {
            (Value::Array(before), Some(Value::Array(after))) => {
                before.iter().any(|one| !after.contains(one))
            }
            (before, after) => after != Some(before),
        })
}

pub(super) fn forgotten_for_good() -> MemoryError {
    MemoryError::Invalid("this says something that was forgotten for good".into())
}

/// Whether an act says something that was forgotten.
pub(super) fn says(forgotten: &Forgotten, act: &Act) -> bool {
    let Act::Claimed(claim) = act else { return false };
    let quote = claim.evidence.as_ref().map(|evidence| evidence.quote.as_str());
    let texts = [Some(claim.value.as_str()), Some(claim.text.as_str()), quote];
    texts.into_iter().flatten().any(|text| forgotten.says(text))
}

/// Whether the ledger has the claim already.
fn is_known(entries: &[Entry], act: &Act) -> bool {
    let Act::Claimed(claim) = act else { return false };
    entries.iter().any(|entry| matches!(&entry.act, Act::Claimed(known) if known.id == claim.id))
}
