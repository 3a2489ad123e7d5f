//! Forgetting a value: out of the ledger, the turns, the profile, the receipts and the files, and refused from then on.

use crate::forget::{self, Forgotten as ForgottenWords};
use crate::journal::{Indexer, NewTurn};
use crate::model::{Act, Content, Entry, MemoryId, Profile, Scope, TenantId, Tombstone, Turn};
use crate::ports::{Forget, Forgotten, RedactedTurn, TurnsPage};
use crate::truth;

use super::memories::find;
use super::{Memory, MemoryError};

/// Turns looked through in one step.
const TURNS_A_READ: usize = 500;

/// What a key for tombstones is derived for.
const KEY_PURPOSE: &str = "throughline 2026 tombstones";

impl Memory {
    /// Takes a memory's value out of everything the scope has, and refuses it from later turns, learning and imports, in any
    /// wording that comes to the same words. Cannot be undone. None if the tenant has no memory of this id.
    pub fn forget_memory(&self, tenant: &TenantId, id: MemoryId) -> Result<Option<Forgotten>, MemoryError> {
        let Some(scope) = self.store.memory_scope(tenant, id)? else { return Ok(None) };
        let entries = self.ledger(&scope)?;
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
            values.into_iter().filter_map(|value| forget::tombstone(&key, &scope, value, now)).collect();
        tombstones.dedup_by_key(|tombstone| tombstone.hash);
        if tombstones.is_empty() {
            return Err(MemoryError::Invalid(format!(
                "{id} has no word by which its value could be known again; retract it instead"
            )));
        }
        let forgotten = ForgottenWords::new(&key, &scope, &tombstones);
        // The memory itself goes whatever its claims' words are.
        let goes = |entry: &&Entry| memory.entries.contains(&entry.number) || said_by(&forgotten, entry);
        let numbers: Vec<u64> = entries.iter().filter(claimed).filter(goes).map(|entry| entry.number).collect();
        let left: Vec<Entry> =
            entries.iter().filter(|entry| !numbers.contains(&entry.number)).cloned().collect();
        let before = self.store.profile(&scope, None)?;
        let cleared = without(&forgotten, &before, &memory.text);
        let mut profile = truth::profile(&cleared, &truth::derive(&left, now), now);
        profile.changed = Some(now);
        let forget = Forget {
            tombstones,
            entries: numbers,
            turns: self.redacted(&scope, &forgotten)?,
            profile: Some(profile),
        };
        let report = self.store.forget(&scope, forget)?;
        self.shards.forget_user(&scope.user);
        Ok(Some(report))
    }

    /// What the scope has forgotten.
    pub(super) fn forgotten(&self, scope: &Scope) -> Result<ForgottenWords, MemoryError> {
        let tombstones = self.store.tombstones(scope)?;
        Ok(ForgottenWords::new(&self.key_for(KEY_PURPOSE), scope, &tombstones))
    }

    /// The turns that say it, without it.
    fn redacted(
        &self,
        scope: &Scope,
        forgotten: &ForgottenWords,
    ) -> Result<Vec<RedactedTurn>, MemoryError> {
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
            for turn in turns {
                if let Some(content) = redact(forgotten, &turn.content) {
                    redacted.push(rewritten(&indexer, turn, content));
                }
            }
        }
    }
}

fn claimed(entry: &&Entry) -> bool {
    matches!(entry.act, Act::Claimed(_))
}

fn said_by(forgotten: &ForgottenWords, entry: &Entry) -> bool {
    let Act::Claimed(claim) = &entry.act else { return false };
    let quote = claim.evidence.as_ref().map(|evidence| evidence.quote.as_str());
    [Some(claim.value.as_str()), Some(claim.text.as_str()), quote].into_iter().flatten().any(|text| forgotten.says(text))
}

/// The content without what was forgotten; none if it says nothing of it. Parts of a message that is more than words go whole.
pub(super) fn redact(forgotten: &ForgottenWords, content: &Content) -> Option<Content> {
    let text = forgotten.redact(&content.text);
    let json_says = content.json.as_deref().is_some_and(|json| forgotten.says(json));
    if text.is_none() && !json_says {
        return None;
    }
    Some(Content { text: text.unwrap_or_else(|| content.text.clone()), json: None })
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

fn rewritten(indexer: &Indexer<'_>, turn: Turn, content: Content) -> RedactedTurn {
    let new = NewTurn {
        role: turn.role,
        name: turn.name,
        content: content.clone(),
        time: turn.time,
        metadata: turn.metadata,
    };
    let drafts = indexer.drafts(&turn.session, vec![new]);
    let passages = drafts.into_iter().next().map(|draft| draft.passages).unwrap_or_default();
    RedactedTurn { seq: turn.id.seq, content, passages }
}
