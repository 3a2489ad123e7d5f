//! Forgetting a value: out of the ledger, the turns, the profile, the receipts and the files, and refused from then on.

use crate::forget::{self, Forgotten as ForgottenWords};
use crate::journal::{Indexer, NewTurn};
use crate::model::{
    Act, Content, Entry, MemoryId, MessageHash, Profile, ReceiptId, Scope, TenantId, Tombstone, Turn,
};
use crate::ports::{Forget, Forgotten, RedactedTurn, StoreError, TurnsPage};
use crate::truth;

use super::ledger::{CONFLICT_RETRIES_MAX, says};
use super::memories::find;
use super::{Memory, MemoryError};

/// Turns looked through in one step.
const TURNS_A_READ: usize = 500;

/// How often the scope is looked through again after a forgetting.
const SWEEPS_MAX: usize = 4;

/// What a key for tombstones is derived for.
pub(super) const KEY_PURPOSE: &str = "throughline 2026 tombstones";

impl Memory {
    /// Takes a memory's value out of everything the scope has, and refuses it from later turns, learning and imports, in any
    /// wording that comes to the same words. Cannot be undone. None if the tenant has no memory of this id.
    pub fn forget_memory(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Forgotten>, MemoryError> {
        let Some(scope) = self.store.memory_scope(tenant, id)? else { return Ok(None) };
        for _ in 0..CONFLICT_RETRIES_MAX {
            let Some((forget, forgotten)) = self.what_goes(&scope, id)? else { return Ok(None) };
            match self.store.forget(&scope, forget) {
                Ok(mut report) => {
                    self.sweep(&scope, &forgotten, &mut report)?;
                    self.shards.forget_user(&scope.user);
                    self.turns.forget_user(&scope.user);
                    self.beliefs.forget_user(&scope.user);
                    return Ok(Some(report));
                }
                // Something was learned in the meantime, and may say it too.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// All that holds a memory's value, as things stand, and the words by which it is known again.
    fn what_goes(
        &self,
        scope: &Scope,
        id: MemoryId,
    ) -> Result<Option<(Forget, ForgottenWords)>, MemoryError> {
        let entries = self.ledger(scope)?;
        let now = self.now();
        let Some(memory) = find(truth::derive(&entries, now), id, &entries) else { return Ok(None) };
        let key = self.key_for(KEY_PURPOSE);
        let quotes = memory.evidence.iter().map(|evidence| evidence.quote.as_str());
        let values: Vec<&str> = if forget::is_distinctive(&memory.value) {
            vec![&memory.value]
        } else {
            quotes.chain([memory.text.as_str()]).collect()
        };
        let mut tombstones: Vec<Tombstone> =
            values.into_iter().filter_map(|value| forget::tombstone(&key, scope, value, now)).collect();
        tombstones.dedup_by_key(|tombstone| tombstone.hash);
        if tombstones.is_empty() {
            return Err(MemoryError::Invalid(format!(
                "{id} has no word by which its value could be known again; retract it instead"
            )));
        }
        let forgotten = ForgottenWords::new(&key, scope, &tombstones);
        // The memory itself goes whatever its claims' words are.
        let goes = |entry: &&Entry| memory.entries.contains(&entry.number) || says(&forgotten, &entry.act);
        let numbers: Vec<u64> = entries
            .iter()
            .filter(|entry| matches!(entry.act, Act::Claimed(_)))
            .filter(goes)
            .map(|entry| entry.number)
            .collect();
        let left: Vec<Entry> =
            entries.iter().filter(|entry| !numbers.contains(&entry.number)).cloned().collect();
        let before = self.store.profile(scope, None)?;
        let cleared = without(&forgotten, &before, &memory.text);
        let mut profile =
            truth::profile(&cleared, &truth::derive(&left, now), &*self.own_slots(scope.tenant())?, now);
        profile.changed = Some(now);
        profile.settled = before.epoch + 1;
        let forget = Forget {
            after: entries.last().map_or(0, |entry| entry.number),
            tombstones,
            entries: numbers,
            turns: self.redacted(scope, &forgotten)?,
            receipts: self.receipts_that_say(scope, &forgotten)?,
            profile: (!profile.same_content(&before)).then_some(profile),
            now,
        };
        Ok(Some((forget, forgotten)))
    }

    /// Looks the scope through again: who read the tombstones before there was this one may have written the words since.
    fn sweep(
        &self,
        scope: &Scope,
        forgotten: &ForgottenWords,
        report: &mut Forgotten,
    ) -> Result<(), MemoryError> {
        for _ in 0..SWEEPS_MAX {
            let turns = self.redacted(scope, forgotten)?;
            let receipts = self.receipts_that_say(scope, forgotten)?;
            if turns.is_empty() && receipts.is_empty() {
                break;
            }
            let after = self.store.ledger_end(scope)?;
            let (tombstones, entries, profile) = (Vec::new(), Vec::new(), None);
            let sweep = Forget { after, tombstones, entries, turns, receipts, profile, now: self.now() };
            match self.store.forget(scope, sweep) {
                Ok(swept) => {
                    report.turns += swept.turns;
                    report.passages += swept.passages;
                    report.receipts += swept.receipts;
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What the scope has forgotten.
    pub(super) fn forgotten(&self, scope: &Scope) -> Result<ForgottenWords, MemoryError> {
        Ok(self.forgotten_by(scope, &self.store.tombstones(scope)?))
    }

    /// What these tombstones say is forgotten.
    pub(super) fn forgotten_by(&self, scope: &Scope, tombstones: &[Tombstone]) -> ForgottenWords {
        ForgottenWords::new(&self.key_for(KEY_PURPOSE), scope, tombstones)
    }

    /// The receipts whose query says it.
    fn receipts_that_say(
        &self,
        scope: &Scope,
        forgotten: &ForgottenWords,
    ) -> Result<Vec<ReceiptId>, MemoryError> {
        let mut receipts = Vec::new();
        self.store.receipts(scope, &mut |receipt| {
            if forgotten.says(&receipt.query) {
                receipts.push(receipt.id);
            }
        })?;
        Ok(receipts)
    }

    /// The turns that say it, without it.
    fn redacted(&self, scope: &Scope, forgotten: &ForgottenWords) -> Result<Vec<RedactedTurn>, MemoryError> {
        let models = self.models_at_hand()?;
        let indexer = Indexer {
            models: models.reading().map(|at_hand| (&*at_hand.embedder, at_hand.number)).collect(),
            deadline: self.settings.passage_embed_deadline,
        };
        let (mut redacted, mut after) = (Vec::new(), 0);
        loop {
            let page = TurnsPage { session: None, after, limit: TURNS_A_READ };
            let turns = self.store.turns_page(scope, &page)?;
            let Some(last) = turns.last() else { return Ok(redacted) };
            after = last.id.seq;
            redacted.extend(turns.into_iter().filter_map(|turn| rewritten(&indexer, forgotten, turn)));
        }
    }
}

/// What is said of a turn without what was forgotten; none if it says nothing of it. JSON that says it goes whole.
pub(super) fn redact(forgotten: &ForgottenWords, turn: &NewTurn) -> Option<NewTurn> {
    let says = |text: &Option<String>| text.as_deref().is_some_and(|text| forgotten.says(text));
    let text = forgotten.redact(&turn.content.text);
    if text.is_none() && ![&turn.content.json, &turn.metadata, &turn.name].into_iter().any(says) {
        return None;
    }
    let kept = |text: &Option<String>| text.clone().filter(|text| !forgotten.says(text));
    Some(NewTurn {
        role: turn.role,
        name: kept(&turn.name),
        // The JSON of parts repeats the words.
        content: Content {
            json: turn.content.json.clone().filter(|json| text.is_none() && !forgotten.says(json)),
            text: text.unwrap_or_else(|| turn.content.text.clone()),
        },
        time: turn.time,
        metadata: kept(&turn.metadata),
        said: turn.said.or_else(|| Some(MessageHash::of(turn.role, turn.content.hashed()))),
    })
}

/// The profile without entries that say it, and without the forgotten memory's own.
fn without(forgotten: &ForgottenWords, profile: &Profile, text: &str) -> Profile {
    let kept = |entries: &[String]| -> Vec<String> {
        let says = |entry: &&String| !forgotten.says(entry) && entry.as_str() != text;
        entries.iter().filter(says).cloned().collect()
    };
    Profile {
        goals: kept(&profile.goals),
        preferences: kept(&profile.preferences),
        past_mistakes: kept(&profile.past_mistakes),
        summary: profile.summary.clone().filter(|summary| !forgotten.says(summary)),
        own: profile
            .own
            .iter()
            .filter(|(_, value)| !forgotten.says(&value.to_string()))
            .map(|(slot, value)| (slot.clone(), value.clone()))
            .collect(),
        ..profile.clone()
    }
}

fn rewritten(indexer: &Indexer<'_>, forgotten: &ForgottenWords, turn: Turn) -> Option<RedactedTurn> {
    let Turn { id, session, role, name, content, time, metadata, .. } = turn;
    let left = redact(forgotten, &NewTurn { role, name, content, time, metadata, said: None })?;
    let (name, content, metadata) = (left.name.clone(), left.content.clone(), left.metadata.clone());
    let draft = indexer.drafts(&session, vec![left]).pop();
    let passages = draft.map(|draft| draft.passages).unwrap_or_default();
    Some(RedactedTurn { seq: id.seq, name, content, metadata, passages })
}
