//! The chat in a pipe, against a scripted upstream.

use throughline_testkit::{Script, ScriptedUpstream, replies};

use crate::program::Program;

/// The program blocks while it talks to the upstream, which lives in this thread's runtime.
async fn chat(
    program: &std::sync::Arc<Program>,
    upstream: &ScriptedUpstream,
    input: &str,
) -> crate::program::Ran {
    run(program, &["--upstream", &upstream.url()], input).await
}

async fn run(program: &std::sync::Arc<Program>, arguments: &[&str], input: &str) -> crate::program::Ran {
    let arguments = ["chat", "--user", "ada", "--model", "m"].iter().chain(arguments);
    let arguments: Vec<String> = arguments.map(|argument| (*argument).to_owned()).collect();
    let (program, input) = (program.clone(), input.to_owned());
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program.run_with_input(&arguments, &input)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_in_one_chat_is_known_in_the_next() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("Noted."))).await;
    let program = std::sync::Arc::new(Program::new());
    let first = chat(&program, &upstream, "My bees live on the roof of the town hall.\n").await.ok();
    assert_eq!(first, "Noted.\n");
    let second = chat(&program, &upstream, "Where do my bees live?\n/memory\n").await.ok();
    let sent = upstream.last_request().json();
    let last = sent["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    assert!(last.starts_with("Where do my bees live?") && last.contains("roof of the town hall"), "{last}");
    assert!(second.contains("roof of the town hall") && second.contains("rcpt_"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_pipe_an_upstream_that_refuses_fails_the_chat() {
    let upstream =
        ScriptedUpstream::always(Script::json(401, &serde_json::json!({"error": {"message": "bad key"}})))
            .await;
    let program = std::sync::Arc::new(Program::new());
    let ran = chat(&program, &upstream, "Hello\n").await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("bad key"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_told_the_time_zone_if_somebody_has_set_it() {
    let server = ScriptedUpstream::always(Script::json(200, &replies::completion("Hi."))).await;
    let program = std::sync::Arc::new(Program::new());
    let (url, hello) = (server.url(), "Hello\n");
    run(&program, &["--server", &url, "--time-zone", "asia/tokyo"], hello).await.ok();
    assert_eq!(server.last_request().json()["metadata"]["time_zone"], "Asia/Tokyo");
    run(&program, &["--server", &url], hello).await.ok();
    assert_eq!(server.last_request().json()["metadata"].get("time_zone"), None);
}
