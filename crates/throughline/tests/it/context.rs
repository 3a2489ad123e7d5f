//! What is added to a request.

use std::time::Duration;

use jiff::tz::TimeZone;
use throughline::memory::{ContextRequest, Observation, ProfileChange, Settings, TurnToObserve};
use throughline::model::{Profile, Role, TenantId};

use crate::support::{World, assistant, scope, session, user};

#[test]
fn a_context_holds_identity_profile_and_what_was_found() {
    let (world, ana) = (World::new(), scope("ana"));
    world
        .memory
        .store()
        .put_identity(&TenantId::single(), None, "You are Tessa.", world.memory.now())
        .unwrap();
    let profile = Profile { goals: vec!["run a marathon".into()], ..Profile::default() };
    world.memory.change_profile(&ana, &ProfileChange::Replace(profile)).unwrap();
    world.tell(&ana, "s", &["I moved to Berlin"]);
    world.wait(Duration::from_hours(24));

    let context = world.context(&ana, None, &[user("did I move to Berlin?")]);
    let prefix = context.prefix.unwrap();
    assert!(prefix.starts_with("You are Tessa.") && prefix.contains("run a marathon"), "{prefix}");
    assert!(context.block.unwrap().contains("I moved to Berlin"));
    assert_eq!(context.receipt.identity, Some(1));
    assert!(context.receipt.used_tokens <= context.receipt.budget_tokens);
}

#[test]
fn a_question_that_memory_knows_nothing_about_adds_nothing() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["I moved to Berlin"]);
    let context = world.context(&ana, None, &[user("please translate this sentence")]);
    assert_eq!((context.prefix, context.block), (None, None));
    assert_eq!(context.receipt.used_tokens, 0);
}

#[test]
fn the_prefix_stays_the_same_to_the_byte_over_fifty_turns() {
    let (world, ana) = (World::new(), scope("ana"));
    world
        .memory
        .store()
        .put_identity(&TenantId::single(), None, "You are Tessa.", world.memory.now())
        .unwrap();
    let profile = Profile { preferences: vec!["short answers".into()], ..Profile::default() };
    world.memory.change_profile(&ana, &ProfileChange::Replace(profile)).unwrap();
    world.tell(&ana, "before", &["my project is called Atlas", "Atlas is written in Rust"]);

    let mut history = Vec::new();
    let mut prefixes = Vec::new();
    for n in 0..50 {
        history.push(user(&format!("question {n} about Atlas")));
        prefixes.push(world.context(&ana, None, &history).prefix.unwrap());
        world.chat(&ana, None, &history, &format!("answer {n}"));
        history.push(assistant(&format!("answer {n}")));
        world.wait(Duration::from_hours(1));
    }
    assert!(prefixes.iter().all(|prefix| *prefix == prefixes[0]));
}

#[test]
fn a_receipt_rebuilds_the_same_bytes_whatever_happened_since() {
    let (world, ana) = (World::new(), scope("ana"));
    let tenant = TenantId::single();
    world.memory.store().put_identity(&tenant, None, "You are Tessa.", world.memory.now()).unwrap();
    world.tell(&ana, "s", &["I moved to Berlin", "Berlin is cold in winter", "I like tea"]);
    let context = world.context(&ana, None, &[user("how is Berlin?")]);
    let id = context.receipt.id;
    world.memory.keep_receipt(&ana, context.receipt).unwrap();

    world.memory.store().put_identity(&tenant, None, "You are somebody else.", world.memory.now()).unwrap();
    let profile = Profile { goals: vec!["learn to sail".into()], ..Profile::default() };
    world.memory.change_profile(&ana, &ProfileChange::Replace(profile)).unwrap();
    world.tell(&ana, "s2", &["Berlin is warm in summer"]);
    world.wait(Duration::from_hours(24 * 30));
    let world = world.restarted();

    let replay = world.memory.replay(&tenant, id).unwrap().unwrap();
    assert!(replay.same);
    assert_eq!((replay.prefix, replay.block), (context.prefix, context.block));
    assert!(world.memory.replay(&TenantId::new("other").unwrap(), id).unwrap().is_none());
}

#[test]
fn what_was_said_twice_in_the_same_words_is_shown_once() {
    let world = World::new();
    let ana = scope("ana");
    world.tell(&ana, "one", &["Our boat is called Petrel.", "Where is the boat?"]);
    for day in 0..5 {
        world.tell(&ana, &format!("day {day}"), &["Where is the boat?"]);
    }
    let context = world.context(&ana, None, &[user("What is the boat called?")]);
    let block = context.block.unwrap();
    assert!(block.contains("Petrel"), "{block}");
    assert!(block.matches("Where is the boat?").count() <= 1, "{block}");
}

/// What a user in New York is shown of something that was said then.
fn in_new_york(world: &World, told: &str) -> throughline::memory::Context {
    let ana = scope("ana");
    let time = Some(told.parse().unwrap());
    let turn = TurnToObserve { time, ..TurnToObserve::new(Role::User, "our boat is called Petrel") };
    world.memory.observe(&ana, Observation::new(session("s"), vec![turn])).unwrap();
    let zone = Some(TimeZone::get("America/New_York").unwrap());
    let request = ContextRequest { zone, ..ContextRequest::asking("What is our boat called?") };
    world.memory.context(&ana, &request).unwrap()
}

#[test]
fn a_context_for_somebody_in_new_york_shows_new_yorks_dates_in_summer_and_in_winter() {
    for (told, shown) in
        [("2026-02-10T04:30:00Z", "Monday 2026-02-09"), ("2025-07-10T04:30:00Z", "Thursday 2025-07-10")]
    {
        let block = in_new_york(&World::new(), told).block.unwrap();
        assert!(block.contains(shown), "{block}");
    }
}

#[test]
fn a_receipt_rebuilds_the_same_bytes_in_the_zone_of_whoever_asked() {
    let world = World::new();
    let context = in_new_york(&world, "2025-07-10T03:30:00Z");
    assert_eq!(context.receipt.zone.name(), "America/New_York");
    let id = context.receipt.id;
    world.memory.keep_receipt(&scope("ana"), context.receipt).unwrap();
    let replay = world.restarted().memory.replay(&TenantId::single(), id).unwrap().unwrap();
    assert!(replay.same && replay.block == context.block, "{:?}", replay.block);
    assert!(replay.block.unwrap().contains("Wednesday 2025-07-09"));
}

#[test]
fn who_names_no_zone_is_where_the_settings_say() {
    let settings = Settings { zone: TimeZone::get("Asia/Tokyo").unwrap(), ..Settings::default() };
    let (world, ana) = (World::with(settings), scope("ana"));
    world.tell(&ana, "s", &["our boat is called Petrel"]);
    world.wait(Duration::from_hours(6));
    // Ten in the morning and four in the afternoon in UTC; in Tokyo it is past midnight by then.
    let context = world.context(&ana, None, &[user("What is our boat called?")]);
    assert_eq!(context.receipt.zone.name(), "Asia/Tokyo");
    assert!(context.block.unwrap().contains("Monday 2026-03-02 (yesterday)"));
}
