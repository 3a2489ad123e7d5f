//! Memories in recall: items say what rests on them, what holds counts more by its weight, what is over less.

use std::time::Duration;

use throughline::memory::{LearnSettings, Learner, MemoriesRequest, NewMemory, Order};
use throughline::model::{MemoryKind, MemoryState, Scope};
use throughline::recall::{Priors, RankingKind, RecallRequest, RecalledItem};

use crate::support::{World, scope};

const DAY: Duration = Duration::from_hours(24);

fn learn(world: &World, scope: &Scope) {
    let learner = Learner::new(None, LearnSettings::default(), None);
    while learner.step(&world.memory, Some(&scope.user)).unwrap().is_some() {}
}

/// Somebody who lived in Paris and lives in Lyon.
fn moved() -> (World, Scope) {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "monday", &["I live in Paris.", "The weather is fine.", "Thanks!"]);
    learn(&world, &ana);
    world.wait(30 * DAY);
    world.tell(&ana, "april", &["I live in Lyon.", "The weather is fine.", "Thanks!"]);
    learn(&world, &ana);
    (world, ana)
}

fn asked(world: &World, scope: &Scope, request: &RecallRequest) -> Vec<RecalledItem> {
    world.memory.recall(scope, request).unwrap().items
}

fn found<'a>(items: &'a [RecalledItem], text: &str) -> &'a RecalledItem {
    items.iter().find(|item| item.text() == text).unwrap_or_else(|| panic!("{text}: {items:?}"))
}

#[test]
fn an_item_carries_the_memories_that_rest_on_its_words_and_their_state() {
    let (world, ana) = moved();
    let items = asked(&world, &ana, &RecallRequest::new("Where do I live?"));
    let memories = world.memory.memories(&ana, &MemoriesRequest::default()).unwrap();
    let [paris, lyon] = ["I live in Paris.", "I live in Lyon."].map(|text| found(&items, text).memories[0]);
    assert_eq!((paris.id, paris.state), (memories[0].id, MemoryState::Superseded));
    assert!(paris.valid_to.is_some());
    assert_eq!((lyon.id, lyon.state, lyon.valid_to), (memories[1].id, MemoryState::Active, None));
    assert!(items.iter().filter(|item| item.text() == "Thanks!").all(|item| item.memories.is_empty()));
}

#[test]
fn what_holds_is_lifted_what_is_over_lowered_and_both_can_be_switched_off() {
    let (world, ana) = moved();
    let request = RecallRequest::new("Where do I live?");
    let items = asked(&world, &ana, &request);
    let (paris, lyon) = (found(&items, "I live in Paris."), found(&items, "I live in Lyon."));
    assert!(lyon.scores.memory > 0.0 && paris.scores.memory < 0.0, "{items:?}");
    assert!(lyon.score > paris.score);
    assert!(items.iter().all(|item| !item.memories.is_empty() || item.scores.memory.abs() < f32::EPSILON));
    let without = Priors { memory: false, ..Priors::default() };
    for item in asked(&world, &ana, &RecallRequest { priors: without, ..request.clone() }) {
        assert!(item.scores.memory.abs() < f32::EPSILON);
        let with = items.iter().find(|other| other.turn.id == item.turn.id).unwrap();
        assert!((with.score - with.scores.memory - item.score).abs() < 1e-4);
        assert_eq!(item.memories, with.memories, "they are told all the same");
    }
    let plain = asked(&world, &ana, &RecallRequest { ranking: RankingKind::Bm25, ..request });
    assert!(plain.iter().all(|item| item.scores.memory.abs() < f32::EPSILON));
}

#[test]
fn a_memory_lifts_less_the_older_it_is_unless_it_is_pinned() {
    let (world, ana) = moved();
    let lift = || {
        let items = asked(&world, &ana, &RecallRequest::new("Where do I live?"));
        found(&items, "I live in Lyon.").scores.memory
    };
    let id = world.memory.memories(&ana, &MemoriesRequest::default()).unwrap()[1].id;
    let fresh = lift();
    world.wait(730 * DAY);
    let faded = lift();
    assert!((faded / fresh - 0.5).abs() < 0.02, "the half-life of facts: {fresh} {faded}");
    world.memory.order(ana.tenant(), id, Order::Pin).unwrap().unwrap();
    assert!((lift() - fresh).abs() < 0.01);
    world.memory.order(ana.tenant(), id, Order::Retract).unwrap().unwrap();
    assert!(lift() < 0.0, "taken back");
}

#[test]
fn an_operators_memory_lifts_the_words_it_stands_in() {
    let (world, ana) = moved();
    let text = "Ana must not be offered peanuts";
    let (kind, slot, value) = (MemoryKind::Note, None, None);
    let (importance, valid_from, valid_to) = (Some(1.0), None, None);
    let new = NewMemory { kind, slot, value, text: text.into(), importance, valid_from, valid_to };
    let id = world.memory.add_memory(&ana, new).unwrap().id;
    let items = asked(&world, &ana, &RecallRequest::new("peanuts"));
    let peanuts = found(&items, text);
    assert_eq!(peanuts.memories.iter().map(|memory| memory.id).collect::<Vec<_>>(), [id]);
    assert!(peanuts.scores.memory > 0.0);
}

#[test]
fn what_happened_or_was_history_when_it_was_told_is_not_lowered_when_its_day_is_over() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["My sister's wedding is on 14 March 2026.", "I used to live in Rome.", "Hm."]);
    learn(&world, &ana);
    world.wait(60 * DAY);
    let items = asked(&world, &ana, &RecallRequest::new("What about the wedding, and Rome?"));
    assert!(items.iter().any(|item| item.memories.iter().any(|one| one.state == MemoryState::Expired)));
    assert!(items.iter().all(|item| item.scores.memory >= 0.0), "{items:?}");
}

#[test]
fn an_item_says_whether_it_holds_in_general() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["Always answer in metric units.", "The metric system is French."]);
    let items = asked(&world, &ana, &RecallRequest::new("metric"));
    let standing = |text| found(&items, text).standing;
    assert!(standing("Always answer in metric units.") && !standing("The metric system is French."));
}
