//! What the learning model cost, by command.

use serde_json::{Value, json};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use crate::program::Program;

const LINES: &str = r#"{"user":"ada","session":"monday","role":"user","content":"I live in Graz."}
{"user":"bob","session":"monday","role":"user","content":"I live in Lyon."}
"#;

/// Learns from [`LINES`] with a model that has nothing to say, for 100 and 10 tokens, at 2 and 10 a million.
async fn learned(program: &Program) {
    let mut answer = replies::completion(r#"{"facts":[]}"#);
    answer["usage"] = json!({ "prompt_tokens": 100, "completion_tokens": 10 });
    let upstream = ScriptedUpstream::always(Script::json(200, &answer)).await;
    program.run(&["turns", "import", &program.file("chat.jsonl", LINES)]).ok();
    for user in ["ada", "bob"] {
        let mut learn = program.command(&["learn", "--user", user]);
        learn
            .env("THROUGHLINE_LEARNING_BASE_URL", upstream.url())
            .env("THROUGHLINE_LEARNING_MODEL", "small")
            .env("THROUGHLINE_LEARNING_PROMPT_PRICE", "2")
            .env("THROUGHLINE_LEARNING_ANSWER_PRICE", "10");
        let done = tokio::task::spawn_blocking(move || learn.output().unwrap()).await.unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spent_is_shown_of_the_tenant_and_of_a_user() {
    let program = Program::new();
    learned(&program).await;
    let total = |calls: u64, cost| json!({ "calls": calls, "prompt_tokens": 100 * calls, "completion_tokens": 10 * calls, "cost": cost });
    let all = program.json(&["usage"]);
    assert_eq!(all["total"], total(2, 0.0006));
    assert_eq!((all["days"][0]["stage"].as_str(), &all["days"][0]["day"]), (Some("extract"), &all["until"]));
    assert_eq!(program.json(&["usage", "--user", "ada"])["total"], total(1, 0.0003));
    assert_eq!(program.json(&["usage", "--user", "eve"])["days"], Value::Array(vec![]));
    assert_eq!(program.json(&["usage", "--until", "2020-01-01"])["days"], Value::Array(vec![]));
    let table = program.run(&["usage"]).ok();
    for part in ["completion tokens", "extract", "0.0006", "total"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let refused = program.run(&["usage", "--since", "soon"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("--since"), "{}", refused.stderr);
}
