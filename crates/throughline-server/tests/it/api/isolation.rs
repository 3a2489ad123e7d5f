//! Two tenants with one user id: neither sees or changes anything of the other, through any route there is.

use http::Method;
use serde_json::{Value, json};
use throughline_llm::{BaseUrl, Upstream, UpstreamConfig};
use throughline_server::{App, AuthMode, ServerConfig};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use super::world::{Answer, World};

/// What the first tenant keeps. No other tenant may ever be shown it.
const SECRET: &str = "quetzalcoatlus";
/// What the second tenant writes while it walks all routes.
const NOISE: &str = "bandersnatch";

/// What tenant `a` has that another could name.
struct Kept {
    receipt: String,
    memory: String,
    job: String,
}

/// For each route one request as tenant `b` would make it, for the same user, asking for what tenant `a` keeps.
/// A route that is not here fails the test: add it.
fn requests_of(method: &str, path: &str, Kept { receipt, memory, job }: &Kept) -> Vec<(String, Value)> {
    let who = |body: Value| {
        let mut body = body;
        body["user"] = json!("ana");
        body
    };
    let at = |path: &str, body: Value| vec![(path.to_owned(), body)];
    match (method, path) {
        ("get", "/healthz" | "/readyz" | "/metrics") => at(&format!(".{path}"), Value::Null),
        ("get", "/api/v1/turns") => vec![
            ("/turns?user=ana".into(), Value::Null),
            ("/turns?user=ana&session=s".into(), Value::Null),
            ("/turns?user=ana&agent=tutor".into(), Value::Null),
        ],
        ("post", "/api/v1/turns") => at(
            "/turns",
            who(
                json!({ "session": "s", "idempotency_key": "k", "turns": [{ "role": "user", "content": NOISE }] }),
            ),
        ),
        ("get", "/api/v1/sessions") => at("/sessions?user=ana", Value::Null),
        ("get", "/api/v1/summaries") => ["session", "month", "year", "user"]
            .map(|level| (format!("/summaries?user=ana&level={level}"), Value::Null))
            .to_vec(),
        ("post", "/api/v1/recall") => at("/recall", who(json!({ "query": "my animal", "explain": true }))),
        ("post", "/api/v1/context") => vec![
            ("/context".into(), who(json!({ "query": "my animal" }))),
            (
                "/context".into(),
                who(json!({ "session": "s", "messages": [{ "role": "user", "content": "my animal" }] })),
            ),
        ],
        ("get", "/api/v1/receipts/{id}") => vec![
            (format!("/receipts/{receipt}"), Value::Null),
            (format!("/receipts/{receipt}?replay=1"), Value::Null),
        ],
        ("get", "/api/v1/profile") => at("/profile?user=ana", Value::Null),
        ("put", "/api/v1/profile") => at("/profile", who(json!({ "profile": { "goals": [NOISE] } }))),
        ("patch", "/api/v1/profile") => at("/profile", who(json!({ "profile": { "summary": NOISE } }))),
        ("get", "/api/v1/profile/schema") => at("/profile/schema", Value::Null),
        ("put", "/api/v1/profile/schema") => at(
            "/profile/schema",
            json!({ "schema": { "type": "object", "properties": { NOISE: { "type": "string" } } } }),
        ),
        ("get", "/api/v1/identity") => {
            vec![("/identity".into(), Value::Null), ("/identity?agent=tutor&version=1".into(), Value::Null)]
        }
        ("put", "/api/v1/identity") => at("/identity", json!({ "text": NOISE })),
        ("get", "/api/v1/memories") => vec![
            ("/memories?user=ana".into(), Value::Null),
            ("/memories?user=ana&agent=tutor".into(), Value::Null),
            ("/memories?user=ana&as_of=2999-01-01T00:00:00Z".into(), Value::Null),
        ],
        ("post", "/api/v1/memories") => at("/memories", who(json!({ "text": NOISE }))),
        ("patch", "/api/v1/memories/{id}") => {
            at(&format!("/memories/{memory}"), json!({ "text": NOISE, "importance": 0.1 }))
        }
        ("get", "/api/v1/memories/{id}/why") => at(&format!("/memories/{memory}/why"), Value::Null),
        ("post", path) if path.starts_with("/api/v1/memories/{id}/") => {
            let order = path.rsplit('/').next().unwrap();
            at(&format!("/memories/{memory}/{order}"), json!({}))
        }
        ("get", "/api/v1/changes") => at("/changes?user=ana", Value::Null),
        ("post", "/api/v1/users/{id}/rewind") => at("/users/ana/rewind", json!({ "to": 0 })),
        ("post", "/api/v1/users/{id}/lift") => at("/users/ana/lift", json!({ "text": NOISE })),
        ("post", "/api/v1/learn") => at("/learn", who(json!({ "wait": true }))),
        ("get", "/api/v1/jobs") => at("/jobs", Value::Null),
        ("post", "/api/v1/jobs/{id}/replay") => at(&format!("/jobs/{job}/replay"), json!({})),
        ("get", "/api/v1/usage") => {
            vec![("/usage".into(), Value::Null), ("/usage?user=ana&since=2000-01-01".into(), Value::Null)]
        }
        ("delete", "/api/v1/users/{id}") => at("/users/ana", Value::Null),
        _ => panic!("{method} {path} has no request here: this walk must cover every route"),
    }
}

/// Everything tenant `a` can read of itself.
async fn readings(world: &World, Kept { receipt, memory, .. }: &Kept) -> Vec<Value> {
    let mut readings = Vec::new();
    for path in [
        "/turns?user=ana",
        "/turns?user=ana&agent=tutor",
        "/sessions?user=ana",
        "/summaries?user=ana",
        "/profile?user=ana",
        "/profile/schema",
        "/identity",
        "/identity?agent=tutor",
        &format!("/receipts/{receipt}?replay=1"),
        "/memories?user=ana",
        &format!("/memories/{memory}/why"),
        "/changes?user=ana",
        "/jobs",
    ] {
        readings.push(world.get(path).await.ok());
    }
    readings.push(world.post("/recall", &json!({ "user": "ana", "query": "my animal" })).await.ok());
    readings
}

async fn fill(world: &World) -> Kept {
    let turns = json!([{ "role": "user", "content": format!("my animal is a {SECRET}"), "metadata": { "m": SECRET } }]);
    let body = json!({ "user": "ana", "session": "s", "idempotency_key": "k", "turns": turns });
    world.post("/turns", &body).await.ok();
    let mut of_agent = body.clone();
    of_agent["agent"] = json!("tutor");
    world.post("/turns", &of_agent).await.ok();
    let slots = json!({ SECRET: { "type": "string" } });
    world.put("/profile/schema", &json!({ "schema": { "type": "object", "properties": slots } })).await.ok();
    world
        .put("/profile", &json!({ "user": "ana", "profile": { "goals": [SECRET], SECRET: SECRET } }))
        .await
        .ok();
    world.put("/identity", &json!({ "text": format!("You know the {SECRET}.") })).await.ok();
    world
        .put("/identity", &json!({ "text": format!("You teach the {SECRET}."), "agent": "tutor" }))
        .await
        .ok();
    let context = world.post("/context", &json!({ "user": "ana", "query": "my animal" })).await.ok();
    assert!(context["messages"].to_string().contains(SECRET));
    let note = json!({ "user": "ana", "text": format!("has a {SECRET}"), "kind": "fact" });
    let memory = world.post("/memories", &note).await.ok();
    let jobs = world.get("/jobs").await.ok();
    let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
    Kept { receipt: id(&context["receipt"]), memory: id(&memory), job: id(&jobs["jobs"][0]) }
}

fn check_silent(answer: &Answer, asked: &str) {
    assert!(!answer.text.contains(SECRET), "{asked} shows another tenant's memory: {answer:?}");
    assert!(!answer.headers.values().any(|value| value.as_bytes().windows(8).any(|at| at == b"quetzalc")));
    assert!(answer.status < 500 || asked.contains("/v1/chat"), "{asked}: {answer:?}");
}

#[tokio::test]
async fn two_tenants_with_the_same_user_id_never_meet_through_any_route() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion(NOISE))).await;
    let base: BaseUrl = upstream.url().parse().unwrap();
    let mut world = World::with(ServerConfig {
        auth: AuthMode::Keys,
        upstream: Some(Upstream::new(UpstreamConfig::new(base)).unwrap()),
        memory_deadline_ms: 20_000,
        // What waits to be learned from is one of the things that must stay as they are.
        learning: false,
        ..ServerConfig::default()
    })
    .await;
    let ((_, a), (_, b)) = (world.key("a"), world.key("b"));
    world.use_key(&a);
    let kept = fill(&world).await;
    let before = readings(&world, &kept).await;

    world.use_key(&b);
    // Reads before writes and the erasure last, so that each meets the other tenant's data and not only its own.
    let document: Value = serde_json::from_str(&App::openapi()).unwrap();
    let mut routes: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            routes.push((method.clone(), path.clone()));
        }
    }
    assert!(routes.len() >= 31, "{routes:?}");
    let order = ["get", "post", "put", "patch", "get", "delete", "get"];
    for pass in order {
        for (method, path) in routes.iter().filter(|(method, _)| method == pass) {
            for (at, body) in requests_of(method, path, &kept) {
                let verb: Method = method.to_uppercase().parse().unwrap();
                let answer = world.send(&verb, &at, &body).await;
                check_silent(&answer, &format!("{method} {at}"));
            }
        }
        if pass == "put" {
            // The proxy's routes are the provider's, so they do not stand in the document.
            let chat = json!({ "model": "m", "user": "ana", "messages": [{ "role": "user", "content": "my animal" }] });
            check_silent(&world.post("./v1/chat/completions", &chat).await, "post /v1/chat/completions");
            let sent = upstream.last_request().json().to_string();
            assert!(sent.contains(NOISE) && !sent.contains(SECRET), "{sent}");
        }
    }
    assert!(routes.iter().all(|(method, _)| order.contains(&method.as_str())), "{routes:?}");

    world.use_key(&a);
    assert_eq!(readings(&world, &kept).await, before);
}
