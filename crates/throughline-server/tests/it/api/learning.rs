//! Learning on request, and the jobs that wait.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use throughline::learn::{Batch, ExtractError, Extraction, Extractor, LocalExtractor, UsageByStage};
use throughline::model::Timestamp;
use throughline::ports::{JobClaim, LlmError};

use super::world::World;

/// A model that thinks until it is let go.
#[derive(Default)]
struct Thinking {
    free: Mutex<bool>,
    let_go: Condvar,
}

impl Thinking {
    fn let_go(&self) {
        *self.free.lock().unwrap() = true;
        self.let_go.notify_all();
    }
}

impl Extractor for Thinking {
    fn name(&self) -> &'static str {
        "thinking"
    }

    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError> {
        let free = self.free.lock().unwrap();
        drop(self.let_go.wait_while(free, |free| !*free).unwrap());
        LocalExtractor.extract(batch)
    }
}

/// A model that never has an answer.
struct Failing(fn() -> ExtractError);

impl Extractor for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn extract(&self, _: &Batch<'_>) -> Result<Extraction, ExtractError> {
        Err(self.0())
    }
}

/// Nothing in these tests waits for so long.
const LONG_MS: u64 = 60_000;

async fn learn(world: &World) -> Value {
    world.post("/learn", &json!({ "user": "ana", "wait": true })).await.ok()
}

async fn homes(world: &World) -> Vec<Value> {
    let found = world.get("/memories?user=ana").await.ok();
    found["memories"].as_array().unwrap().iter().map(|memory| memory["value"].clone()).collect()
}

#[tokio::test]
async fn whoever_waits_longer_than_a_request_may_take_is_told_so_and_the_work_goes_on() {
    let model = Arc::new(Thinking::default());
    let world = World::asking(model.clone(), 300).await;
    world.say("s", "I live in Graz.").await;
    let answer = learn(&world).await;
    assert_eq!((&answer["done"], &answer["jobs"]), (&json!(false), &json!(0)), "{answer}");
    assert_eq!(world.get("/jobs").await.ok()["jobs"][0]["state"], "running");
    model.let_go();
    // It is done by the first call; the second only waits for it.
    while learn(&world).await["done"] == json!(false) {}
    assert_eq!(homes(&world).await, ["Graz"]);
}

#[tokio::test]
async fn whoever_does_not_wait_has_an_answer_at_once_and_it_is_learned_all_the_same() {
    let model = Arc::new(Thinking::default());
    let world = World::asking(model.clone(), LONG_MS).await;
    world.say("s", "I live in Graz.").await;
    // The model has not answered yet, so neither of these can have waited for it.
    for body in [json!({ "user": "ana", "wait": false }), json!({ "user": "ana" })] {
        assert_eq!(world.post("/learn", &body).await.ok()["done"], json!(false));
    }
    model.let_go();
    assert_eq!(learn(&world).await["done"], json!(true));
    assert_eq!(homes(&world).await, ["Graz"]);
}

#[tokio::test]
async fn what_another_worker_has_in_hands_is_waited_for() {
    let world = World::asking(Arc::new(LocalExtractor), 300).await;
    world.say("s", "I live in Graz.").await;
    let now = world.memory.now();
    let claim = JobClaim {
        now,
        lease_until: now.checked_add(Duration::from_mins(10)).unwrap(),
        quiet_since: Timestamp::MAX,
        turns_max: 1,
        only: None,
    };
    let claimed = world.memory.store().claim_job(&claim).unwrap().unwrap();
    let answer = learn(&world).await;
    assert_eq!((&answer["done"], &answer["jobs"]), (&json!(false), &json!(0)), "{answer}");
    world.memory.store().put_back_job(claimed.job.number, claimed.token, "died", now).unwrap();
    assert_eq!(learn(&world).await["done"], json!(true));
    assert_eq!(homes(&world).await, ["Graz"]);
}

#[tokio::test]
async fn a_user_nobody_knows_is_done_at_once_and_makes_no_memory() {
    let world = World::open().await;
    let answer = learn(&world).await;
    assert_eq!((&answer["done"], &answer["jobs"]), (&json!(true), &json!(0)));
    let refused = world.post("/learn", &json!({ "wait": true })).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "missing_user"));
    let refused = world.post("/learn", &json!({ "user": "ana", "wait": "yes" })).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn a_provider_that_fails_leaves_the_job_to_be_tried_again_and_says_so() {
    let failing = || ExtractError::Provider {
        error: LlmError::Failed("no route".into()),
        usage: UsageByStage::default(),
    };
    let world = World::asking(Arc::new(Failing(failing)), LONG_MS).await;
    world.say("s", "I live in Graz.").await;
    let answer = learn(&world).await;
    assert_eq!((&answer["done"], &answer["failed"]), (&json!(false), &json!(1)), "{answer}");
    let job = world.get("/jobs").await.ok()["jobs"][0].clone();
    assert_eq!((&job["state"], &job["attempts"]), (&json!("retrying"), &json!(1)));
    assert!(job["failure"].as_str().unwrap().contains("no route"), "{job}");
}

#[tokio::test]
async fn a_job_whose_answer_was_of_no_use_can_be_replayed_and_the_local_extractor_learned_meanwhile() {
    let useless = || ExtractError::Unusable { reason: "prose".into(), usage: UsageByStage::default() };
    let world = World::asking(Arc::new(Failing(useless)), LONG_MS).await;
    world.say("s", "I live in Graz.").await;
    let answer = learn(&world).await;
    assert_eq!(
        (&answer["done"], &answer["degraded"], &answer["calls"]),
        (&json!(true), &json!(1), &json!(0)),
        "{answer}"
    );
    assert_eq!(homes(&world).await, ["Graz"]);

    let job = world.get("/jobs").await.ok()["jobs"][0].clone();
    let id = job["id"].as_str().unwrap();
    assert_eq!((&job["state"], &job["user"]), (&json!("dead"), &json!("ana")));
    let replayed = world.post(&format!("/jobs/{id}/replay"), &json!({})).await.ok();
    assert_eq!(replayed["id"], id);
    assert_eq!(world.get("/jobs").await.ok()["jobs"][0]["state"], "retrying");
    assert_eq!(learn(&world).await["degraded"], json!(1));
    assert_eq!(homes(&world).await, ["Graz"], "what is known is not learned twice");

    for (id, status, code) in [("job_4711", 404, "not_found"), ("soon", 400, "invalid_request")] {
        let refused = world.post(&format!("/jobs/{id}/replay"), &json!({})).await;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{refused:?}");
    }
}

#[tokio::test]
async fn jobs_come_in_pages() {
    let world = World::asking(Arc::new(LocalExtractor), LONG_MS).await;
    for session in ["a", "b", "c"] {
        world.say(session, "hello").await;
    }
    let first = world.get("/jobs?limit=2").await.ok();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("/jobs?limit=2&cursor={cursor}")).await.ok();
    let sessions: Vec<&Value> = [&first, &rest]
        .iter()
        .flat_map(|page| page["jobs"].as_array().unwrap())
        .map(|job| &job["session"])
        .collect();
    assert_eq!(sessions, ["a", "b", "c"]);
    assert!(rest["next_cursor"].is_null());
    assert_eq!(world.get("/jobs?cursor=x").await.code(), "invalid_cursor");
    assert_eq!(world.get("/jobs?limit=0").await.code(), "invalid_request");
}

#[tokio::test]
async fn what_learning_does_is_counted_and_names_nobody() {
    let world = World::asking(Arc::new(LocalExtractor), LONG_MS).await;
    world.say("session-name", "I live in Graz.").await;
    learn(&world).await;
    let text = world.get("./metrics").await.text;
    for line in [
        r#"throughline_learned_jobs_total{outcome="learned"} 1"#,
        "throughline_learned_claims_total 1",
        "throughline_learn_seconds_count 1",
        "throughline_write_to_learned_seconds_count 1",
        "throughline_outbox_jobs 0",
        r#"throughline_http_requests_total{route="/api/v1/learn",method="POST",status="200"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    for secret in ["\"ana\"", "session-name", "Graz"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
