//! Summaries in a context: which may stand for recalled words that did not fit, and the same again from a receipt.

use std::collections::{BTreeMap, HashSet};

use jiff::tz::TimeZone;

use crate::context::{ComposeInput, Draft, RecalledPassage};
use crate::journal::Thread;
use crate::learn::{Known, SESSION_SENTENCES_MAX, of_period, tell};
use crate::model::{
    Citation, MemoryId, MemoryRecord, Receipt, Scope, SessionId, Summary, SummaryOf, SummarySentence, Turn,
};
use crate::ports::{Opening, TurnsPage};
use crate::recall::RecalledItem;
use crate::truth;

use super::beliefs::Beliefs;
use super::summaries::{day, month, year};
use super::{Memory, MemoryError};

/// Conversations that are told of in short.
const CONVERSATIONS_MAX: usize = 2;

/// Turns of a conversation that are read for its line, the best of those that were found: a request waits for it.
const TURNS_A_LINE_MAX: usize = 3;

/// Turns of a conversation that are read if those say nothing, from its beginning.
const OPENING_TURNS_MAX: usize = 8;

/// Sentences of a line, whatever it is of.
const LINE_SENTENCES_MAX: usize = 3;

/// What a context is made of, as far as summaries depend on it.
pub(super) struct View<'a> {
    pub(super) scope: &'a Scope,
    pub(super) opening: &'a Opening,
    pub(super) thread: &'a Thread,
    pub(super) items: &'a [RecalledItem],
    pub(super) zone: &'a TimeZone,
}

impl Memory {
    /// For each conversation whose words did not fit, the best first, what may stand for it: its own summary, one sentence
    /// of that, its month's and its year's. A month or year is told by the conversations at hand alone: they are what was found.
    pub(super) fn ladders(
        &self,
        view: &View<'_>,
        input: &ComposeInput<'_>,
        draft: &Draft<'_>,
        beliefs: &Beliefs,
    ) -> Result<Vec<Vec<Summary>>, MemoryError> {
        let known = Known::new(&beliefs.memories, input.now);
        let left_out: Vec<&RecalledPassage<'_>> = draft.left_out().map(|at| &input.recalled[at]).collect();
        let shown: Vec<&RecalledPassage<'_>> = draft.shown().collect();
        let mut told: HashSet<Citation> = HashSet::new();
        let mut conversations: Vec<(SummaryOf, [SummaryOf; 2], Vec<SummarySentence>)> = Vec::new();
        for session in sessions(&left_out, view.items) {
            let page = |limit| TurnsPage { session: Some(session.clone()), after: 0, limit };
            let Some(first) = self.store.turns_page(view.scope, &page(1))?.pop() else { continue };
            let began = first.time;
            let mut told_of = |turns: &[Turn]| -> Result<Vec<SummarySentence>, MemoryError> {
                let mut sentences =
                    self.sentences_of(view.scope, view.opening, turns, &known, SESSION_SENTENCES_MAX)?;
                sentences.retain(|sentence| {
                    !is_told(sentence, &known, &shown, draft.prefix())
                        && !is_visible(sentence, &known, view.thread)
                        && sentence.cites.iter().all(|cited| told.insert(*cited))
                });
                Ok(sentences)
            };
            // What was found for the question is told first; and to read a few turns costs less than a whole conversation.
            let mut sentences = told_of(&found_in(session, &left_out, view.items))?;
            if sentences.is_empty() {
                sentences = told_of(&self.store.turns_page(view.scope, &page(OPENING_TURNS_MAX))?)?;
            }
            let date = day(began, view.zone);
            let of = SummaryOf::Session { session: session.clone(), began };
            if !sentences.is_empty() {
                conversations.push((of, [month(date), year(date)], sentences));
            }
        }
        let period = |at: usize, of: &SummaryOf| {
            let within = conversations.iter().filter(|(_, periods, _)| periods[at] == *of);
            let within: Vec<&[SummarySentence]> =
                within.map(|(.., sentences)| sentences.as_slice()).collect();
            Summary { of: of.clone(), sentences: of_period(&within, &known, LINE_SENTENCES_MAX) }
        };
        let ladder = |(of, periods, sentences): &(SummaryOf, [SummaryOf; 2], Vec<SummarySentence>)| {
            let own = |most: usize| Summary {
                of: of.clone(),
                sentences: sentences.iter().take(most).cloned().collect(),
            };
            vec![own(LINE_SENTENCES_MAX), own(1), period(0, &periods[0]), period(1, &periods[1])]
        };
        Ok(conversations.iter().map(ladder).collect())
    }

    /// The summaries of a receipt, as they were then. A sentence whose words were forgotten since is missing.
    pub(super) fn told(&self, scope: &Scope, receipt: &Receipt) -> Result<Vec<Summary>, MemoryError> {
        if receipt.summaries.lines.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.ledger(scope)?;
        let then = entries.partition_point(|entry| entry.number <= receipt.summaries.ledger_end);
        let memories = truth::derive(&entries[..then], receipt.time);
        let cites = || receipt.summaries.lines.iter().flat_map(|line| &line.cites);
        let turn = |cited: &Citation| match cited {
            Citation::Words { turn, .. } => Some(*turn),
            Citation::Memory(_) => None,
        };
        let numbers: Vec<u64> = cites().filter_map(turn).collect();
        let turns = self.store.turns(scope, &numbers)?;
        let sentence = |cited: &Citation| {
            let said = turn(cited).and_then(|number| turns.iter().find(|turn| turn.id.seq == number));
            let memory = |id: MemoryId| memories.iter().find(|memory| memory.id == id);
            let memory: Option<&MemoryRecord> = match cited {
                Citation::Memory(id) => memory(*id),
                Citation::Words { .. } => None,
            };
            Some(SummarySentence { text: tell(cited, memory, said)?, cites: vec![*cited] })
        };
        let lines = receipt.summaries.lines.iter();
        Ok(lines
            .map(|line| Summary {
                of: line.of.clone(),
                sentences: line.cites.iter().filter_map(sentence).collect(),
            })
            .collect())
    }
}

/// The conversations of what was left out, the best first.
fn sessions<'a>(left_out: &[&RecalledPassage<'_>], items: &'a [RecalledItem]) -> Vec<&'a SessionId> {
    let mut sessions: Vec<&SessionId> = Vec::new();
    for passage in left_out {
        let item = items.iter().find(|item| item.turn.id.seq == passage.turn);
        let Some(session) = item.map(RecalledItem::session) else { continue };
        if !sessions.contains(&session) {
            sessions.push(session);
        }
        if sessions.len() == CONVERSATIONS_MAX {
            break;
        }
    }
    sessions
}

/// The best turns of a conversation of which something was left out, in order.
fn found_in(session: &SessionId, left_out: &[&RecalledPassage<'_>], items: &[RecalledItem]) -> Vec<Turn> {
    let is_left_out = |item: &&RecalledItem| left_out.iter().any(|one| one.turn == item.turn.id.seq);
    let of_session = items.iter().filter(|item| item.session() == session).filter(is_left_out);
    let mut turns: BTreeMap<u64, &Turn> = BTreeMap::new();
    for item in of_session {
        if turns.len() < TURNS_A_LINE_MAX {
            turns.insert(item.turn.id.seq, &item.turn);
        }
    }
    turns.into_values().cloned().collect()
}

/// Whether the context says it already.
fn is_told(
    sentence: &SummarySentence,
    known: &Known<'_>,
    shown: &[&RecalledPassage<'_>],
    prefix: Option<&str>,
) -> bool {
    let prefix = prefix.unwrap_or_default();
    let in_prefix = |id| {
        let text = known.memory(id).map(|memory| memory.text.as_str());
        text.is_some_and(|text| prefix.contains(text)) || prefix.contains(&sentence.text)
    };
    rests_on(sentence, known, shown) || sentence.memories().any(in_prefix)
}

/// Whether the sentence rests on one of these passages.
fn rests_on(sentence: &SummarySentence, known: &Known<'_>, passages: &[&RecalledPassage<'_>]) -> bool {
    sentence.cites.iter().any(|cited| match cited {
        Citation::Words { turn, bytes: (from, to) } => {
            let covers =
                |one: &&RecalledPassage<'_>| one.turn == *turn && one.bytes.0 <= *from && *to <= one.bytes.1;
            passages.iter().any(covers)
        }
        Citation::Memory(id) => known.memory(*id).is_some_and(|memory| {
            let quoted = |one: &&RecalledPassage<'_>| {
                let mut evidence = memory.evidence.iter().filter(|evidence| evidence.turn == one.turn);
                evidence.any(|evidence| one.text.contains(&evidence.quote))
            };
            passages.iter().any(quoted)
        }),
    })
}

/// Whether the request shows the model what the sentence rests on.
fn is_visible(sentence: &SummarySentence, known: &Known<'_>, thread: &Thread) -> bool {
    let evidence = sentence.memories().filter_map(|id| known.memory(id)).flat_map(|memory| &memory.evidence);
    let mut turns = sentence.turns().chain(evidence.map(|evidence| evidence.turn));
    turns.any(|turn| thread.visible.contains(&turn))
}
