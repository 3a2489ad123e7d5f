//! What is learned from chats that went through the proxy.

use serde_json::{Value, json};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use super::world::{World, user};

async fn api(world: &World, path: &str, body: Option<Value>) -> Value {
    let url = format!("{}/api/v1{path}", world.url);
    let request = match body {
        Some(body) => world.client.post(url).body(body.to_string()),
        None => world.client.get(url),
    };
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn what_was_said_in_a_chat_is_learned_right_after_its_answer_and_changes_what_the_next_is_sent() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("noted"))).await;
    let world = World::with(upstream, |config| config.learning = false).await;
    let learn = async || api(&world, "/learn", Some(json!({ "user": "ana", "wait": true }))).await;
    world.chat(json!([user("I live in Graz.")])).await.bytes().await.unwrap();
    // Whatever the recorder still had to write is waited for.
    let learned = learn().await;
    assert_eq!((&learned["done"], &learned["claims"]), (&json!(true), &json!(1)), "{learned}");
    world.chat(json!([user("I moved to Lisbon.")])).await.bytes().await.unwrap();
    assert_eq!(learn().await["claims"], json!(1));

    let held = api(&world, "/memories?user=ana&state=active", None).await;
    assert_eq!(held["memories"][0]["value"], "Lisbon", "{held}");
    world.chat(json!([user("Which city do I live in, Graz or Lisbon?")])).await.bytes().await.unwrap();
    let sent =
        world.sent().iter().map(|said| said["content"].as_str().unwrap().to_owned()).collect::<String>();
    assert!(sent.contains("Home: Lisbon"), "{sent}");
    let before = sent.lines().find(|line| line.contains("I live in Graz")).unwrap();
    assert!(before.contains("no longer so since"), "{sent}");
}

#[tokio::test]
async fn what_memory_put_into_a_request_is_not_learned_when_the_client_sends_it_back() {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("noted"))).await;
    let world = World::with(upstream, |config| config.learning = false).await;
    world.chat(json!([user("I live in Graz.")])).await.bytes().await.unwrap();
    api(&world, "/learn", Some(json!({ "user": "ana", "wait": true }))).await;
    world.chat(json!([user("Which city do I live in?")])).await.bytes().await.unwrap();
    let sent = world.sent().last().unwrap()["content"].as_str().unwrap().to_owned();
    assert!(sent.contains("I live in Graz"), "{sent}");
    // A client that keeps what the model was sent, and not what its user wrote.
    world.chat(json!([user(&sent), user("Thanks!")])).await.bytes().await.unwrap();
    let learned = api(&world, "/learn", Some(json!({ "user": "ana", "wait": true }))).await;
    assert_eq!(learned["claims"], json!(0), "{learned}");
    let memories = api(&world, "/memories?user=ana", None).await;
    assert_eq!(memories["memories"][0]["evidence"].as_array().unwrap().len(), 1, "{memories}");
}
