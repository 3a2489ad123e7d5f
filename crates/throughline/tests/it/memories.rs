//! What is true, what was believed, why, and what operators do about it; forgetting, everywhere and for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use throughline::memory::{MemoriesRequest, Memory, MemoryPatch, NewMemory, Order, ProfileChange, Settings};
use throughline::model::{
    Authority, MemoryKind, MemoryRecord, MemoryState, Profile, ProfilePatch, Scope, SlotKey, TenantId,
    Timestamp,
};
use throughline_sqlite::{SqliteOptions, SqliteStore};

use crate::support::{World, assistant, scope, texts, user};

const DAY: Duration = Duration::from_hours(24);

fn note(text: &str) -> NewMemory {
    NewMemory {
        kind: MemoryKind::Fact,
        slot: None,
        value: None,
        text: text.into(),
        importance: None,
        valid_from: None,
        valid_to: None,
    }
}

fn home(city: &str) -> NewMemory {
    NewMemory {
        slot: Some(SlotKey::of_user("home")),
        value: Some(city.into()),
        ..note(&format!("I live in {city}"))
    }
}

fn values(world: &World, scope: &Scope, state: MemoryState) -> Vec<String> {
    let request = MemoriesRequest { state: Some(state), ..MemoriesRequest::default() };
    let memories = world.memory.memories(scope, &request).unwrap();
    memories.into_iter().map(|memory| memory.value).collect()
}

fn add(world: &World, scope: &Scope, new: NewMemory) -> MemoryRecord {
    world.memory.add_memory(scope, new).unwrap()
}

#[test]
fn what_an_operator_adds_is_active_at_once_and_a_second_home_ends_the_first() {
    let (world, ana) = (World::new(), scope("ana"));
    let paris = add(&world, &ana, home("Paris"));
    assert_eq!((paris.state, paris.authority), (MemoryState::Active, Authority::Operator));
    world.wait(DAY);
    let lyon = add(&world, &ana, home("Lyon"));
    assert_eq!(values(&world, &ana, MemoryState::Active), ["Lyon"]);
    let why = world.memory.why(&TenantId::single(), paris.id).unwrap().unwrap();
    assert_eq!(why.memory.superseded_by, Some(lyon.id));
    let states: Vec<MemoryState> = why.states.iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [MemoryState::Active, MemoryState::Superseded]);
}

#[test]
fn what_was_believed_on_a_date_can_be_asked_and_gone_back_to() {
    let (world, ana) = (World::new(), scope("ana"));
    add(&world, &ana, home("Paris"));
    let then = world.memory.now();
    world.wait(DAY);
    add(&world, &ana, home("Lyon"));
    let request =
        MemoriesRequest { as_of: Some(then), state: Some(MemoryState::Active), ..MemoriesRequest::default() };
    assert_eq!(world.memory.memories(&ana, &request).unwrap()[0].value, "Paris");
    assert_eq!(world.memory.changes(&ana, then).unwrap().len(), 1);
    world.wait(DAY);
    world.memory.rewind(&ana, then).unwrap();
    assert_eq!(values(&world, &ana, MemoryState::Active), ["Paris"]);
    assert_eq!(values(&world, &ana, MemoryState::Superseded), Vec::<String>::new());
}

#[test]
fn a_memory_is_retracted_restored_pinned_and_undone() {
    let (world, ana) = (World::new(), scope("ana"));
    let id = add(&world, &ana, home("Paris")).id;
    let order = |order| {
        world.wait(Duration::from_secs(1));
        world.memory.order(&TenantId::single(), id, order).unwrap().unwrap()
    };
    assert_eq!(order(Order::Retract).state, MemoryState::Retracted);
    assert_eq!(order(Order::Restore).state, MemoryState::Active);
    assert!(order(Order::Pin).pinned);
    assert!(!order(Order::Undo).pinned);
    let stranger = TenantId::new("stranger").unwrap();
    assert_eq!(world.memory.order(&stranger, id, Order::Retract).unwrap(), None);
}

#[test]
fn an_edit_takes_the_place_of_what_was_there_and_keeps_it_as_history() {
    let (world, ana) = (World::new(), scope("ana"));
    let id = add(&world, &ana, note("Ana's dog is called Rex")).id;
    world.wait(DAY);
    let patch = MemoryPatch { text: Some("Ana's dog is called Max".into()), ..MemoryPatch::default() };
    let edited = world.memory.edit_memory(&TenantId::single(), id, &patch).unwrap().unwrap();
    assert_eq!((edited.text.as_str(), edited.state), ("Ana's dog is called Max", MemoryState::Active));
    assert_eq!(values(&world, &ana, MemoryState::Retracted), ["Ana's dog is called Rex"]);
}

#[test]
fn an_undone_edit_brings_the_memory_before_back_whichever_of_the_two_is_named() {
    for name_the_new in [true, false] {
        let (world, ana) = (World::new(), scope("ana"));
        let rex = add(&world, &ana, note("Ana's dog is called Rex"));
        world.wait(DAY);
        let patch = MemoryPatch { text: Some("Ana's dog is called Max".into()), ..MemoryPatch::default() };
        let max = world.memory.edit_memory(&TenantId::single(), rex.id, &patch).unwrap().unwrap();
        let named = if name_the_new { max.id } else { rex.id };
        let undone = world.memory.order(&TenantId::single(), named, Order::Undo).unwrap().unwrap();
        assert_eq!((undone.id, undone.state), (rex.id, MemoryState::Active));
        assert_eq!(values(&world, &ana, MemoryState::Active), ["Ana's dog is called Rex"]);
        assert_eq!(values(&world, &ana, MemoryState::Retracted), Vec::<String>::new());
    }
}

#[test]
fn an_edit_that_says_the_same_survives_that_time_goes_on_while_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let ticks = AtomicI64::new(1_772_445_600_000);
    // Each look at the clock is later than the one before.
    let clock = move || Timestamp::from_millisecond(ticks.fetch_add(7, Ordering::Relaxed)).unwrap();
    let memory = Memory::open(Arc::new(store), Arc::new(clock), Settings::default()).unwrap();
    let id = memory.add_memory(&scope("ana"), note("Ana is in Rome")).unwrap().id;
    let patch = MemoryPatch { importance: Some(0.2), ..MemoryPatch::default() };
    let edited = memory.edit_memory(&TenantId::single(), id, &patch).unwrap().unwrap();
    assert_eq!((edited.state, edited.importance), (MemoryState::Active, 0.2));
}

#[test]
fn forgetting_what_an_edit_said_does_not_bring_back_what_it_corrected() {
    let (world, ana) = (World::new(), scope("ana"));
    let rex = add(&world, &ana, note("Ana's dog is called Rex"));
    world.wait(DAY);
    let patch = MemoryPatch { text: Some("Ana's dog is called Fenrisulfr".into()), ..MemoryPatch::default() };
    let other = world.memory.edit_memory(&TenantId::single(), rex.id, &patch).unwrap().unwrap();
    world.memory.forget_memory(&TenantId::single(), other.id).unwrap().unwrap();
    assert_eq!(values(&world, &ana, MemoryState::Active), Vec::<String>::new());
}

#[test]
fn an_edit_sets_an_end_leaves_it_alone_or_takes_it_away() {
    let (world, ana) = (World::new(), scope("ana"));
    let end = world.memory.now() + Duration::from_hours(24 * 10);
    let mut known = add(&world, &ana, note("Ana is in Rome"));
    for (valid_to, text, expected) in [
        (Some(Some(end)), None, Some(end)),
        (None, Some("Ana stays in Rome"), Some(end)),
        (Some(None), None, None),
    ] {
        world.wait(DAY);
        let patch = MemoryPatch { valid_to, text: text.map(str::to_owned), ..MemoryPatch::default() };
        known = world.memory.edit_memory(&TenantId::single(), known.id, &patch).unwrap().unwrap();
        assert_eq!((known.valid_to, known.state), (expected, MemoryState::Active));
    }
}

#[test]
fn the_profile_is_made_of_memories_and_what_an_operator_writes_there_is_one() {
    let (world, ana) = (World::new(), scope("ana"));
    let profile = Profile {
        goals: vec!["Run a marathon".into()],
        preferences: vec!["Short answers".into()],
        ..Profile::default()
    };
    let set = world.memory.change_profile(&ana, &ProfileChange::Replace(profile)).unwrap();
    assert_eq!(set.goals, ["Run a marathon"]);
    let goals = MemoriesRequest { kind: Some(MemoryKind::Goal), ..MemoriesRequest::default() };
    assert_eq!(world.memory.memories(&ana, &goals).unwrap()[0].text, "Run a marathon");

    add(&world, &ana, NewMemory { kind: MemoryKind::Goal, ..note("Learn Spanish") });
    assert_eq!(world.memory.profile(&ana).unwrap().goals, ["Run a marathon", "Learn Spanish"]);

    world.wait(DAY);
    let patch = ProfilePatch { goals: Some(vec!["Learn Spanish".into()]), ..ProfilePatch::default() };
    world.memory.change_profile(&ana, &ProfileChange::Patch(patch)).unwrap();
    let profile = world.memory.profile(&ana).unwrap();
    assert_eq!(
        (profile.goals, profile.preferences),
        (vec!["Learn Spanish".into()], vec!["Short answers".to_owned()])
    );
    assert_eq!(values(&world, &ana, MemoryState::Retracted), ["Run a marathon"]);
}

#[test]
fn the_summary_says_the_facts_that_hold_until_an_operator_writes_one() {
    let (world, ana) = (World::new(), scope("ana"));
    add(&world, &ana, home("Paris"));
    assert_eq!(world.memory.profile(&ana).unwrap().summary.as_deref(), Some("Home: Paris."));
    world.wait(DAY);
    add(&world, &ana, home("Lyon"));
    assert_eq!(world.memory.profile(&ana).unwrap().summary.as_deref(), Some("Home: Lyon."));
    let patch = ProfilePatch { summary: Some(Some("A cook.".into())), ..ProfilePatch::default() };
    world.memory.change_profile(&ana, &ProfileChange::Patch(patch)).unwrap();
    add(&world, &ana, home("Nice"));
    assert_eq!(world.memory.profile(&ana).unwrap().summary.as_deref(), Some("A cook."));
}

#[test]
fn what_is_forgotten_is_nowhere_and_does_not_come_back() {
    let (mut world, ana) = (World::new(), scope("ana"));
    let messages = [user("I was in therapy at Hohenfels last year."), assistant("Thank you for telling me.")];
    world.chat(&ana, Some("monday"), &messages[..1], "Thank you for telling me.");
    world.tell(&ana, "tuesday", &["The clinic in HOHENFELS was good.", "I bought bread."]);
    let memory =
        add(&world, &ana, NewMemory { value: Some("Hohenfels".into()), ..note("Therapy at Hohenfels") });
    let said = |world: &World| {
        let found = world.ask(&ana, "Hohenfels clinic therapy");
        texts(&found).iter().filter(|text| text.to_lowercase().contains("hohenfels")).count()
    };
    assert_eq!(said(&world), 3);

    let report = world.memory.forget_memory(&TenantId::single(), memory.id).unwrap().unwrap();
    assert_eq!((report.claims, report.turns), (1, 3));

    let said_again = [messages[0].clone(), messages[1].clone(), user("What did I say?")];
    world.chat(&ana, Some("monday"), &said_again, "I do not know.");
    world.tell(&ana, "wednesday", &["My time in Hohenfels is over."]);
    world = world.restarted();
    let refused = world.memory.add_memory(&ana, note("Hohenfels again")).unwrap_err();
    assert!(refused.to_string().contains("forgotten"), "{refused}");
    assert_eq!(said(&world), 0);
    assert!(texts(&world.ask(&ana, "clinic")).contains(&"The clinic in [forgotten] was good."));
    let context = world.context(&ana, None, &[user("Where was my therapy?")]);
    let shown = format!("{:?} {:?}", context.prefix, context.block);
    assert!(!shown.to_lowercase().contains("hohenfels"), "{shown}");
}

#[test]
fn a_number_is_forgotten_with_the_sentence_it_stands_in_and_not_wherever_it_stands() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["My flat has number 34", "I read 34 pages"]);
    let flat = NewMemory {
        slot: Some(SlotKey::of_user("flat_number")),
        value: Some("34".into()),
        ..note("My flat has number 34")
    };
    let id = add(&world, &ana, flat).id;
    world.memory.forget_memory(&TenantId::single(), id).unwrap().unwrap();
    let mut left: Vec<String> =
        texts(&world.ask(&ana, "number flat pages")).into_iter().map(str::to_owned).collect();
    left.sort();
    assert_eq!(left, ["I read 34 pages", "My [forgotten]", "My [forgotten]"]);
}

#[test]
fn what_an_operator_adds_is_recalled_as_turns_are_until_it_is_taken_back() {
    let (world, ana) = (World::new(), scope("ana"));
    let id =
        add(&world, &ana, NewMemory { kind: MemoryKind::Note, ..note("The contract number is K-77") }).id;
    assert_eq!(texts(&world.ask(&ana, "contract number")), ["The contract number is K-77"]);
    let shown =
        |world: &World| world.context(&ana, None, &[user("What is my contract number?")]).block.unwrap();
    assert!(shown(&world).contains("(today), the app said: The contract number is K-77"));
    world.wait(DAY);
    world.memory.order(ana.tenant(), id, Order::Retract).unwrap();
    let block = shown(&world);
    assert!(
        block.contains("no longer so since 2026-03-03), the app said: The contract number is K-77"),
        "{block}"
    );
}

#[test]
fn adding_the_same_memory_again_adds_nothing() {
    let (world, ana) = (World::new(), scope("ana"));
    let id = add(&world, &ana, note("The contract number is K-77")).id;
    assert_eq!(add(&world, &ana, note("the contract number is K-77.")).id, id);
    assert_eq!(world.turns(&ana), 1);
}
