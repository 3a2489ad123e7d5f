//! Questions of our own to endpoints that answer, answer otherwise, answer late, or break.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use throughline::ports::{Llm, LlmAnswer, LlmError, LlmRequest};
use throughline_llm::{HttpLlm, HttpLlmConfig, Secret};
use throughline_testkit::{Script, ScriptedUpstream, replies};

const KEY: &str = "sk-hunter2";

fn llm(upstream: &ScriptedUpstream) -> Arc<HttpLlm> {
    let config = HttpLlmConfig {
        base_url: upstream.url().parse().unwrap(),
        key: Some(Secret::new(KEY)),
        model: "small".to_owned(),
    };
    Arc::new(HttpLlm::new(config).unwrap())
}

async fn ask_within(llm: &Arc<HttpLlm>, deadline: Duration) -> Result<LlmAnswer, LlmError> {
    let llm = Arc::clone(llm);
    let ask = move || {
        let schema = json!({"type": "object"});
        llm.ask(&LlmRequest { system: "S", user: "U", schema: &schema, answer_tokens_max: 50, deadline })
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

async fn ask(llm: &Arc<HttpLlm>) -> Result<LlmAnswer, LlmError> {
    ask_within(llm, Duration::from_mins(1)).await
}

fn good() -> Script {
    Script::json(200, &replies::completion("{}"))
}

fn refusal(status: u16, message: &str) -> Script {
    Script::json(status, &replies::error(message, "no"))
}

/// The forms in which the upstream was asked so far.
fn forms(upstream: &ScriptedUpstream) -> Vec<String> {
    let form = |request: Value| {
        let format = &request["response_format"];
        let kind =
            format["type"].as_str().unwrap_or(if request["tools"].is_array() { "tool" } else { "words" });
        format!("{kind}{}", if format["schema"].is_object() { "+schema" } else { "" })
    };
    upstream.requests().iter().map(|request| form(request.json())).collect()
}

fn reason(result: Result<LlmAnswer, LlmError>) -> String {
    match result {
        Err(LlmError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_comes_with_what_it_cost() {
    let upstream = ScriptedUpstream::always(good()).await;
    let llm = llm(&upstream);
    let expected = LlmAnswer { text: "{}".to_owned(), prompt_tokens: 7, answer_tokens: 3, truncated: false };
    assert_eq!(ask(&llm).await, Ok(expected));
    assert_eq!(llm.name(), "small");
    let request = upstream.last_request();
    assert_eq!(request.path, "/v1/chat/completions");
    assert_eq!(request.header("authorization"), Some("Bearer sk-hunter2"));
    let body = request.json();
    assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0), &json!(50)));
}

#[tokio::test]
async fn an_endpoint_that_refuses_schemas_is_asked_otherwise_and_that_is_remembered() {
    let no = refusal(400, "response_format is not supported");
    let upstream = ScriptedUpstream::in_turn(vec![no.clone(), no.clone(), no, good()]).await;
    let llm = llm(&upstream);
    ask(&llm).await.unwrap();
    ask(&llm).await.unwrap();
    assert_eq!(forms(&upstream), ["json_schema", "json_object+schema", "json_object", "tool", "tool"]);
}

#[tokio::test]
async fn the_arguments_of_a_call_are_an_answer() {
    let mut completion = replies::completion("");
    let function = json!({"name": "answer", "arguments": "{\"facts\":[]}"});
    completion["choices"][0]["message"]["tool_calls"] =
        json!([{"id": "1", "type": "function", "function": function}]);
    let upstream = ScriptedUpstream::always(Script::json(200, &completion)).await;
    assert_eq!(ask(&llm(&upstream)).await.unwrap().text, "{\"facts\":[]}");
}

#[tokio::test]
async fn an_endpoint_that_refuses_everything_is_asked_in_each_form_once() {
    let upstream = ScriptedUpstream::always(refusal(400, "this prompt is too long")).await;
    let reason = reason(ask(&llm(&upstream)).await);
    assert!(reason.contains("status 400") && reason.contains("too long"), "{reason}");
    assert_eq!(forms(&upstream), ["json_schema", "json_object+schema", "json_object", "tool", "words"]);
}

#[tokio::test]
async fn a_refusal_of_a_form_that_worked_before_is_about_the_question() {
    let upstream = ScriptedUpstream::in_turn(vec![good(), refusal(400, "too long"), good()]).await;
    let llm = llm(&upstream);
    ask(&llm).await.unwrap();
    reason(ask(&llm).await);
    ask(&llm).await.unwrap();
    assert_eq!(forms(&upstream), ["json_schema"; 3]);
}

#[tokio::test]
async fn a_server_error_that_passes_is_waited_out() {
    let upstream = ScriptedUpstream::in_turn(vec![refusal(500, "oops"), good()]).await;
    ask(&llm(&upstream)).await.unwrap();
    assert_eq!(forms(&upstream), ["json_schema"; 2]);
}

#[tokio::test]
async fn a_server_error_that_stays_may_mean_the_form() {
    let upstream = ScriptedUpstream::start(|request| {
        if request.json()["response_format"]["type"] == "json_schema" { refusal(500, "oops") } else { good() }
    })
    .await;
    ask(&llm(&upstream)).await.unwrap();
    assert_eq!(forms(&upstream), ["json_schema", "json_schema", "json_object+schema"]);
}

#[tokio::test]
async fn broken_replies_and_garbage_are_asked_for_again() {
    let whole = replies::completion("{}").to_string();
    let length = whole.len().to_string();
    let head = [("content-type", "application/json"), ("content-length", length.as_str())];
    let cut = Script::new().head(200, &head).send(whole[..40].to_owned()).close();
    let garbage = Script::body(200, "text/html", "<html>busy</html>");
    let upstream =
        ScriptedUpstream::in_turn(vec![cut, garbage, Script::new().send("no HTTP\r\n\r\n").close(), good()])
            .await;
    ask(&llm(&upstream)).await.unwrap();
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn a_server_that_stays_broken_is_asked_four_times() {
    let upstream = ScriptedUpstream::always(refusal(503, "overloaded")).await;
    assert!(reason(ask(&llm(&upstream)).await).contains("overloaded"));
    assert_eq!(upstream.requests().len(), 4);
}

#[tokio::test]
async fn too_many_requests_are_waited_out_as_long_as_the_server_asks() {
    let busy = Script::new().head(429, &[("retry-after", "0"), ("content-length", "0")]);
    let upstream = ScriptedUpstream::in_turn(vec![busy.clone(), busy, good()]).await;
    ask(&llm(&upstream)).await.unwrap();
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_beyond_the_deadline_is_left_alone_at_once() {
    let busy = Script::new().head(429, &[("retry-after", "3600"), ("content-length", "0")]);
    let upstream = ScriptedUpstream::always(busy).await;
    assert!(reason(ask(&llm(&upstream)).await).contains("429"));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_is_left_at_the_deadline() {
    let upstream = ScriptedUpstream::always(Script::new().head(200, &[("content-length", "9")]).hang()).await;
    let deadline = Duration::from_millis(200);
    assert_eq!(ask_within(&llm(&upstream), deadline).await, Err(LlmError::DeadlineExceeded(deadline)));
    upstream.clients_gone(1).await;
}

#[tokio::test]
async fn an_answer_that_was_cut_off_at_its_limit_says_so() {
    let mut completion = replies::completion("{\"fac");
    completion["choices"][0]["finish_reason"] = json!("length");
    let upstream = ScriptedUpstream::always(Script::json(200, &completion)).await;
    assert!(ask(&llm(&upstream)).await.unwrap().truncated);
}

#[tokio::test]
async fn a_second_answer_on_the_same_connection_is_never_taken_for_the_next_one() {
    let first = replies::completion("first").to_string();
    let twice = Script::json(200, &replies::completion("one")).send(format!(
        "HTTP/1.1 200 Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        first.len()
    ));
    let upstream =
        ScriptedUpstream::in_turn(vec![twice, Script::json(200, &replies::completion("two"))]).await;
    let llm = llm(&upstream);
    assert_eq!(ask(&llm).await.unwrap().text, "one");
    assert_eq!(ask(&llm).await.unwrap().text, "two");
}

#[tokio::test]
async fn an_endpoint_that_fails_five_times_in_a_row_is_left_alone() {
    let upstream = ScriptedUpstream::always(refusal(401, "bad key")).await;
    let llm = llm(&upstream);
    for _ in 0..5 {
        reason(ask(&llm).await);
    }
    assert!(matches!(ask(&llm).await, Err(LlmError::CircuitOpen(_))));
    assert_eq!(upstream.requests().len(), 5);
}

#[tokio::test]
async fn no_error_and_no_debug_output_holds_the_key() {
    let upstream = ScriptedUpstream::always(refusal(401, "Incorrect API key provided: sk-hunter2.")).await;
    let llm = llm(&upstream);
    let reason = reason(ask(&llm).await);
    assert!(reason.contains("Incorrect API key provided: [key]"), "{reason}");
    assert!(!format!("{llm:?}").contains("hunter2"), "{llm:?}");
}

#[test]
fn it_may_be_asked_and_dropped_inside_a_runtime_and_outside() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upstream = runtime.block_on(ScriptedUpstream::always(good()));
    let schema = json!({});
    let request = LlmRequest {
        system: "S",
        user: "U",
        schema: &schema,
        answer_tokens_max: 5,
        deadline: Duration::from_mins(1),
    };
    llm(&upstream).ask(&request).unwrap();
    let inside = llm(&upstream);
    runtime.block_on(async move { inside.ask(&request).map(drop).unwrap() });
}
