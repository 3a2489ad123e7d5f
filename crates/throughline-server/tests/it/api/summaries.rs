//! Summaries over HTTP: each sentence with what it rests on.

use std::sync::Arc;

use serde_json::json;
use throughline::learn::{
    Batch, BatchTurn, ExtractError, Extraction, Extractor, Told, ToldSentence, UsageByStage,
};
use throughline::memory::{LearnSettings, Learner};
use throughline::model::{TenantId, Usage, UserId, UserKey};

use super::world::World;

fn ana() -> UserKey {
    UserKey { tenant: TenantId::single(), user: UserId::new("ana").unwrap() }
}

async fn world() -> World {
    let world = World::open().await;
    world.say("yesterday", "I live in Paris.").await;
    world.say("yesterday", "My brother repairs accordions in a barn near Ghent.").await;
    let learner = Learner::new(None, LearnSettings::default(), None);
    while learner.step(&world.memory, Some(&ana())).unwrap().is_some() {}
    world
}

#[tokio::test]
async fn a_session_comes_to_sentences_that_cite_memories_and_turns() {
    let world = world().await;
    let summaries = world.get("/summaries?user=ana").await.ok()["summaries"].clone();
    let summary = &summaries[0];
    assert_eq!((&summary["level"], &summary["session"]), (&json!("session"), &json!("yesterday")));
    let memories = world.get("/memories?user=ana").await.ok();
    let turns = world.get("/turns?user=ana").await.ok();
    assert_eq!(
        summary["sentences"],
        json!([
            { "text": "Home: Paris.", "memories": [memories["memories"][0]["id"]], "turns": [] },
            {
                "text": "“My brother repairs accordions in a barn near Ghent.”",
                "memories": [],
                "turns": [turns["turns"][1]["id"]],
            },
        ])
    );
}

#[tokio::test]
async fn months_years_and_the_user_have_summaries_too() {
    let world = world().await;
    for (level, length) in [("month", Some(7)), ("year", Some(4)), ("user", None)] {
        let summaries =
            world.get(&format!("/summaries?user=ana&level={level}")).await.ok()["summaries"].clone();
        assert_eq!(summaries[0]["level"], level);
        assert_eq!(summaries[0]["period"].as_str().map(str::len), length, "{summaries}");
        assert_eq!(summaries[0]["sentences"][0]["text"], "Home: Paris.");
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_its_name() {
    let world = World::open().await;
    for (path, param) in [
        ("/summaries?user=ana&level=week", "level"),
        ("/summaries?user=ana&limit=0", "limit"),
        ("/summaries?user=ana&time_zone=Atlantis", "time_zone"),
    ] {
        let answer = world.get(path).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["param"].as_str()),
            (400, Some(param)),
            "{answer:?}"
        );
    }
}

/// Learns nothing, and says this of the first turn.
struct Writer(&'static str);

impl Extractor for Writer {
    fn name(&self) -> &'static str {
        "writer"
    }

    fn extract(&self, _: &Batch<'_>) -> Result<Extraction, ExtractError> {
        Ok(Extraction::default())
    }

    fn summarise(&self, turns: &[BatchTurn]) -> Result<Told, ExtractError> {
        let sentences = vec![ToldSentence { text: self.0.to_owned(), turns: vec![turns[0].seq] }];
        let summarise = Usage { calls: 1, prompt_tokens: 90, answer_tokens: 10, cost_nanos: 0 };
        Ok(Told { sentences, usage: UsageByStage { summarise, ..UsageByStage::default() } })
    }
}

#[tokio::test]
async fn what_a_model_wrote_cites_a_memory_that_says_why_and_has_a_stage_in_the_usage() {
    const SENTENCE: &str = "The user's brother repairs accordions in a barn.";
    let world = World::asking(Arc::new(Writer(SENTENCE)), 60_000).await;
    world.say("yesterday", "My brother repairs accordions in a barn near Ghent.").await;
    for _ in 0..11 {
        world.say("yesterday", "Thanks!").await;
    }
    world.post("/learn", &json!({ "user": "ana", "wait": true })).await.ok();
    let summaries = world.get("/summaries?user=ana").await.ok()["summaries"].clone();
    let sentence = &summaries[0]["sentences"][0];
    assert_eq!(sentence["text"], SENTENCE);
    let id = sentence["memories"][0].as_str().unwrap();
    let why = world.get(&format!("/memories/{id}/why")).await.ok();
    assert!(why.to_string().contains("in a barn near Ghent."), "{why}");
    let usage = world.get("/usage?user=ana").await.ok();
    assert_eq!((&usage["days"][0]["stage"], &usage["days"][0]["calls"]), (&json!("summarise"), &json!(1)));
    let memories = world.get("/memories?user=ana&kind=summary").await.ok();
    assert_eq!(memories["memories"][0]["state"], "active");
}
