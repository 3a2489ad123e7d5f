//! A learning model that is not there: it is left alone, what waits stays as it is, and all of it is learned when it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use throughline::learn::{LlmExtractor, LlmSettings};
use throughline::memory::{LearnSettings, Learner};
use throughline_llm::{HttpLlm, HttpLlmConfig};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use super::world::World;

/// So many failed questions in a row open the circuit.
const FAILURES_MAX: usize = 5;
/// How long the circuit stays open: what is looked at meanwhile takes far less.
const REST: Duration = Duration::from_secs(2);
/// For an answer that never comes.
const DEADLINE: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A server that learns from a model which fails in this way until it is well.
struct Outage {
    world: World,
    upstream: ScriptedUpstream,
    is_well: Arc<AtomicBool>,
}

impl Outage {
    async fn new(failure: Script) -> Self {
        let is_well = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&is_well);
        let fact = json!({ "facts": [{
            "turn": 1, "quote": "I live in Graz", "kind": "fact", "subject": "user", "slot": "home", "value": "Graz",
            "text": "The user lives in Graz.", "polarity": "affirms", "explicit": true, "when": "",
        }] });
        let answer = Script::json(200, &replies::completion(&fact.to_string()));
        let upstream = ScriptedUpstream::start(move |_| {
            if well.load(Ordering::Relaxed) { answer.clone() } else { failure.clone() }
        })
        .await;
        let config =
            HttpLlmConfig { base_url: upstream.url().parse().unwrap(), key: None, model: "m".into() };
        let llm = HttpLlm::resting(config, REST).unwrap();
        let extractor = LlmExtractor::new(llm, LlmSettings { deadline: DEADLINE, ..LlmSettings::default() });
        let learner = Learner::new(Some(Arc::new(extractor)), LearnSettings::default(), None);
        Self { world: World::learning(learner, 60_000).await, upstream, is_well }
    }

    async fn say(&self, user: usize) {
        let turns = json!([{ "role": "user", "content": "I live in Graz." }]);
        let said = json!({ "user": user.to_string(), "session": "s", "turns": turns });
        self.world.post("/turns", &said).await.ok();
    }

    async fn learn(&self, user: usize) -> Value {
        self.world.post("/learn", &json!({ "user": user.to_string(), "wait": true })).await.ok()
    }

    fn asked(&self) -> usize {
        self.upstream.requests().len()
    }

    /// Who learns, by what the server says of itself.
    async fn learning(&self) -> Value {
        self.world.get("./readyz").await.ok()["learning"].clone()
    }

    async fn rest_is_over(&self) {
        while self.learning_rests().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn learning_rests(&self) -> bool {
        let metrics = self.world.get("./metrics").await.text;
        metrics.lines().any(|line| line == "throughline_learning_model_rests 1")
    }

    /// How many jobs there are, by state and tries.
    async fn jobs(&self) -> BTreeMap<(String, u64), usize> {
        let mut jobs = BTreeMap::new();
        for job in self.world.get("/jobs").await.ok()["jobs"].as_array().unwrap() {
            let tries = job["attempts"].as_u64().unwrap();
            *jobs.entry((job["state"].as_str().unwrap().to_owned(), tries)).or_default() += 1;
        }
        jobs
    }
}

fn jobs<const N: usize>(of: [(&str, u64, usize); N]) -> BTreeMap<(String, u64), usize> {
    of.into_iter().map(|(state, tries, count)| ((state.to_owned(), tries), count)).collect()
}

async fn assert_nothing_is_lost(failure: Script) {
    let outage = Outage::new(failure).await;
    // The world has no worker of its own, which would say nothing else of who learns.
    assert_eq!(outage.learning().await, "off");
    let users = 0..FAILURES_MAX + 2;
    for user in users.clone() {
        outage.say(user).await;
    }
    for user in 0..FAILURES_MAX {
        assert_eq!(outage.learn(user).await["failed"], 1);
    }
    assert_eq!(outage.asked(), FAILURES_MAX);

    // Nobody is asked, and what waits is not even tried.
    assert!(outage.learning_rests().await);
    let answer = outage.learn(FAILURES_MAX).await;
    assert!(answer["model_rests_ms"].as_u64().is_some_and(|rest| rest > 0), "{answer}");
    assert_eq!((&answer["done"], &answer["jobs"]), (&json!(false), &json!(0)));
    assert_eq!(outage.asked(), FAILURES_MAX);
    assert_eq!(outage.jobs().await, jobs([("retrying", 1, FAILURES_MAX), ("waiting", 0, 2)]));

    // One question finds out that it is still down, and all others wait again.
    outage.rest_is_over().await;
    assert_eq!(outage.learn(FAILURES_MAX).await["failed"], 1);
    assert!(outage.learning_rests().await);
    assert!(outage.learn(FAILURES_MAX + 1).await["model_rests_ms"].is_u64());
    assert_eq!(outage.asked(), FAILURES_MAX + 1);

    outage.is_well.store(true, Ordering::Relaxed);
    outage.rest_is_over().await;
    for user in users {
        let answer = outage.learn(user).await;
        assert_eq!((&answer["done"], &answer["claims"]), (&json!(true), &json!(1)), "{user}: {answer}");
        let memories = outage.world.get(&format!("/memories?user={user}")).await.ok();
        assert_eq!(memories["memories"][0]["value"], "Graz");
    }
    assert_eq!(outage.jobs().await, jobs([]));
    assert_eq!(outage.asked(), 2 * FAILURES_MAX + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_a_model_refuses_everybody() {
    assert_nothing_is_lost(Script::json(401, &replies::error("no key", "no key"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_a_model_hangs() {
    assert_nothing_is_lost(Script::new().hang()).await;
}
