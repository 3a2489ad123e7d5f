//! What a recall finds after words were taken out of the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use throughline::memory::{
    LearnSettings, Learner, MemoriesRequest, Memory, NewMemory, Observation, Order, Settings, TurnToObserve,
};
use throughline::model::{Content, MemoryKind, Role, SlotKey, TenantId};
use throughline::ports::{Forget, RedactedTurn};
use throughline_sqlite::{SqliteOptions, SqliteStore};

use crate::support::{World, scope, session, texts, user};

#[test]
fn a_recall_over_turns_it_has_at_hand_finds_nothing_of_what_was_forgotten_since() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["the code of the safe is 4711", "my sister paints"]);
    assert_eq!(world.ask(&ana, "code of the safe").items.len(), 2);
    let forget = Forget {
        after: 0,
        tombstones: vec![],
        entries: vec![],
        turns: vec![RedactedTurn {
            seq: 1,
            name: None,
            content: Content::text("[forgotten]"),
            metadata: None,
            passages: vec![],
        }],
        receipts: vec![],
        profile: None,
        now: Timestamp::UNIX_EPOCH,
    };
    world.memory.store().forget(&ana, forget).unwrap();
    assert_eq!(texts(&world.ask(&ana, "code of the safe")), ["my sister paints"]);
}

fn note(text: &str) -> NewMemory {
    NewMemory {
        kind: MemoryKind::Note,
        slot: None,
        value: None,
        text: text.into(),
        importance: None,
        valid_from: None,
        valid_to: None,
    }
}

#[test]
fn forgetting_goes_through_though_something_is_learned_while_it_looks_for_what_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
    let open = |clock| Memory::open(store.clone(), clock, Settings::default()).unwrap();
    let other = open(Arc::new(Timestamp::now));
    let ana = scope("ana");
    // Between reading the ledger and writing, forgetting asks for the time: that is when somebody else writes.
    let meddles = Arc::new(AtomicBool::new(false));
    let clock = {
        let (meddles, ana) = (meddles.clone(), ana.clone());
        move || {
            if meddles.swap(false, Ordering::Relaxed) {
                other.add_memory(&ana, note("Ana keeps a zeppelin in the barn")).unwrap();
            }
            Timestamp::now()
        }
    };
    let memory = open(Arc::new(clock));
    let id = memory.add_memory(&ana, note("keeps a zeppelin in the barn")).unwrap().id;
    meddles.store(true, Ordering::Relaxed);
    let report = memory.forget_memory(&TenantId::single(), id).unwrap().unwrap();
    assert!(!meddles.load(Ordering::Relaxed), "nobody meddled");
    assert_eq!((report.claims, report.turns), (2, 2));
    assert_eq!(memory.memories(&ana, &MemoriesRequest::default()).unwrap(), []);
}

/// A memory whose user told it where they live, and had that forgotten.
fn forgotten(user_may_lift: bool) -> (World, throughline::model::Scope) {
    let (world, ana) = (World::with(Settings { user_may_lift, ..Settings::default() }), scope("ana"));
    let home = NewMemory {
        slot: Some(SlotKey::of_user("home")),
        value: Some("Lisbon".into()),
        ..note("Home: Lisbon")
    };
    let id = world.memory.add_memory(&ana, home).unwrap().id;
    world.memory.forget_memory(ana.tenant(), id).unwrap().unwrap();
    world.wait(Duration::from_hours(1));
    (world, ana)
}

/// Says it as the newest message of a chat, and learns. Returns what is held.
fn told(world: &World, ana: &throughline::model::Scope, text: &str) -> Vec<String> {
    world.chat(ana, None, &[user(text)], "Noted.");
    let learner = Learner::new(None, LearnSettings::default(), None);
    while learner.step(&world.memory, Some(&ana.user)).unwrap().is_some() {}
    let memories = world.memory.memories(ana, &MemoriesRequest::default()).unwrap();
    memories.into_iter().map(|memory| memory.value).collect()
}

#[test]
fn a_users_own_new_statement_lifts_what_was_forgotten_only_where_that_is_allowed() {
    let (world, ana) = forgotten(false);
    assert_eq!(told(&world, &ana, "I live in Lisbon."), Vec::<String>::new());
    let (world, ana) = forgotten(true);
    assert_eq!(told(&world, &ana, "I live in Lisbon."), ["Lisbon"]);
    assert_eq!(texts(&world.ask(&ana, "Lisbon"))[0], "I live in Lisbon.");
}

#[test]
fn only_what_is_stated_outright_and_now_lifts() {
    for text in [
        "Do you know Lisbon?",
        "Maybe I live in Lisbon.",
        "My boss says I live in Lisbon.",
        "I don't live in Lisbon.",
    ] {
        let (world, ana) = forgotten(true);
        assert!(!told(&world, &ana, text).contains(&"Lisbon".to_owned()), "{text}");
        assert!(!texts(&world.ask(&ana, "Lisbon")).concat().contains("Lisbon"), "{text}");
    }
    let (world, ana) = forgotten(true);
    // The same chat written again, with the time it was said at and without one.
    for time in [Some(Timestamp::UNIX_EPOCH), None] {
        let turn = TurnToObserve { time, ..TurnToObserve::new(Role::User, "I live in Lisbon.") };
        world.memory.observe(&ana, Observation::new(session("again"), vec![turn])).unwrap();
    }
    assert!(!texts(&world.ask(&ana, "Lisbon")).concat().contains("Lisbon"));
}

#[test]
fn an_operator_lifts_what_was_forgotten_by_its_words() {
    let (world, ana) = forgotten(false);
    assert_eq!(world.memory.lift_forgotten(&ana, "Porto").unwrap(), 0);
    assert!(world.memory.add_memory(&ana, note("Lisbon is lovely")).is_err());
    assert_eq!(world.memory.lift_forgotten(&ana, "the city of LISBON").unwrap(), 1);
    assert_eq!(world.memory.lift_forgotten(&ana, "Lisbon").unwrap(), 0);
    assert!(world.memory.add_memory(&ana, note("Lisbon is lovely")).is_ok());
    world.memory.add_memory(&ana, note("Home: Lisbon")).unwrap();
    assert!(texts(&world.ask(&ana, "Lisbon home")).contains(&"Home: Lisbon"), "its words are there anew");
    assert_eq!(told(&world, &ana, "I live in Lisbon."), ["Lisbon is lovely", "Home: Lisbon", "Lisbon"]);
}

#[test]
fn an_operators_memory_that_is_added_again_stands_on_the_turn_that_is_there() {
    let (world, ana) = (World::new(), scope("ana"));
    // As after a crash between the turn and the memory: the turn is there, and nothing was claimed of it.
    let first = world.memory.add_memory(&ana, note("Lisbon is lovely")).unwrap();
    world.memory.order(ana.tenant(), first.id, Order::Undo).unwrap();
    world.wait(Duration::from_mins(1));
    let again = world.memory.add_memory(&ana, note("Lisbon is lovely")).unwrap();
    assert_ne!(again.id, first.id);
    assert_eq!(again.evidence, first.evidence);
    assert_eq!(texts(&world.ask(&ana, "Lisbon")), ["Lisbon is lovely"], "one turn");
}
