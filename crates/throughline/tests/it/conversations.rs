//! Which conversation a request continues, and what of it is recorded.

use std::time::Duration;

use crate::support::{World, assistant, scope, session, user};

#[test]
fn a_resent_history_is_recorded_once_and_stays_in_one_session() {
    let (world, ana) = (World::new(), scope("ana"));
    let (first, new) = world.chat(&ana, None, &[user("hello")], "hi, I am Tessa");
    assert_eq!(new, 2);
    let history = [user("hello"), assistant("hi, I am Tessa"), user("who are you?")];
    let (second, new) = world.chat(&ana, None, &history, "Tessa");
    assert_eq!((second, new), (first, 2));
}

#[test]
fn white_space_that_a_client_trims_off_an_answer_does_not_split_the_session() {
    let (world, ana) = (World::new(), scope("ana"));
    let (first, _) = world.chat(&ana, None, &[user("hello")], "hi, I am Tessa\n");
    let (second, new) =
        world.chat(&ana, None, &[user("hello"), assistant("hi, I am Tessa"), user("and?")], "and what?");
    assert_eq!((second, new), (first, 2));
}

#[test]
fn the_same_opening_days_later_is_another_session() {
    let (world, ana) = (World::new(), scope("ana"));
    let (first, _) = world.chat(&ana, None, &[user("hello")], "hi");
    world.wait(Duration::from_hours(24));
    let (second, new) = world.chat(&ana, None, &[user("hello")], "hi again");
    assert_ne!(first, second);
    assert_eq!(new, 2);
}

#[test]
fn a_regenerated_answer_is_a_branch_and_the_question_is_not_recorded_again() {
    let (world, ana) = (World::new(), scope("ana"));
    let (first, _) = world.chat(&ana, None, &[user("a poem please")], "roses are red");
    world.wait(Duration::from_secs(5));
    let (second, new) = world.chat(&ana, None, &[user("a poem please")], "violets are blue");
    assert_eq!((second, new), (first, 1));
}

#[test]
fn an_edited_message_is_a_branch_where_it_was_edited() {
    let (world, ana) = (World::new(), scope("ana"));
    let (first, _) = world.chat(&ana, None, &[user("hello")], "hi");
    let asked = |question| [user("hello"), assistant("hi"), user(question)];
    world.chat(&ana, None, &asked("book a flight to Rome"), "booked");
    let (third, new) = world.chat(&ana, None, &asked("book a flight to Paris"), "booked");
    assert_eq!((third, new), (first, 2));
}

#[test]
fn a_history_whose_beginning_was_cut_off_still_finds_its_session() {
    let (world, ana) = (World::new(), scope("ana"));
    let mut history = Vec::new();
    let mut first = None;
    for n in 0..6 {
        history.push(user(&format!("question {n}")));
        let answer = format!("answer {n}");
        first.get_or_insert(world.chat(&ana, None, &history, &answer).0);
        history.push(assistant(&answer));
    }
    let mut cut = history.split_off(8);
    cut.push(user("question 6"));
    let (found, new) = world.chat(&ana, None, &cut, "answer 6");
    assert_eq!((Some(found), new), (first, 2));
}

#[test]
fn a_client_that_names_its_session_may_send_only_what_is_new() {
    let (world, ana) = (World::new(), scope("ana"));
    for _ in 0..3 {
        let (found, new) = world.chat(&ana, Some("support-7"), &[user("yes")], "and then?");
        assert_eq!(found, session("support-7"));
        assert!(new >= 1);
        world.chat(&ana, Some("support-7"), &[user("go on")], "well");
    }
    assert!(world.turns(&ana) >= 11);
}

#[test]
fn what_the_request_shows_already_is_not_recalled_into_it() {
    let (world, ana) = (World::new(), scope("ana"));
    world.chat(&ana, None, &[user("my dog is called Rex")], "a fine name");
    let asked = [user("my dog is called Rex"), assistant("a fine name"), user("what is my dog called?")];
    assert_eq!(world.context(&ana, None, &asked).block, None);
    let tomorrow = [user("what is my dog called?")];
    let block = world.context(&ana, None, &tomorrow).block.unwrap();
    assert!(block.contains("my dog is called Rex"), "{block}");
}

#[test]
fn an_exchange_delivered_twice_is_recorded_once() {
    let (world, ana) = (World::new(), scope("ana"));
    let context = world.context(&ana, None, &[user("hello")]);
    let exchange = throughline::memory::Exchange {
        time: None,
        session: None,
        new_session: context.thread.session,
        messages: vec![user("hello")],
        reply: Some(assistant("hi")),
        outcome: None,
        zone: None,
        receipt: Some(context.receipt),
    };
    let once = world.memory.record(&ana, exchange.clone()).unwrap();
    let twice = world.memory.record(&ana, exchange).unwrap();
    assert!(once.turns.ends_with(&twice.turns));
    assert_eq!(world.turns(&ana), 2);
}

#[test]
fn two_users_with_the_same_words_have_sessions_of_their_own() {
    let world = World::new();
    let (anas, _) = world.chat(&scope("ana"), None, &[user("hello")], "hi");
    let (bobs, new) = world.chat(&scope("bob"), None, &[user("hello")], "hi");
    assert_ne!(anas, bobs);
    assert_eq!(new, 2);
}
