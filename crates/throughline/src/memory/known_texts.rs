//! What was found out about a text before. It depends on the text alone, and contexts look at the same passages again and again.

use std::sync::{Mutex, PoisonError};

use lru::LruCache;

/// Texts that are known at once, the least recently asked for forgotten first: of each a hash and the answer, about 100 bytes.
const TEXTS_MAX: std::num::NonZeroUsize = std::num::NonZeroUsize::new(65_536).unwrap();

/// Answers by the hash of the text. Nothing of the text itself is kept.
pub(super) struct KnownTexts<T>(Mutex<LruCache<[u8; 32], T>>);

impl<T: Copy> KnownTexts<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(TEXTS_MAX)))
    }

    /// The answer for this text, found out if it is not known.
    pub(super) fn of(&self, text: &str, find_out: impl FnOnce(&str) -> T) -> T {
        let hash = *blake3::hash(text.as_bytes()).as_bytes();
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known().get(&hash) {
            return *answer;
        }
        let answer = find_out(text);
        known().put(hash, answer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_looked_at_once_and_has_its_own_answer() {
        let known = KnownTexts::new();
        assert_eq!(known.of("bees", str::len), 4);
        assert_eq!(known.of("wasps", str::len), 5);
        assert_eq!(known.of("bees", |_| unreachable!("it is known")), 4);
    }
}
