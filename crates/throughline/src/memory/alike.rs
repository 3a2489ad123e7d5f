//! Claims that say what the ledger says already in other words are marked as such before they are written.
//!
//! It is decided here, once, since a vector depends on the model at hand; memories stay a function of the ledger alone.

use crate::learn::{ALIKE_COSINE_MIN, comparable};
use crate::model::{Act, Claim, Entry};
use crate::ports::{EMBED_TEXTS_MAX, EmbedRole, Embedder};

use super::Memory;

/// Claims one may be marked to say the same as, the newest first: who said it so often said it.
const SAME_AS_MAX: usize = 16;

/// Texts that are embedded for one commit; what is more is compared by words alone.
const TEXTS_A_COMMIT_MAX: usize = 256;

impl Memory {
    /// The claims, each with those of the ledger and those before it that it says again. Without a model, as they are; so too
    /// if it fails, since a repetition that stands beside its like loses nothing.
    pub(super) fn marked_alike(&self, mut claims: Vec<Claim>, entries: &[Entry]) -> Vec<Claim> {
        let Ok(Some(embedder)) = self.embedder() else { return claims };
        let mut texts_left = TEXTS_A_COMMIT_MAX;
        for at in 0..claims.len() {
            let (before, rest) = claims.split_at_mut(at);
            let claim = &mut rest[0];
            let known = entries.iter().rev().filter_map(|entry| match &entry.act {
                Act::Claimed(known) => Some(&**known),
                _ => None,
            });
            let near: Vec<&Claim> = before
                .iter()
                .chain(known)
                .filter(|known| comparable(known, claim))
                .filter(|known| !crate::truth::same_value(&known.value, &claim.value))
                .take(SAME_AS_MAX)
                .collect();
            if near.is_empty() || near.len() >= texts_left {
                continue;
            }
            texts_left -= near.len() + 1;
            let mut texts = vec![claim.value.as_str()];
            texts.extend(near.iter().map(|known| known.value.as_str()));
            let Some(cosines) = self.cosines(&*embedder, &texts) else { return claims };
            let alike = near.iter().zip(cosines).filter(|(_, cosine)| *cosine >= ALIKE_COSINE_MIN);
            claim.same_as = alike.map(|(known, _)| known.id).collect();
        }
        claims
    }

    /// Of the first text with each of the others.
    fn cosines(&self, embedder: &dyn Embedder, texts: &[&str]) -> Option<Vec<f32>> {
        const { assert!(SAME_AS_MAX < EMBED_TEXTS_MAX) };
        let deadline = self.settings.passage_embed_deadline;
        let embeddings = embedder.embed(EmbedRole::Passage, texts, deadline).ok()?;
        let (first, others) = embeddings.split_first()?;
        let dot = |other: &[f32]| first.vector.iter().zip(other).map(|(a, b)| a * b).sum();
        (others.len() + 1 == texts.len()).then(|| others.iter().map(|other| dot(&other.vector)).collect())
    }
}
