//! The memories of a scope: what is true, what was believed, why, and what operators do about it.

use serde_json::Value;

use crate::forget::Forgotten;
use crate::model::{
    Act, Author, Authority, Claim, Entry, Evidence, Generation, MemoryId, MemoryKind, MemoryRecord,
    MemoryState, Polarity, Profile, Role, Scope, SessionId, SlotKey, TenantId, Timestamp,
};
use crate::ports::{EntryDraft, JobDone, LedgerAppend, ProfileEdit, StoreError};
use crate::truth;

use super::observe::{Observation, TurnToObserve};
use super::own_slots::of_own_slot;
use super::{Memory, MemoryError, uuid_at};

/// Entries read from the store in one step.
const ENTRIES_A_READ: usize = 1_000;

/// A memory's text may have so many bytes.
pub const MEMORY_TEXT_BYTES_MAX: usize = 2_000;

/// The conversation in which an operator's memories stand.
const OPERATORS_SESSION: &str = "operator";

/// Writers at once on one ledger are few; who loses the race derives again.
pub(super) const CONFLICT_RETRIES_MAX: usize = 16;

/// Which memories are asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemoriesRequest {
    /// Only of this kind.
    pub kind: Option<MemoryKind>,
    /// Only in this state.
    pub state: Option<MemoryState>,
    /// As they were believed then; now if not given.
    pub as_of: Option<Timestamp>,
}

/// A memory an operator adds.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMemory {
    /// What sort of thing it says.
    pub kind: MemoryKind,
    /// What it speaks about.
    pub slot: Option<SlotKey>,
    /// What the slot is said to be; the text if not given.
    pub value: Option<String>,
    /// It in a sentence.
    pub text: String,
    /// 0 to 1.
    pub importance: Option<f32>,
    /// Since when it is so; now if not given.
    pub valid_from: Option<Timestamp>,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// What changes about a memory: the changed one takes its place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemoryPatch {
    /// Another sentence.
    pub text: Option<String>,
    /// Another value.
    pub value: Option<String>,
    /// Another kind.
    pub kind: Option<MemoryKind>,
    /// Another weight, 0 to 1.
    pub importance: Option<f32>,
    /// Another end; or none any more.
    pub valid_to: Option<Option<Timestamp>>,
}

/// What an operator does about a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Takes it back; it can be brought back.
    Retract,
    /// Brings it back.
    Restore,
    /// Fixes its weight.
    Pin,
    /// Lets it fade again.
    Unpin,
    /// Takes back the newest entry that made it what it is.
    Undo,
}

/// Why a memory is what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// Whose it is.
    pub scope: Scope,
    /// The memory.
    pub memory: MemoryRecord,
    /// The entries that made it what it is, in order.
    pub entries: Vec<Entry>,
    /// The states it went through, each with the moment since when it was believed.
    pub states: Vec<(Timestamp, MemoryState)>,
}

/// What is done in one step with entries of the ledger.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GoesWith<'a> {
    /// The job that they end.
    pub(super) job: Option<&'a JobDone>,
    /// Another program's edit of the profile that they take over.
    pub(super) edit: Option<&'a ProfileEdit>,
}

impl Memory {
    /// The scope's memories, in the order in which they were first recorded.
    pub fn memories(
        &self,
        scope: &Scope,
        request: &MemoriesRequest,
    ) -> Result<Vec<MemoryRecord>, MemoryError> {
        let memories = match request.as_of {
            Some(moment) => truth::believed_at(&self.ledger(scope)?, moment),
            None => truth::derive(&self.ledger(scope)?, self.now()),
        };
        let wanted = |memory: &MemoryRecord| {
            request.kind.is_none_or(|kind| memory.kind == kind)
                && request.state.is_none_or(|state| memory.state == state)
        };
        Ok(memories.into_iter().filter(wanted).collect())
    }

    /// A memory of the tenant, whose it is, and why it is what it is. None if there is none of this id.
    pub fn why(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Why>, MemoryError> {
        let Some(scope) = self.store.memory_scope(tenant, id)? else { return Ok(None) };
        let entries = self.ledger(&scope)?;
        let Some(memory) = find(truth::derive(&entries, self.now()), id, &entries) else { return Ok(None) };
        let mut states: Vec<(Timestamp, MemoryState)> = Vec::new();
        // Another home ends this one, so all that was said of the slot counts; what was said of others does not.
        let about: Vec<Entry> = entries.iter().filter(|entry| concerns(entry, &memory)).cloned().collect();
        for (at, entry) in about.iter().enumerate() {
            let known = &about[..=at];
            let Some(then) = find(truth::derive(known, entry.recorded), id, known) else { continue };
            if states.last().is_none_or(|(_, state)| *state != then.state) {
                states.push((entry.recorded, then.state));
            }
        }
        if states.last().is_none_or(|(_, state)| *state != memory.state) {
            states.push((memory.valid_to.unwrap_or_else(|| self.now()), memory.state));
        }
        let entries = entries.into_iter().filter(|entry| memory.entries.contains(&entry.number)).collect();
        Ok(Some(Why { scope, memory, entries, states }))
    }

    /// The entries recorded after a moment, in order.
    pub fn changes(&self, scope: &Scope, since: Timestamp) -> Result<Vec<Entry>, MemoryError> {
        let entries = self.ledger(scope)?;
        Ok(entries.into_iter().filter(|entry| entry.recorded > since).collect())
    }

    /// Adds a memory on the operator's word.
    pub fn add_memory(&self, scope: &Scope, new: NewMemory) -> Result<MemoryRecord, MemoryError> {
        check_sizes(&new.text, new.value.as_deref())?;
        let slots = self.own_slots(scope.tenant())?;
        let mut claim = of_own_slot(self.operators_claim(new)?, &slots)?;
        let says_it = |memory: &&MemoryRecord| {
            memory.state == MemoryState::Active
                && memory.authority == Authority::Operator
                && (&memory.slot, memory.kind) == (&claim.slot, claim.kind)
                && truth::same_value(&memory.value, &claim.value)
        };
        if let Some(known) = self.beliefs(scope)?.memories.iter().find(says_it) {
            return Ok(known.clone());
        }
        claim.evidence = Some(self.put_down(scope, &claim)?);
        let id = claim.id;
        let memories =
            self.amend(scope, Author::Operator, None, |_| Ok(vec![Act::Claimed(Box::new(claim.clone()))]))?;
        // It may have fallen to one that says the same already.
        let same = memories.iter().find(|memory| memory.id == id);
        let same = same.or_else(|| {
            memories
                .iter()
                .filter(|memory| memory.state == MemoryState::Active)
                .find(|memory| memory.slot == claim.slot && truth::same_value(&memory.value, &claim.value))
        });
        same.cloned()
            .ok_or_else(|| MemoryError::Invalid("the memory was taken back at once; try again".into()))
    }

    /// Changes a memory on the operator's word. The one before stays as history.
    pub fn edit_memory(
        &self,
        tenant: &TenantId,
        id: MemoryId,
        patch: &MemoryPatch,
    ) -> Result<Option<MemoryRecord>, MemoryError> {
        let Some(scope) = self.store.memory_scope(tenant, id)? else { return Ok(None) };
        let entries = self.ledger(&scope)?;
        let Some(before) = find(truth::derive(&entries, self.now()), id, &entries) else { return Ok(None) };
        let text = patch.text.clone().unwrap_or_else(|| before.text.clone());
        let value = match (&patch.value, &patch.text) {
            (Some(value), _) => Some(value.clone()),
            // Without a slot the value is the text.
            (None, Some(_)) if before.slot.is_none() => None,
            (None, _) => Some(before.value.clone()),
        };
        check_sizes(&text, value.as_deref())?;
        let new = self.operators_claim(NewMemory {
            kind: patch.kind.unwrap_or(before.kind),
            slot: before.slot.clone(),
            value,
            text,
            importance: Some(patch.importance.unwrap_or(before.importance)),
            valid_from: Some(before.valid_from),
            valid_to: patch.valid_to.unwrap_or(before.valid_to),
        })?;
        let mut new = of_own_slot(new, &*self.own_slots(scope.tenant())?)?;
        new.replaces = Some(before.id);
        new.evidence = Some(self.put_down(&scope, &new)?);
        let new_id = new.id;
        let memories = self.amend(&scope, Author::Operator, None, |entries| {
            // Said when the one before is taken back, or it would be taken back with it where both say the same.
            let recorded = entries.last().map_or(new.said, |entry| entry.recorded);
            let new = Claim { said: recorded.max(self.now()), ..new.clone() };
            Ok(vec![Act::Retracted(before.id), Act::Claimed(Box::new(new))])
        })?;
        Ok(memories.into_iter().find(|memory| memory.id == new_id))
    }

    /// Does what an operator orders. None if the tenant has no memory of this id.
    pub fn order(
        &self,
        tenant: &TenantId,
        id: MemoryId,
        order: Order,
    ) -> Result<Option<MemoryRecord>, MemoryError> {
        let Some(scope) = self.store.memory_scope(tenant, id)? else { return Ok(None) };
        let mut known: Option<(MemoryRecord, Option<MemoryId>)> = None;
        let memories = self.amend(&scope, Author::Operator, None, |entries| {
            let Some(memory) = find(truth::derive(entries, self.now()), id, entries) else {
                return Ok(Vec::new());
            };
            let acts = match order {
                Order::Retract => vec![Act::Retracted(memory.id)],
                Order::Restore => vec![Act::Restored(memory.id)],
                Order::Pin => vec![Act::Pinned(memory.id)],
                Order::Unpin => vec![Act::Unpinned(memory.id)],
                Order::Undo => memory.entries.last().map_or_else(Vec::new, |number| undo(entries, *number)),
            };
            let replaced = entries.iter().find_map(|entry| match &entry.act {
                Act::Claimed(claim) if claim.id == memory.id => claim.replaces,
                _ => None,
            });
            known = Some((memory, replaced));
            Ok(acts)
        })?;
        let Some((known, replaced)) = known else { return Ok(None) };
        // What was undone may be gone: then what it had replaced is there again, or it is shown as it was, taken back.
        let is = |id: MemoryId| memories.iter().find(|memory| memory.id == id);
        let now = is(known.id).or_else(|| is(replaced?)).cloned();
        Ok(Some(now.unwrap_or(MemoryRecord { state: MemoryState::Retracted, ..known })))
    }

    /// Takes the scope's memories back to what they were at a moment. Turns stay. It can be undone as any entry can.
    pub fn rewind(&self, scope: &Scope, to: Timestamp) -> Result<Vec<MemoryRecord>, MemoryError> {
        if to > self.now() {
            return Err(MemoryError::Invalid(format!("{to} has not come yet; rewind goes back in time")));
        }
        self.amend(scope, Author::Operator, None, |_| Ok(vec![Act::Rewound(to)]))
    }

    /// Which life of the scope it is: a part of its turns' ids.
    pub fn generation(&self, scope: &Scope) -> Result<Generation, MemoryError> {
        Ok(self.store.revision(scope)?.map_or(Generation(0), |revision| revision.generation))
    }

    /// The same of the scope a memory belongs to.
    pub fn generation_of(&self, tenant: &TenantId, id: MemoryId) -> Result<Generation, MemoryError> {
        match self.store.memory_scope(tenant, id)? {
            Some(scope) => self.generation(&scope),
            None => Ok(Generation(0)),
        }
    }

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

    /// Writes an operator's memory to the journal, as something the app said: so it is recalled as turns are.
    fn put_down(&self, scope: &Scope, claim: &Claim) -> Result<Evidence, MemoryError> {
        if says(&self.forgotten(scope)?, &Act::Claimed(Box::new(claim.clone()))) {
            return Err(forgotten_for_good());
        }
        let turn = TurnToObserve::new(Role::System, claim.text.clone());
        let mut observation = Observation::new(SessionId::new(OPERATORS_SESSION)?, vec![turn]);
        // Whoever dies before the claim is written tries again, and finds the turn.
        let text = blake3::hash(claim.text.as_bytes());
        observation.idempotency_key = Some(format!("operator's memory {}", text.to_hex()));
        let written = |observation| -> Result<u64, MemoryError> {
            Ok(self.observe(scope, observation)?.turns.first().map_or(0, |turn| turn.seq))
        };
        let mut turn = written(observation.clone())?;
        // Unless its words were forgotten, and lifted since.
        if self.store.turns(scope, &[turn])?.first().is_none_or(|there| there.content.text != claim.text) {
            observation.idempotency_key = None;
            turn = written(observation)?;
        }
        Ok(Evidence { turn, quote: claim.text.clone() })
    }

    pub(super) fn operators_claim(&self, new: NewMemory) -> Result<Claim, MemoryError> {
        let NewMemory { kind, slot, value, text, importance, valid_from, valid_to } = new;
        let text = text.trim().to_owned();
        let value = value.map_or_else(|| text.clone(), |value| value.trim().to_owned());
        let importance = importance.unwrap_or(0.8);
        if !(0.0..=1.0).contains(&importance) {
            return Err(MemoryError::Invalid(format!("an importance of {importance}; it goes from 0 to 1")));
        }
        let now = self.now();
        if valid_from.zip(valid_to).is_some_and(|(from, to)| to < from) {
            return Err(MemoryError::Invalid("a memory that ends before it begins".into()));
        }
        Ok(Claim {
            id: MemoryId(uuid_at(now)),
            kind,
            slot,
            value,
            text,
            polarity: Polarity::Affirms,
            explicit: true,
            authority: Authority::Operator,
            quarantined: false,
            importance,
            said: now,
            valid_from: valid_from.unwrap_or(now),
            valid_to,
            evidence: None,
            same_as: Vec::new(),
            terms: None,
            replaces: None,
        })
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

fn forgotten_for_good() -> MemoryError {
    MemoryError::Invalid("this says something that was forgotten for good".into())
}

fn check_sizes(text: &str, value: Option<&str>) -> Result<(), MemoryError> {
    for (name, said) in [("text", Some(text)), ("value", value)] {
        let bytes = said.map_or(1, |said| said.trim().len());
        if bytes == 0 || bytes > MEMORY_TEXT_BYTES_MAX {
            return Err(MemoryError::Invalid(format!(
                "the {name} of a memory has {bytes} bytes; 1 to {MEMORY_TEXT_BYTES_MAX} are kept"
            )));
        }
    }
    Ok(())
}

/// What takes an entry back. An edit is two of them: the end of the memory before, and the claim of the one after.
fn undo(entries: &[Entry], number: u64) -> Vec<Act> {
    let act = |number: u64| entries.iter().find(|entry| entry.number == number).map(|entry| &entry.act);
    let is_edit = |first: u64| match (act(first), act(first + 1)) {
        (Some(Act::Retracted(before)), Some(Act::Claimed(after))) => after.replaces == Some(*before),
        _ => false,
    };
    let beside = [number.saturating_sub(1), number].into_iter().find(|first| is_edit(*first));
    match beside {
        Some(first) => vec![Act::Undone(first), Act::Undone(first + 1)],
        None => vec![Act::Undone(number)],
    }
}

/// Whether an entry may have to do with a memory.
fn concerns(entry: &Entry, memory: &MemoryRecord) -> bool {
    let Act::Claimed(claim) = &entry.act else { return true };
    if memory.entries.contains(&entry.number) {
        return true;
    }
    let opposed = || claim.slot.as_ref().and_then(truth::opposite);
    match &memory.slot {
        Some(slot) => claim.slot.as_ref() == Some(slot) || opposed().as_ref() == Some(slot),
        None => claim.slot.is_none() && truth::same_value(&claim.value, &memory.value),
    }
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

/// The memory with the claim of this id: the one it began, or the one it fell to.
pub(super) fn find(memories: Vec<MemoryRecord>, id: MemoryId, entries: &[Entry]) -> Option<MemoryRecord> {
    let of_claim = |entry: &&Entry| matches!(&entry.act, Act::Claimed(claim) if claim.id == id);
    let number = entries.iter().find(of_claim).map(|entry| entry.number);
    let mut fallen_to = None;
    for memory in memories {
        if memory.id == id {
            return Some(memory);
        }
        if number.is_some_and(|number| memory.entries.contains(&number)) {
            fallen_to = Some(memory);
        }
    }
    fallen_to
}
