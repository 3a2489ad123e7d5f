//! What is added to a request.

use std::time::Duration;

use jiff::tz::TimeZone;
use throughline::memory::{ContextRequest, Observation, ProfileChange, Settings, TurnToObserve};
use throughline::model::{Profile, Role, TenantId};
use throughline::recall::RecallRequest;

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

/// A scope in which somebody said something lasting, and much else since.
fn long_ago(world: &World, said: &[&str]) -> throughline::model::Scope {
    let ana = scope("ana");
    world.tell(&ana, "first", said);
    for day in 0..30 {
        world.wait(Duration::from_hours(24));
        let texts: Vec<String> =
            (0..10).map(|n| format!("On day {day} I cooked dish {n} tonight.")).collect();
        world.tell(&ana, &format!("day {day}"), &texts.iter().map(String::as_str).collect::<Vec<_>>());
    }
    ana
}

#[test]
fn what_the_user_said_holds_in_general_is_shown_three_hundred_turns_later_though_nothing_is_alike() {
    let world = World::new();
    let ana = long_ago(&world, &["I'm vegetarian.", "Never call me before ten."]);
    let question = "What should I cook tonight?";
    let alike = RecallRequest { limit: 200, ..RecallRequest::new(question) };
    let alike = world.memory.recall(&ana, &alike).unwrap();
    assert!(alike.items.iter().all(|item| !item.text().contains("vegetarian")), "similarity finds it");
    assert!(alike.standing.is_empty(), "it was not asked for");

    let context = world.context(&ana, None, &[user(question)]);
    let block = context.block.unwrap();
    assert!(context.prefix.is_none(), "it must not change the prefix");
    let lines: Vec<&str> = block.lines().collect();
    assert!(
        lines[2].contains("I'm vegetarian.") && lines[3].contains("Never call me before ten."),
        "{block}"
    );
    world.memory.keep_receipt(&ana, context.receipt.clone()).unwrap();
    let world = world.restarted();
    assert!(world.memory.replay(&TenantId::single(), context.receipt.id).unwrap().unwrap().same);
}

#[test]
fn of_the_same_wish_the_later_is_shown_and_what_the_assistant_says_is_none() {
    let world = World::new();
    let ana = long_ago(&world, &["I'm vegetarian."]);
    world.chat(&ana, Some("now"), &[user("I'm vegetarian.")], "I'm vegan.");
    let context = world.context(&ana, None, &[user("What should I cook tonight?")]);
    let block = context.block.unwrap();
    assert_eq!(block.matches("I'm vegetarian.").count(), 1, "{block}");
    assert!(
        block.contains("(today), the user said: I'm vegetarian.") && !block.contains("I'm vegan."),
        "{block}"
    );
}

#[test]
fn what_the_request_shows_is_not_told_again_as_standing() {
    let world = World::new();
    let ana = scope("ana");
    let messages = [user("I'm vegetarian."), assistant("Noted."), user("What should I cook?")];
    world.chat(&ana, None, &messages[..1], "Noted.");
    assert_eq!(world.context(&ana, None, &messages).block, None);
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
