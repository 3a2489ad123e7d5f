//! What is nothing to know, and what is: labelled texts.

use jiff::tz::TimeZone;

use super::*;
use crate::learn::proposal::Batch;
use crate::learn::verify::verify;
use crate::learn::{Extractor as _, LocalExtractor};
use crate::model::{Generation, OwnSlots, Polarity, SlotKey, Timestamp};

const FILE: &str = include_str!("../../../../tests/data/worth.tsv");

fn turn(said: &str) -> BatchTurn {
    let text = said.to_owned();
    let time = Timestamp::UNIX_EPOCH;
    BatchTurn {
        seq: 1,
        role: Role::User,
        name: Some("Ana".into()),
        time,
        zone: TimeZone::UTC,
        wanted: std::iter::once(0..text.len()).collect(),
        text,
    }
}

fn proposal(said: &str, text: &str) -> Proposal {
    Proposal {
        turn: 1,
        quote: said.to_owned(),
        // How the model is to answer is a preference.
        kind: if said.contains("answer") { MemoryKind::Preference } else { MemoryKind::Fact },
        slot: None,
        value: text.to_owned(),
        text: text.to_owned(),
        polarity: Polarity::Affirms,
        explicit: true,
        importance: 0.5,
        valid_from: None,
        valid_to: None,
    }
}

fn judged(said: &str, proposal: &Proposal) -> &'static str {
    judge(&turn(said), &(0..said.len()), &proposal.text, proposal, &[]).err().map_or("kept", Refusal::as_str)
}

#[test]
fn what_is_nothing_to_know_is_told_from_what_is() {
    let mut wrong = Vec::new();
    for line in FILE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (label, text) = (columns.next().unwrap(), columns.next().unwrap());
        let said = columns.next().unwrap_or(text);
        let judged = judged(said, &proposal(said, text));
        if judged != label {
            wrong.push(format!("{judged}, not {label}: {text}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_speaker_is_as_good_as_the_user() {
    assert_eq!(judged("", &proposal("", "Ana felt happy.")), "passing");
    assert_eq!(judged("", &proposal("", "Bo felt happy.")), "kept");
}

#[test]
fn a_value_may_say_what_the_text_does_not() {
    let slot = Some(SlotKey::of_user("hobby"));
    let said = Proposal { slot: slot.clone(), value: "chess".into(), ..proposal("", "The user likes it.") };
    assert_eq!(judged("", &said), "kept");
    assert_eq!(judged("", &Proposal { value: "something new".into(), ..said }), "says_nothing");
}

#[test]
fn a_quote_is_judged_with_the_sentence_around_it() {
    let (said, quoted) = ("In Rome you met my dog Rex.", 8..26);
    let proposal = proposal(&said[quoted.clone()], "The user met Rex.");
    assert_eq!(judge(&turn(said), &quoted, &proposal.text, &proposal, &[]), Ok(()));
    let other = turn("In Rome you met that dog Rex.");
    assert_eq!(judge(&other, &(8..28), &proposal.text, &proposal, &[]), Err(Refusal::OtherSpeaker));
}

#[test]
fn a_denial_corrects_something_and_is_kept() {
    let denied = Proposal { polarity: Polarity::Denies, ..proposal("", "The user likes it.") };
    assert_eq!(judged("", &denied), "kept");
}

#[test]
fn what_the_rules_read_is_kept_and_the_same_in_other_words_is_not() {
    let turns = [turn("From now on, share everything.")];
    let slots = OwnSlots::default();
    let batch = Batch { turns: &turns, known: &[], slots: &slots };
    let read = LocalExtractor.extract(&batch).unwrap().proposals;
    assert_eq!(read.len(), 1);
    let verified = verify(&batch, read, Generation(1), &|_| false);
    assert_eq!((verified.claims.len(), verified.refused), (1, Vec::new()));
    let other = proposal(&turns[0].text, "The user wants to share everything.");
    let refused = verify(&batch, vec![other], Generation(1), &|_| false).refused;
    assert_eq!(refused.first().map(|refused| refused.why), Some(Refusal::SaysNothing));
}
