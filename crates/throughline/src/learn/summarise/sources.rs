//! What the sentences of a summary may rest on, and the lock: a sentence without live citations is none.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::context::speaker;
use crate::forget::FORGOTTEN;
use crate::learn::verify::{addresses_model, exact_words_stand};
use crate::model::{Citation, MemoryId, MemoryRecord, SummarySentence, Timestamp, Turn};
use crate::truth::{self, Ended};

/// What a scope's memories say about its turns: which still hold, and which words do not.
#[derive(Debug)]
pub struct Known<'a> {
    now: Timestamp,
    live: HashMap<MemoryId, &'a MemoryRecord>,
    /// By turn, what was learned from it and holds.
    learned: HashMap<u64, Vec<&'a MemoryRecord>>,
    /// What is so no longer or must not be used.
    over: Ended<'a>,
}

impl<'a> Known<'a> {
    /// From the scope's memories as they are at a moment.
    pub fn new(memories: &'a [MemoryRecord], now: Timestamp) -> Self {
        let live: Vec<&MemoryRecord> =
            memories.iter().filter(|memory| truth::may_be_told(memory, now)).collect();
        let mut learned: HashMap<u64, Vec<&MemoryRecord>> = HashMap::new();
        for memory in &live {
            let turns: HashSet<u64> = memory.evidence.iter().map(|evidence| evidence.turn).collect();
            for turn in turns {
                learned.entry(turn).or_default().push(memory);
            }
        }
        let live = live.into_iter().map(|memory| (memory.id, memory)).collect();
        Self { now, live, learned, over: Ended::new(memories, now) }
    }

    /// How much a memory counts now; one that does not hold counts nothing.
    pub(super) fn weight(&self, id: MemoryId) -> f32 {
        self.live.get(&id).map_or(0.0, |memory| truth::weight(memory, self.now))
    }

    /// What was learned from a turn and holds.
    pub(super) fn learned_from(&self, turn: u64) -> &[&'a MemoryRecord] {
        self.learned.get(&turn).map_or(&[], Vec::as_slice)
    }

    /// A memory that holds.
    pub fn memory(&self, id: MemoryId) -> Option<&'a MemoryRecord> {
        self.live.get(&id).copied()
    }

    /// Whether words of a turn are of no more use: they say what is over, were kept apart or forgotten.
    fn is_over(&self, turn: &Turn, part: Range<usize>) -> bool {
        let text = &turn.content.text;
        let Some(words) = text.get(part.clone()).filter(|words| !words.trim().is_empty()) else {
            return true;
        };
        words.contains(FORGOTTEN)
            || self.over.quotes(turn.id.seq).any(|quote| overlaps(text, quote, &part))
            || addresses_model(words)
            || self.over.said_in(words).is_some()
    }
}

/// Whether the quote stands in the text somewhere in this part of it.
pub(super) fn overlaps(text: &str, quote: &str, part: &Range<usize>) -> bool {
    !quote.is_empty()
        && text.match_indices(quote).any(|(at, quote)| at < part.end && part.start < at + quote.len())
}

/// What sentences may rest on: memories, and the turns at hand.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The scope's memories.
    pub known: &'a Known<'a>,
    /// Turns of its journal.
    pub turns: &'a [Turn],
}

impl<'a> Sources<'a> {
    fn turn(&self, number: u64) -> Option<&'a Turn> {
        self.turns.iter().find(|turn| turn.id.seq == number)
    }

    /// Whether it is there and still counts.
    fn is_live(&self, cited: &Citation) -> bool {
        match cited {
            Citation::Memory(id) => self.known.memory(*id).is_some(),
            Citation::Words { turn, bytes } => {
                self.turn(*turn).is_some_and(|turn| !self.known.is_over(turn, range(*bytes)))
            }
        }
    }

    /// All that it says.
    fn words(&self, cited: &Citation) -> Vec<&'a str> {
        match cited {
            Citation::Memory(id) => self.known.memory(*id).map_or_else(Vec::new, |memory| {
                let slot = memory.slot.iter().flat_map(|slot| [slot.subject.as_str(), &slot.name]);
                let quotes = memory.evidence.iter().map(|evidence| evidence.quote.as_str());
                [memory.text.as_str(), &memory.value].into_iter().chain(slot).chain(quotes).collect()
            }),
            Citation::Words { turn, bytes } => {
                let turn = self.turn(*turn);
                let words = turn.and_then(|turn| turn.content.text.get(range(*bytes)));
                words.into_iter().chain(turn.and_then(|turn| turn.name.as_deref())).collect()
            }
        }
    }
}

/// The sentences that may be shown: each rests on something, all it rests on is live, every number and name in it stands
/// there, and it reads like no instruction to the model. Who wrote them does not matter.
pub fn supported(sentences: Vec<SummarySentence>, sources: &Sources<'_>) -> Vec<SummarySentence> {
    let holds = |sentence: &SummarySentence| {
        let rests_on: Vec<&str> = sentence.cites.iter().flat_map(|cited| sources.words(cited)).collect();
        !sentence.cites.is_empty()
            && sentence.cites.iter().all(|cited| sources.is_live(cited))
            && exact_words_stand(&sentence.text, &rests_on.join("\n"))
            && !addresses_model(&sentence.text)
    };
    sentences.into_iter().filter(holds).collect()
}

/// What is cited, as a sentence: a memory in its words, what was said in quotation marks. None if it is not there. Whether
/// it still holds is not asked: a receipt tells it as it was.
pub fn tell(cited: &Citation, memory: Option<&MemoryRecord>, turn: Option<&Turn>) -> Option<String> {
    match cited {
        Citation::Memory(_) => memory.map(truth::sentence),
        Citation::Words { bytes, .. } => {
            let turn = turn?;
            let words = turn.content.text.get(range(*bytes))?.trim();
            let name = speaker(turn.name.as_deref()).map(|name| format!("{name}: ")).unwrap_or_default();
            Some(format!("{name}“{}”", words.split_whitespace().collect::<Vec<_>>().join(" ")))
        }
    }
}

/// The sentence of a citation, as [`tell`] gives it.
pub(super) fn sentence(cited: Citation, sources: &Sources<'_>) -> Option<SummarySentence> {
    let text = match cited {
        Citation::Memory(id) => tell(&cited, sources.known.memory(id), None),
        Citation::Words { turn, .. } => tell(&cited, None, sources.turn(turn)),
    };
    Some(SummarySentence { text: text?, cites: vec![cited] })
}

pub(super) fn range((from, to): (u32, u32)) -> Range<usize> {
    from as usize..to as usize
}
