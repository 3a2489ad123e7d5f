//! "I gave up on the marathon": a plan that is known is dropped, though it is named by a part of its words.
//!
//! Only a goal that is known, or was said before in the batch, and only if one alone has all the words: nothing is guessed.

use std::ops::Range;

use crate::learn::pattern::{NoCapture, Pattern};
use crate::learn::proposal::{BatchTurn, Proposal};
use crate::learn::words::{Token, words};
use crate::model::{MemoryKind, MemoryRecord, Polarity, SlotKey};
use crate::text::wording::wording;

use super::{importance, value};

/// What stands before the plan.
const DROPPED: &[&str] = &[
    "[so] i|we [have] [finally|just|now|also] gave|given up [on|with]",
    "[so] i|we [have] [finally|just|now|also] dropped|abandoned|scrapped|shelved|ditched",
    "[donc] j' ai|avons [finalement] abandonné",
    "[donc] j' ai laissé tomber",
    "nous avons abandonné",
    "[al] [final] [he] abandoné|abandonado",
    "renuncié a",
];

/// In German the verb stands behind the plan.
const DROPPED_GERMAN: (&str, &[&str]) =
    ("ich|wir habe|haben", &["aufgegeben", "verworfen", "begraben", "abgeblasen"]);

/// What a plan may be called besides its own words.
const PLAN_WORDS: &[&str] = &[
    "the", "den", "die", "das", "le", "la", "el", "plan", "plans", "idea", "goal", "project", "course",
    "dream", "training", "attempt", "lessons", "classes", "my", "our", "idee", "ziel", "kurs", "projekt",
    "mein", "meinen", "meine", "projet", "idée", "objectif", "cours", "mon", "mes", "idea", "proyecto",
    "curso", "mi", "mis",
];

/// Most words of a plan as it is named.
const WORDS_MAX: usize = 6;

/// The goal that a sentence drops, of those said before it in the batch and those that are known.
pub(super) fn of_sentence<'a>(
    turn: &BatchTurn,
    bytes: Range<usize>,
    before: impl Iterator<Item = &'a Proposal>,
    known: &[MemoryRecord],
) -> Option<Proposal> {
    let words = words(&turn.text, bytes.clone());
    let until_mark = |from: usize| (from..words.len()).find(|at| words[*at].is_mark()).unwrap_or(words.len());
    let begins = |written: &'static str| Pattern::new(written).matches(&words, 0, &NoCapture);
    let named = if let Some(found) = DROPPED.iter().find_map(|written| begins(written)) {
        found.end..until_mark(found.end)
    } else {
        let start = begins(DROPPED_GERMAN.0)?.end;
        let end = until_mark(start).checked_sub(1)?;
        words.get(end)?.is_one_of(DROPPED_GERMAN.1).then_some(start..end)?
    };
    if named.is_empty() || named.len() > WORDS_MAX {
        return None;
    }
    let plan: Vec<&str> = words[named]
        .iter()
        .filter(|word| word.token == Token::Word && !word.is_one_of(PLAN_WORDS))
        .map(|word| word.text.as_str())
        .collect();
    let plan = wording(&plan.join(" "));
    let slot = SlotKey::of_user("goal");
    let said = before
        .filter(|said| said.polarity == Polarity::Affirms && said.slot.as_ref() == Some(&slot))
        .map(|said| said.value.as_str());
    let kept =
        known.iter().filter(|memory| memory.slot.as_ref() == Some(&slot)).map(|memory| memory.value.as_str());
    let has_all = |goal: &&str| {
        let goal = wording(goal);
        !plan.is_empty() && plan.iter().all(|word| goal.contains(word))
    };
    let mut meant: Vec<&str> = said.chain(kept).filter(has_all).collect();
    meant.dedup_by_key(|goal| wording(goal));
    let [goal] = meant[..] else { return None };
    let quote = turn.text[bytes].to_owned();
    Some(Proposal {
        turn: turn.seq,
        text: value::sentence(&quote),
        quote,
        kind: MemoryKind::Goal,
        importance: importance::of(MemoryKind::Goal, Some("goal")),
        slot: Some(slot),
        value: goal.to_owned(),
        polarity: Polarity::Denies,
        explicit: true,
        valid_from: None,
        valid_to: None,
    })
}
