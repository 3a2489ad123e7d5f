//! Answers of every shape, and what is kept of them.

use serde_json::json;
use throughline::model::Role;
use throughline_testkit::{Script, ScriptedUpstream, Signal, replies};

use super::world::{World, user};

#[tokio::test]
async fn of_several_choices_the_first_is_remembered() {
    let choice = |index: u8, text: &str| json!({"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": text}});
    let answer =
        json!({"id": "1", "object": "chat.completion", "choices": [choice(0, "first"), choice(1, "second")]});
    let world = World::new(ScriptedUpstream::always(Script::json(200, &answer)).await).await;
    let response = world.chat(json!([user("two answers please")])).await;
    assert_eq!(response.json::<serde_json::Value>().await.unwrap(), answer);
    assert_eq!(world.turns(2).await[1].content.text, "first");
}

#[tokio::test]
async fn a_streamed_answer_is_remembered_whole() {
    let script = Script::events(replies::text_events(&["The capital ", "of Portugal ", "is Lisbon."]));
    let world = World::new(ScriptedUpstream::always(script).await).await;
    world.chat(json!([user("capital of Portugal?")])).await.bytes().await.unwrap();
    let turns = world.turns(2).await;
    assert_eq!(
        (turns[1].role, turns[1].content.text.as_str()),
        (Role::Assistant, "The capital of Portugal is Lisbon.")
    );
    assert_eq!(turns[1].metadata, None);
}

#[tokio::test]
async fn what_a_client_heard_before_it_left_is_kept_and_marked() {
    let never = Signal::new();
    let events = replies::text_events(&["It is a long ", "story"]);
    let script = events[..2].iter().fold(Script::event_stream(), Script::chunk).wait_for(&never);
    let world = World::new(ScriptedUpstream::always(script).await).await;
    let mut response = world.chat(json!([user("tell me everything")])).await;
    response.chunk().await.unwrap();
    drop(response);
    world.upstream.clients_gone(1).await;
    let turns = world.turns(2).await;
    assert_eq!(turns[0].content.text, "tell me everything");
    assert!(turns[1].content.text.starts_with("It is a long"));
    assert_eq!(turns[1].metadata.as_deref(), Some(r#"{"outcome":"truncated"}"#));
}

#[tokio::test]
async fn half_a_stream_ends_with_an_error_event_and_is_kept_as_far_as_it_got() {
    let events = replies::text_events(&["half of", " it"]);
    let script = events[..2].iter().fold(Script::event_stream(), Script::chunk).close();
    let world = World::new(ScriptedUpstream::always(script).await).await;
    let text = world.chat(json!([user("all of it please")])).await.text().await.unwrap();
    assert!(text.starts_with(&events[..2].concat()), "{text}");
    assert!(text.contains(r#""code":"upstream_unreachable""#), "{text}");
    assert!(!text.contains("[DONE]"));
    assert_eq!(world.turns(2).await[1].metadata.as_deref(), Some(r#"{"outcome":"truncated"}"#));
}
