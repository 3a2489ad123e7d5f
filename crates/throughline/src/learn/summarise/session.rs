//! A conversation in a few sentences: what a model wrote of it, what was learned from it and holds, then the user's most telling
//! words. Nothing is said twice.

use std::collections::HashSet;
use std::ops::Range;

use crate::learn::gate;
use crate::model::{Citation, MemoryId, MemoryKind, MemoryRecord, Role, SummarySentence, Turn};
use crate::text::terms::{TermHash, terms};
use crate::text::wording::{holds, wording};

use super::sources::{Sources, overlaps, sentence, supported};

/// Sentences of a conversation's summary.
pub const SESSION_SENTENCES_MAX: usize = 6;

/// A longer sentence is told by no summary.
const SENTENCE_BYTES_MAX: usize = 240;

/// A sentence is as telling as so many of its rarest words together: a long one is not more so than a short one for its
/// length alone.
const TELLING_WORDS: usize = 5;

/// At most `most` sentences about a conversation, the most telling first. `turns` are the conversation's; `rarity` says how
/// rare a word is in the scope.
pub fn of_session(
    turns: &[Turn],
    sources: &Sources<'_>,
    rarity: &dyn Fn(TermHash) -> f32,
    most: usize,
) -> Vec<SummarySentence> {
    let cited = learned(turns, sources).into_iter().chain(told(turns, sources, rarity));
    // Judged one by one: a sentence that is dropped leaves its room to the next.
    cited
        .filter_map(|cited| sentence(cited, sources))
        .flat_map(|sentence| supported(vec![sentence], sources))
        .take(most)
        .collect()
}

/// The memories that rest on the conversation: sentences that a model wrote, as they were said, then the weightiest of the others.
fn learned(turns: &[Turn], sources: &Sources<'_>) -> Vec<Citation> {
    let mut seen: HashSet<MemoryId> = HashSet::new();
    let all = turns.iter().flat_map(|turn| sources.known.learned_from(turn.id.seq));
    let (mut written, mut learned): (Vec<&MemoryRecord>, Vec<_>) =
        all.filter(|memory| seen.insert(memory.id)).partition(|memory| memory.kind == MemoryKind::Summary);
    let place = |memory: &MemoryRecord| memory.evidence.first().map(|evidence| evidence.turn);
    written.sort_by_key(|memory| place(memory));
    learned.retain(|memory| !written.iter().any(|written| says(written, memory)));
    let weight = |memory: &MemoryRecord| sources.known.weight(memory.id);
    learned.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    written.into_iter().chain(learned).map(|memory| Citation::Memory(memory.id)).collect()
}

/// Whether a written sentence says a memory already: its value, about a turn they both rest on.
fn says(written: &MemoryRecord, memory: &MemoryRecord) -> bool {
    let turns =
        |memory: &MemoryRecord| memory.evidence.iter().map(|evidence| evidence.turn).collect::<HashSet<_>>();
    !turns(written).is_disjoint(&turns(memory)) && holds(&wording(&written.text), &wording(&memory.value))
}

/// What the user said and no memory says already, the rarest words first.
fn told(turns: &[Turn], sources: &Sources<'_>, rarity: &dyn Fn(TermHash) -> f32) -> Vec<Citation> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut told: Vec<(f32, Citation)> = Vec::new();
    for turn in turns.iter().filter(|turn| turn.role == Role::User) {
        let text = &turn.content.text;
        for part in gate(Role::User, text) {
            if part.len() <= SENTENCE_BYTES_MAX
                && !is_learned(turn, &part, sources)
                && seen.insert(&text[part.clone()])
                && let Some(bytes) = bytes(&part)
            {
                let score = telling(&text[part], rarity);
                told.push((score, Citation::Words { turn: turn.id.seq, bytes }));
            }
        }
    }
    told.sort_by(|a, b| b.0.total_cmp(&a.0));
    told.into_iter().map(|(_, cited)| cited).collect()
}

fn is_learned(turn: &Turn, part: &Range<usize>, sources: &Sources<'_>) -> bool {
    let learned = sources.known.learned_from(turn.id.seq).iter();
    let mut quotes = learned.flat_map(|memory| &memory.evidence).filter(|one| one.turn == turn.id.seq);
    quotes.any(|evidence| overlaps(&turn.content.text, &evidence.quote, part))
}

fn telling(text: &str, rarity: &dyn Fn(TermHash) -> f32) -> f32 {
    let mut rarities: Vec<f32> = terms(text).into_iter().map(|term| rarity(term.hash)).collect();
    rarities.sort_by(|a, b| b.total_cmp(a));
    rarities.into_iter().take(TELLING_WORDS).sum()
}

fn bytes(part: &Range<usize>) -> Option<(u32, u32)> {
    Some((u32::try_from(part.start).ok()?, u32::try_from(part.end).ok()?))
}
