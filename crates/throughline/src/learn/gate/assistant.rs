//! Of what the model says, only what it did or will do for the user, and what was settled, may become "the assistant said".

use crate::learn::pattern::Pattern;
use crate::learn::words::Word;

use super::tables::TABLES;

/// Whether a sentence settles or promises something. A promise about the answer at hand ("I will explain") is none.
pub(super) fn commits(words: &[Word]) -> bool {
    let stands = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.stands_in(words));
    TABLES.iter().any(|table| stands(&table.commits))
}
