//! From the entries of a ledger to memories.

use std::collections::{BTreeMap, HashMap};

use crate::model::{
    Act, Authority, Claim, Entry, MemoryId, MemoryKind, MemoryRecord, MemoryState, Polarity, SlotKey,
    SlotTerms, Timestamp, value_of,
};
use crate::text::terms::TermHash;
use crate::text::wording::wording;

use super::alike::Wordings;
use super::decay::GOAL_STALE_DAYS;
use super::ended::take_summaries;
use super::live::live;
use super::slots::{Cardinality, cardinality, opposite};
use super::timeline::{Run, Said, timeline};

/// A claim that counts, with the entry that made it and the words that stand for its value.
struct Live<'a> {
    entry: &'a Entry,
    claim: &'a Claim,
    value: Vec<TermHash>,
}

/// What claims have in common that speak about the same.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Slot(SlotKey),
    /// Without a slot: the same words about the same sort of thing.
    Words(MemoryKind, Vec<u32>),
    /// Kept apart: repetition gives it no weight.
    Quarantined(Vec<u32>),
}

/// What an operator said of a memory last.
#[derive(Default)]
struct Orders<'a> {
    retracted: Option<&'a Entry>,
    pinned: Option<&'a Entry>,
    numbers: Vec<u64>,
}

/// The memories that all entries come to at a moment, in the order in which they were first said.
pub fn derive(entries: &[Entry], now: Timestamp) -> Vec<MemoryRecord> {
    let live = live(entries);
    let mut claims: Vec<Live<'_>> = Vec::new();
    let mut orders: HashMap<MemoryId, Orders<'_>> = HashMap::new();
    for entry in live {
        match &entry.act {
            Act::Claimed(claim) => claims.push(Live { entry, claim, value: words(claim) }),
            Act::Retracted(id) | Act::Restored(id) | Act::Pinned(id) | Act::Unpinned(id) => {
                let orders = orders.entry(*id).or_default();
                match &entry.act {
                    Act::Retracted(_) => orders.retracted = Some(entry),
                    Act::Restored(_) => orders.retracted = None,
                    Act::Pinned(_) => orders.pinned = Some(entry),
                    _ => orders.pinned = None,
                }
                orders.numbers.push(entry.number);
            }
            Act::Undone(_) | Act::Rewound(_) | Act::Forgotten => {}
        }
    }
    let own: Vec<Vec<TermHash>> = claims.iter().map(|live| live.value.clone()).collect();
    let counting = claims.iter().map(|live| live.claim).zip(own.iter().map(Vec::as_slice));
    let wordings = Wordings::of(counting.filter(|(claim, _)| !claim.quarantined));
    for live in claims.iter_mut().filter(|live| !live.claim.quarantined) {
        let Claim { slot, kind, .. } = live.claim;
        live.value = wordings.canonical(slot.as_ref(), *kind, &live.value).to_vec();
    }
    let mut topics: BTreeMap<Topic, Vec<usize>> = BTreeMap::new();
    for (at, claim) in claims.iter().enumerate() {
        topics.entry(topic(claim)).or_default().push(at);
    }
    let mut memories = Vec::with_capacity(claims.len());
    for (topic, members) in &topics {
        let mut said = said(&claims, members, &orders);
        let runs = match topic {
            Topic::Slot(slot) => {
                let opposed = opposite(slot).and_then(|slot| topics.get(&Topic::Slot(slot)));
                let value = |at: usize| {
                    let Claim { kind, .. } = claims[at].claim;
                    wordings.canonical(Some(slot), *kind, &own[at]).to_vec()
                };
                let opposed = opposed.into_iter().flatten();
                said.extend(opposed.filter_map(|at| against(*at, &claims[*at], value(*at), &orders)));
                timeline(&in_order(&claims, said))
            }
            Topic::Words(..) => timeline(&in_order(&claims, said)),
            Topic::Quarantined(_) => {
                let mut runs = timeline(&in_order(&claims, said));
                let active = runs.iter_mut().filter(|run| run.state == MemoryState::Active);
                active.for_each(|run| run.state = MemoryState::Quarantined);
                runs
            }
        };
        memories.extend(runs.iter().map(|run| record(&claims, &orders, run, now)));
    }
    memories.sort_by_key(|memory: &MemoryRecord| (memory.entries.first().copied(), memory.id));
    take_summaries(&mut memories, now);
    memories
}

/// The memories that were believed at a moment: what the entries recorded up to it came to then.
pub fn believed_at(entries: &[Entry], moment: Timestamp) -> Vec<MemoryRecord> {
    derive(&entries[..entries.partition_point(|entry| entry.recorded <= moment)], moment)
}

/// Whether two values are one: the same words.
pub fn same_value(a: &str, b: &str) -> bool {
    wording(a) == wording(b)
}

/// What makes a value the same as another one: its wording, or of an own slot's number or truth value all of it.
fn words(claim: &Claim) -> Vec<TermHash> {
    let is_text = claim.terms.is_none() || value_of(&claim.value).is_string();
    if is_text { wording(&claim.value) } else { vec![TermHash::of(&claim.value)] }
}

fn topic(live: &Live<'_>) -> Topic {
    let words = || live.value.iter().map(|word| word.0).collect();
    match &live.claim.slot {
        _ if live.claim.quarantined => Topic::Quarantined(words()),
        Some(slot) => Topic::Slot(slot.clone()),
        None => Topic::Words(live.claim.kind, words()),
    }
}

/// The claims of a topic. That an operator took one back is a denial of it, from then on.
fn said(claims: &[Live<'_>], members: &[usize], orders: &HashMap<MemoryId, Orders<'_>>) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::with_capacity(members.len());
    for &at in members {
        let Live { claim, value, .. } = &claims[at];
        let said = |polarity, authority, moment: Option<Timestamp>| Said {
            claim: at,
            id: claim.id,
            polarity,
            value: value.clone(),
            authority,
            explicit: claim.explicit || moment.is_some(),
            time: moment.unwrap_or(claim.said),
            valid_from: moment.unwrap_or(claim.valid_from),
            valid_to: claim.valid_to,
            cardinality: room(claim),
        };
        all.push(said(claim.polarity, claim.authority, None));
        if let Some(entry) = orders.get(&claim.id).and_then(|orders| orders.retracted) {
            all.push(said(Polarity::Denies, Authority::Operator, Some(entry.recorded)));
        }
    }
    all
}

/// What a claim says against its value in the opposite slot: who likes it now does not dislike it. None if it was over when
/// it was told, is a denial, or was taken back.
fn against(
    at: usize,
    live: &Live<'_>,
    value: Vec<TermHash>,
    orders: &HashMap<MemoryId, Orders<'_>>,
) -> Option<Said> {
    let claim = live.claim;
    let over = claim.valid_to.is_some_and(|end| end <= claim.said);
    let taken_back = orders.get(&claim.id).is_some_and(|orders| orders.retracted.is_some());
    (claim.polarity == Polarity::Affirms && !over && !taken_back).then_some(Said {
        claim: at,
        id: claim.id,
        polarity: Polarity::Denies,
        value,
        authority: claim.authority,
        explicit: claim.explicit,
        time: claim.said,
        valid_from: claim.valid_from,
        valid_to: claim.valid_to,
        cardinality: Cardinality::Multiple,
    })
}

/// How many values stand beside a claim's: of an own slot as many as the tenant's schema said then.
fn room(claim: &Claim) -> Cardinality {
    match (claim.terms, &claim.slot) {
        // What is kept apart ends nothing, whatever it is about.
        _ if claim.quarantined => Cardinality::Multiple,
        (Some(SlotTerms { multiple: true, .. }), _) | (_, None) => Cardinality::Multiple,
        (Some(_), _) => Cardinality::Single,
        (None, Some(slot)) => cardinality(slot),
    }
}

/// In the order they were said, whatever the order they were learned in.
fn in_order(claims: &[Live<'_>], mut all: Vec<Said>) -> Vec<Said> {
    let place = |said: &Said| {
        let claim = claims[said.claim].claim;
        claim.evidence.as_ref().map_or(0, |evidence| evidence.turn)
    };
    all.sort_by_key(|said| (said.time, place(said), said.id));
    all
}

fn record(
    claims: &[Live<'_>],
    orders: &HashMap<MemoryId, Orders<'_>>,
    run: &Run,
    now: Timestamp,
) -> MemoryRecord {
    let members = || run.claims.iter().map(|at| &claims[*at]);
    let first = &claims[run.claims[0]];
    // The words of the strongest, and among equals of the latest.
    let best =
        members().reduce(|best, next| if next.claim.authority >= best.claim.authority { next } else { best });
    let Claim { kind, slot, value, text, .. } = best.unwrap_or(first).claim;
    let mut entries: Vec<u64> = members().map(|live| live.entry.number).collect();
    let own_orders: Vec<&Orders<'_>> = members().filter_map(|live| orders.get(&live.claim.id)).collect();
    entries.extend(own_orders.iter().flat_map(|orders| orders.numbers.iter().copied()));
    entries.sort_unstable();
    let pinned = own_orders.iter().any(|orders| orders.pinned.is_some());
    let said_last = members().map(|live| live.claim.said).max().unwrap_or(first.claim.said);
    let mut memory = MemoryRecord {
        id: first.claim.id,
        kind: *kind,
        slot: slot.clone(),
        value: value.clone(),
        text: text.clone(),
        state: run.state,
        authority: members().map(|live| live.claim.authority).max().unwrap_or(first.claim.authority),
        importance: members().map(|live| live.claim.importance).fold(0.0, f32::max),
        pinned,
        half_life_days: best.unwrap_or(first).claim.terms.and_then(|terms| terms.half_life_days),
        valid_from: run.valid_from,
        valid_to: run.valid_to,
        recorded_at: members().map(|live| live.entry.recorded).min().unwrap_or(first.entry.recorded),
        said_last,
        evidence: members().filter_map(|live| live.claim.evidence.clone()).collect(),
        superseded_by: run.superseded_by,
        entries,
    };
    age(&mut memory, now);
    memory
}

/// What time alone does: a stated end comes, an ending that lies ahead has not come yet, a goal nobody speaks of goes stale.
fn age(memory: &mut MemoryRecord, now: Timestamp) {
    let over = memory.valid_to.is_some_and(|end| end <= now);
    match memory.state {
        MemoryState::Active if over => memory.state = MemoryState::Expired,
        MemoryState::Superseded | MemoryState::Retracted if !over && memory.valid_from < now => {
            memory.state = MemoryState::Active;
        }
        MemoryState::Active if memory.kind == MemoryKind::Goal && !memory.pinned => {
            let stale = memory.said_last.as_second() + GOAL_STALE_DAYS * 86_400;
            if stale <= now.as_second() {
                memory.state = MemoryState::Expired;
                memory.valid_to = Timestamp::from_second(stale).ok();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
