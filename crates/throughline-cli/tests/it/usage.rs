//! Learning with a model by command: what it cost, and what another process is at.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use throughline_testkit::{Script, ScriptedUpstream, Signal, replies};

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

/// The other process is at a model that answers when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_is_learning_is_waited_for_and_said() {
    let program = Program::new();
    program.run(&["turns", "import", &program.file("chat.jsonl", LINES)]).ok();
    let go_on = Signal::new();
    let answer = replies::completion(r#"{"facts":[]}"#).to_string();
    let length = answer.len().to_string();
    let head = [("content-type", "application/json"), ("content-length", length.as_str())];
    let upstream =
        ScriptedUpstream::always(Script::new().wait_for(&go_on).head(200, &head).send(answer.clone())).await;
    let mut asking = program.command(&["learn", "--user", "ada"]);
    asking.env("THROUGHLINE_LEARNING_BASE_URL", upstream.url()).env("THROUGHLINE_LEARNING_MODEL", "small");
    let mut asking = asking.stdout(Stdio::null()).spawn().unwrap();
    while upstream.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut waiting = program.command(&["learn", "--user", "ada"]);
    let mut waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(waiting.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("another process"), "{line}");
    go_on.fire();
    let said = String::from_utf8(waiting.wait_with_output().unwrap().stdout).unwrap();
    assert!(
        said.starts_with("0 jobs") && said.contains("One more job was done by another process."),
        "{said}"
    );
    assert!(asking.wait().unwrap().success());
}
