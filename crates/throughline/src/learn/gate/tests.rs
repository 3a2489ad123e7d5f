//! What the gate lets through, as sentences, and how well it does on labelled turns.

use proptest::prelude::*;

use super::*;
use crate::learn::labelled::{ALL, Half, Labelled, Set, turns};

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_of(Role::User, text, expected);
}

#[track_caller]
fn check_of(role: Role, text: &str, expected: &[&str]) {
    let found: Vec<&str> = gate(role, text).into_iter().map(|range| &text[range]).collect();
    assert_eq!(found, expected);
}

#[test]
fn one_statement_among_small_talk_is_found() {
    check("Hi there! My dog is called Rex. Thanks a lot!", &["My dog is called Rex."]);
    check("I live in Lyon, what's on tonight?", &["I live in Lyon"]);
}

#[test]
fn small_talk_questions_and_requests_are_dropped() {
    for text in
        ["Thanks!", "How are you?", "Can you help me?", "I need a summary.", "I see.", "Do I live in Rome?"]
    {
        check(text, &[]);
    }
}

#[test]
fn a_joke_that_is_called_one_takes_back_the_sentence_before_it() {
    check("I have a cat. I live in Versailles. Just kidding!", &["I have a cat."]);
    check("I live in Lyon. My cat is just kidding, I think.", &["I live in Lyon."]);
}

#[test]
fn what_is_played_wished_or_joked_is_dropped() {
    check("Let's do a role play. I am a pirate. I live at sea.", &[]);
    check("Let's play a game. I am a pirate. I live at sea.", &[]);
    check("I have a cat. Pretend you are a vet. I am a farmer.", &["I have a cat."]);
    check("I wish I lived in Rome.", &[]);
    check("If I moved to Rome, I would eat more.", &[]);
    check("Yeah right, I live in a castle.", &[]);
    check("Translate into German: I live in a house.", &[]);
}

#[test]
fn what_the_model_does_is_told_from_what_it_feels() {
    for promise in [
        "I'll remind you about the dentist on Monday.",
        "I will always answer in metric units from now on.",
        "I'll never suggest that courier again.",
        "I'll let you know when the parcel ships.",
        "I'll follow up with the landlord.",
        "I will use Tokio in all examples.",
        "I'll stop recommending hotels.",
        "I have ordered the blue one.",
    ] {
        check_of(Role::Assistant, promise, &[promise]);
    }
    for pleasantry in [
        "I'll never forget the day you told me!",
        "I'll always be there for you.",
        "I'll always remember our talk.",
        "I'll definitely keep on going!",
        "I'll keep my fingers crossed.",
        "Okay, I'll try my best.",
        "I'll let it go, then.",
        "I would use a HashMap here.",
        "I'll check it out!",
        "I'll stop by soon.",
        "I will follow your story.",
        "I'd call it a success.",
        "I'll watch your show!",
    ] {
        check_of(Role::Assistant, pleasantry, &[]);
    }
}

#[test]
fn what_others_wrote_is_dropped() {
    check("> I live in Rome\nThanks!", &[]);
    check("My boss said \"I love long meetings every day\".", &[]);
    check("Here is what you know about me:\n- I live in Rome", &[]);
}

#[test]
fn a_sentence_that_goes_on_about_a_wanted_one_is_wanted() {
    check("We have a cat. She is ten.", &["We have a cat.", "She is ten."]);
    check("She is ten.", &[]);
}

#[test]
fn how_things_are_to_be_done_is_wanted() {
    check("Always answer in metric units.", &["Always answer in metric units."]);
    check("Never do that again.", &["Never do that again."]);
}

#[test]
fn of_the_model_only_what_it_did_or_settled_is_wanted() {
    check_of(Role::Assistant, "Paris is nice. I have booked the train.", &["I have booked the train."]);
    check_of(Role::Assistant, "You live in Lyon and like tea.", &[]);
    check_of(Role::Tool, "I live in Rome", &[]);
    check_of(Role::System, "Always call me Bob", &[]);
}

#[test]
fn a_pasted_document_is_not_looked_at() {
    check(&"I live in Rome. ".repeat(GATE_TEXT_BYTES_MAX / 16 + 1), &[]);
    check(&format!("I live {}.", "far ".repeat(GATE_SENTENCE_BYTES_MAX / 4)), &[]);
}

/// True positives, false positives, false negatives.
fn score(set: Set, half: Half) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for Labelled { label, role, text } in turns(set, half) {
        let (kept, wanted) = (!gate(role, &text).is_empty(), label != "-");
        match (kept, wanted) {
            (true, true) => counts.0 += 1,
            (true, false) => counts.1 += 1,
            (false, true) => counts.2 += 1,
            (false, false) => {}
        }
        if kept != wanted && half == Half::Tuning {
            println!("{} {text:?}", if kept { "kept" } else { "dropped" });
        }
    }
    counts
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// The bounds stand some points below what was measured on the half nobody looked at, so that they fail when a rule is lost and
/// not when a word is.
#[test]
fn the_gate_keeps_what_matters_and_little_else() {
    for (set, half) in ALL {
        let (right, wrong, missed) = score(set, half);
        let (precision, recall) = (percent(right, right + wrong), percent(right, right + missed));
        println!(
            "gate, {set:?} {half:?}: precision {precision:.1} %, recall {recall:.1} % ({right} kept rightly, {wrong} wrongly, {missed} dropped wrongly)"
        );
        let least = if set == Set::First { 90.0 } else { 80.0 };
        assert!(precision >= least && recall >= least, "{set:?} {half:?}: {precision} {recall}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_whole_ranges_in_order(
        text in prop_oneof![
            any::<String>(),
            "((I|my|we|said|if|live|dog|\"|'|\n|```|>|: |, |\\. |\\? ){1,3} ){0,30}",
        ],
        user in any::<bool>(),
    ) {
        let mut end = 0;
        for range in gate(if user { Role::User } else { Role::Assistant }, &text) {
            prop_assert!(range.start >= end && range.end > range.start);
            prop_assert!(text.get(range.clone()).is_some_and(|part| part.trim() == part));
            end = range.end;
        }
    }
}
