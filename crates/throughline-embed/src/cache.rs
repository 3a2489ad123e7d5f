//! What was embedded lately: a chat embeds the user's words once to search with them and again to keep them.
//!
//! A text is known by its SHA-256 alone, so no words stay here. Bounded in bytes; the least recently used goes first.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use sha2::{Digest as _, Sha256};
use throughline::ports::Embedding;

/// The hash of a text.
pub(crate) type TextHash = [u8; 32];

/// Embeddings by the hash of their text.
pub(crate) struct Cache {
    known: Mutex<Known>,
    bytes_max: usize,
}

struct Known {
    embeddings: LruCache<TextHash, Embedding>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { known: Mutex::new(Known { embeddings: LruCache::unbounded(), bytes: 0 }), bytes_max }
    }

    pub(crate) fn hash(text: &str) -> TextHash {
        Sha256::digest(text).into()
    }

    pub(crate) fn get(&self, text: &TextHash) -> Option<Embedding> {
        self.known().embeddings.get(text).cloned()
    }

    /// Keeps an embedding, unless it alone is larger than the bound.
    pub(crate) fn put(&self, text: TextHash, embedding: Embedding) {
        let size = bytes(&embedding);
        if size > self.bytes_max {
            return;
        }
        let mut known = self.known();
        known.bytes += size;
        if let Some(replaced) = known.embeddings.put(text, embedding) {
            known.bytes -= bytes(&replaced);
        }
        while known.bytes > self.bytes_max {
            let Some((_, dropped)) = known.embeddings.pop_lru() else { break };
            known.bytes -= bytes(&dropped);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an entry takes, near enough for a bound.
fn bytes(embedding: &Embedding) -> usize {
    size_of::<TextHash>()
        + size_of::<Embedding>()
        + size_of_val(&embedding.vector[..])
        + size_of_val(&embedding.tokens[..])
        + size_of_val(&embedding.spans[..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(number: f32) -> Embedding {
        Embedding { vector: vec![number; 100], ..Embedding::default() }
    }

    #[test]
    fn a_text_is_known_until_others_push_it_out() {
        let cache = Cache::new(3 * bytes(&embedding(0.0)));
        let texts = ["a", "b", "c", "d"].map(Cache::hash);
        for (text, number) in texts.iter().zip([1.0, 2.0, 3.0]) {
            cache.put(*text, embedding(number));
        }
        assert_eq!(cache.get(&texts[0]), Some(embedding(1.0)));
        cache.put(texts[3], embedding(4.0));
        assert_eq!(cache.get(&texts[1]), None, "the least recently used");
        assert!(cache.get(&texts[0]).is_some() && cache.get(&texts[3]).is_some());
    }

    #[test]
    fn bytes_are_counted_once_for_a_text_that_comes_again() {
        let cache = Cache::new(2 * bytes(&embedding(0.0)));
        for _ in 0..5 {
            cache.put(Cache::hash("a"), embedding(1.0));
        }
        assert_eq!(cache.known().bytes, bytes(&embedding(0.0)));
    }

    #[test]
    fn what_is_larger_than_the_bound_is_not_kept() {
        let cache = Cache::new(10);
        cache.put(Cache::hash("a"), embedding(1.0));
        assert_eq!((cache.get(&Cache::hash("a")), cache.known().bytes), (None, 0));
    }
}
