//! The engine's extractor over a real small model: `THROUGHLINE_TEST_LLM_URL` names its server.
//!
//! What a model of half a billion weights finds is not asserted, only that what comes is well-formed and rests on what was
//! said.

use std::time::Duration;

use jiff::tz::TimeZone;
use throughline::learn::{Batch, BatchTurn, Extractor, LlmExtractor, LlmSettings};
use throughline::model::{OwnSlots, Polarity, Role};
use throughline_llm::{HttpLlm, HttpLlmConfig};

fn turn(seq: u64, role: Role, text: &str) -> BatchTurn {
    let whole = 0..text.len();
    let wanted = if role == Role::User { vec![whole] } else { Vec::new() };
    let time = "2024-05-15T10:00:00Z".parse().unwrap();
    BatchTurn { seq, role, name: None, time, zone: TimeZone::UTC, text: text.to_owned(), wanted }
}

#[test]
fn real_a_small_model_proposes_what_stands_in_the_turns() {
    let url = std::env::var("THROUGHLINE_TEST_LLM_URL").expect("`cargo xtask test` sets it");
    let config =
        HttpLlmConfig { base_url: url.parse().unwrap(), key: None, model: "local-test-model".to_owned() };
    let settings =
        LlmSettings { answer_tokens_max: 600, deadline: Duration::from_mins(8), ..LlmSettings::default() };
    let extractor = LlmExtractor::new(HttpLlm::new(config).unwrap(), settings);
    let turns = [
        turn(11, Role::User, "Hi! I moved to Graz in March and I work as a nurse now."),
        turn(12, Role::Assistant, "Congratulations! Do you have pets?"),
        turn(13, Role::User, "Yes, a dog called Biscuit. By the way, I'm allergic to peanuts."),
    ];
    let extraction =
        extractor.extract(&Batch { turns: &turns, known: &[], slots: &OwnSlots::default() }).unwrap();

    println!("{extraction:#?}");
    assert!(
        extraction.usage.total().calls >= 1
            && extraction.usage.total().prompt_tokens > 0
            && extraction.usage.total().answer_tokens > 0
    );
    let resting = extraction.proposals.iter().filter(|proposal| {
        let turn = turns.iter().find(|turn| turn.seq == proposal.turn && turn.role == Role::User);
        turn.is_some_and(|turn| turn.text.contains(&proposal.quote))
    });
    assert!(resting.count() > 0, "no proposal rests on a turn of the user");
    for proposal in &extraction.proposals {
        assert!(!proposal.quote.is_empty() && !proposal.text.is_empty());
        assert!(!proposal.value.is_empty() || proposal.polarity == Polarity::Denies);
    }
}
