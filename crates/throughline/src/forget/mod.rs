//! Forgetting: which words a scope has forgotten, and taking them out of text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::model::{Scope, Timestamp, Tombstone};
use crate::text::terms::TermHash;
use crate::text::wording::worded;

/// What stands in place of forgotten words.
pub const FORGOTTEN: &str = "[forgotten]";

/// Words of a value that count; a longer one is known by its beginning.
pub const WORDS_MAX: usize = 32;

/// The tombstone of a value. None if it has no word by which it could be known again.
pub fn tombstone(key: &[u8; 32], scope: &Scope, value: &str, now: Timestamp) -> Option<Tombstone> {
    let words: Vec<TermHash> = worded(value).into_iter().map(|(_, word)| word).take(WORDS_MAX).collect();
    let count = u16::try_from(words.len()).ok().filter(|count| *count > 0)?;
    Some(Tombstone { hash: hash(&scope_key(key, scope), &words), words: count, forgotten: now })
}

/// Whether a value can be known by itself. A number or a word of a few letters stands in too many texts that mean something
/// else: such a value is known by the sentences it was said in.
pub fn is_distinctive(value: &str) -> bool {
    const LETTERS_MIN: usize = 4;
    let scripts_without_spaces = value
        .chars()
        .any(|letter| letter.is_alphabetic() && !letter.is_lowercase() && !letter.is_uppercase());
    scripts_without_spaces || value.chars().filter(|letter| letter.is_alphabetic()).count() >= LETTERS_MIN
}

/// The words a scope has forgotten, whatever they are: only their hashes are known.
#[derive(Debug)]
pub struct Forgotten {
    key: [u8; 32],
    /// By number of words.
    hashes: HashMap<usize, HashSet<[u8; 16]>>,
}

impl Forgotten {
    /// From the scope's tombstones.
    pub fn new(key: &[u8; 32], scope: &Scope, tombstones: &[Tombstone]) -> Self {
        let mut hashes: HashMap<usize, HashSet<[u8; 16]>> = HashMap::new();
        for tombstone in tombstones {
            hashes.entry(usize::from(tombstone.words)).or_default().insert(tombstone.hash);
        }
        Self { key: scope_key(key, scope), hashes }
    }

    /// Whether nothing was forgotten.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether the text says something that was forgotten.
    pub fn says(&self, text: &str) -> bool {
        !self.is_empty() && self.spans(text).next().is_some()
    }

    /// The text without it; none if it says nothing of the kind.
    pub fn redact(&self, text: &str) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let mut spans: Vec<Range<usize>> = self.spans(text).collect();
        spans.sort_by_key(|span| span.start);
        if spans.is_empty() {
            return None;
        }
        let (mut redacted, mut at) = (String::with_capacity(text.len()), 0);
        for span in spans {
            if span.start >= at {
                redacted.push_str(&text[at..span.start]);
                redacted.push_str(FORGOTTEN);
            }
            at = at.max(span.end);
        }
        redacted.push_str(&text[at..]);
        Some(redacted)
    }

    /// The bytes of all forgotten wordings in the text.
    fn spans(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        let words = worded(text);
        let hashes: Vec<TermHash> = words.iter().map(|(_, word)| *word).collect();
        let mut spans = Vec::new();
        for (count, forgotten) in &self.hashes {
            for (at, window) in hashes.windows(*count).enumerate() {
                if forgotten.contains(&hash(&self.key, window)) {
                    spans.push(words[at].0.start..words[at + count - 1].0.end);
                }
            }
        }
        spans.into_iter()
    }
}

/// So that equal values of two users have different hashes.
fn scope_key(key: &[u8; 32], scope: &Scope) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let mut name = |name: Option<&str>| {
        hasher.update(&[u8::from(name.is_some())]);
        hasher.update(&(name.unwrap_or_default().len() as u64).to_le_bytes());
        hasher.update(name.unwrap_or_default().as_bytes());
    };
    name(Some(scope.tenant().as_str()));
    name(Some(scope.user.user.as_str()));
    name(scope.agent.as_ref().map(crate::model::AgentId::as_str));
    name(scope.app.as_ref().map(crate::model::AppId::as_str));
    name(scope.run.as_ref().map(crate::model::RunId::as_str));
    *hasher.finalize().as_bytes()
}

fn hash(key: &[u8; 32], words: &[TermHash]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for word in words {
        hasher.update(&word.0.to_le_bytes());
    }
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, UserId};

    fn forgotten(values: &[&str]) -> Forgotten {
        let scope = Scope::of(TenantId::single(), UserId::new("ana").unwrap());
        let tombstones: Vec<Tombstone> = values
            .iter()
            .map(|value| tombstone(&[7; 32], &scope, value, Timestamp::UNIX_EPOCH).unwrap())
            .collect();
        Forgotten::new(&[7; 32], &scope, &tombstones)
    }

    #[test]
    fn forgotten_words_are_known_in_any_case_and_form() {
        let forgotten = forgotten(&["Lisbon", "the red bicycles"]);
        assert!(forgotten.says("I moved to LISBON."));
        assert!(forgotten.says("my red bicycle"));
        assert!(!forgotten.says("my blue bicycle"));
    }

    #[test]
    fn only_the_words_themselves_are_taken_out() {
        let forgotten = forgotten(&["Lisbon", "red bicycle"]);
        let redacted = forgotten.redact("In Lisbon I ride a red bicycle. Lisbon!");
        assert_eq!(redacted.as_deref(), Some("In [forgotten] I ride a [forgotten]. [forgotten]!"));
        assert_eq!(forgotten.redact("Nothing of it."), None);
    }

    #[test]
    fn a_value_without_words_cannot_be_forgotten() {
        let scope = Scope::of(TenantId::single(), UserId::new("ana").unwrap());
        assert_eq!(tombstone(&[7; 32], &scope, " ... ", Timestamp::UNIX_EPOCH), None);
    }

    #[test]
    fn two_users_do_not_share_hashes() {
        let of = |user: &str| {
            let scope = Scope::of(TenantId::single(), UserId::new(user).unwrap());
            tombstone(&[7; 32], &scope, "Lisbon", Timestamp::UNIX_EPOCH).unwrap().hash
        };
        assert_ne!(of("ana"), of("ben"));
    }
}
