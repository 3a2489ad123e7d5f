//! What the learning model cost, as a client sees it.

use std::sync::Arc;

use serde_json::{Value, json};
use throughline::learn::{Batch, ExtractError, Extraction, Extractor};
use throughline::memory::{LearnSettings, Learner};
use throughline::model::{Usage, UsageByStage};
use throughline::ports::usage_day;

use super::world::World;

/// A model that has nothing to say; each answer has its price.
struct Priced;

impl Extractor for Priced {
    fn name(&self) -> &'static str {
        "priced"
    }

    fn extract(&self, _: &Batch<'_>) -> Result<Extraction, ExtractError> {
        let extract = Usage { calls: 1, prompt_tokens: 90, answer_tokens: 10, cost_nanos: 1_500_000 };
        let usage = UsageByStage {
            extract,
            repair: Usage { calls: 1, cost_nanos: 0, ..extract },
            ..UsageByStage::default()
        };
        Ok(Extraction { proposals: Vec::new(), usage })
    }
}

/// With a budget of three batches.
async fn world() -> World {
    let learner = Learner::new(Some(Arc::new(Priced)), LearnSettings::default(), Some(600));
    World::learning(learner, 60_000).await
}

async fn learn(world: &World, user: &str) {
    let turns = json!([{ "role": "user", "content": "I live in Graz." }]);
    world.post("/turns", &json!({ "user": user, "session": "s", "turns": turns })).await.ok();
    world.post("/learn", &json!({ "user": user, "wait": true })).await.ok();
}

fn spent(calls: u64, cost: Option<f64>) -> Value {
    let mut spent = json!({ "calls": calls, "prompt_tokens": 90 * calls, "completion_tokens": 10 * calls });
    if let Some(cost) = cost {
        spent["cost"] = json!(cost);
    }
    spent
}

#[tokio::test]
async fn what_was_spent_is_shown_by_day_and_stage_of_the_tenant_and_of_a_user() {
    let world = world().await;
    learn(&world, "ana").await;
    learn(&world, "bob").await;
    let today = usage_day(world.memory.now()).to_string();
    let day = |stage: &str, calls, cost| {
        let mut day = spent(calls, cost);
        day["day"] = json!(today);
        day["stage"] = json!(stage);
        day
    };
    let all = world.get("/usage").await.ok();
    assert_eq!(all["days"], json!([day("extract", 2, Some(0.003)), day("repair", 2, None)]));
    assert_eq!(all["total"], spent(4, Some(0.003)));
    assert_eq!(all["until"], today);
    let budget = json!({ "tokens_today": 400, "tokens_a_day_max": 600, "spent": false });
    assert_eq!(all["budget"], budget);
    let of_ana = world.get("/usage?user=ana").await.ok();
    assert_eq!(of_ana["days"], json!([day("extract", 1, Some(0.0015)), day("repair", 1, None)]));
    assert_eq!(of_ana["budget"], budget, "a budget is the tenant's");
    assert_eq!(world.get("/usage?user=nobody").await.ok()["days"], json!([]));
}

#[tokio::test]
async fn a_budget_that_is_spent_is_seen_and_so_are_the_jobs_that_patterns_did_instead() {
    let world = world().await;
    for user in ["ana", "bob", "cyd", "dan"] {
        learn(&world, user).await;
    }
    let all = world.get("/usage").await.ok();
    assert_eq!((&all["total"]["calls"], &all["budget"]["spent"]), (&json!(6), &json!(true)));
    assert_eq!(world.get("/memories?user=dan").await.ok()["memories"][0]["value"], "Graz");
    let text = world.get("./metrics").await.text;
    for line in [
        r#"throughline_over_budget_jobs_total{tenant="default"} 1"#,
        r#"throughline_learning_model_calls_total{tenant="default",stage="extract"} 3"#,
        r#"throughline_learning_model_tokens_total{tenant="default",stage="repair",kind="prompt"} 270"#,
        r#"throughline_learning_model_cost_nanos_total{tenant="default",stage="extract"} 4500000"#,
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
}

#[tokio::test]
async fn days_are_chosen_by_day_or_time() {
    let world = world().await;
    learn(&world, "ana").await;
    let today = usage_day(world.memory.now());
    let shown = async |query: &str| world.get(&format!("/usage?{query}")).await.ok();
    assert_eq!(shown(&format!("since={today}")).await["total"]["calls"], 2);
    assert_eq!(shown(&format!("since={today}T23:59:59Z&until={today}")).await["total"]["calls"], 2);
    assert_eq!(shown("until=2020-02-29").await["days"], json!([]));
    assert_eq!(shown("until=2020-03-01").await["since"], "2020-02-01");
    let refused = world.get("/usage?since=soon").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_time"));
    let refused = world.get("/usage?since=2000-01-01").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn an_erased_user_has_no_usage_and_the_tenant_still_has() {
    let world = world().await;
    learn(&world, "ana").await;
    let erased = world.delete("/users/ana").await.ok();
    assert_eq!(erased["usages"], 2);
    assert_eq!(world.get("/usage?user=ana").await.ok()["total"]["calls"], 0);
    assert_eq!(world.get("/usage").await.ok()["total"]["calls"], 2);
}
