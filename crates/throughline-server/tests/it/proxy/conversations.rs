//! What is remembered of a chat, and what a later one is sent with.

use serde_json::{Value, json};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use super::world::{World, assistant, header, user};

async fn answering(text: &str) -> World {
    World::new(ScriptedUpstream::always(Script::json(200, &replies::completion(text))).await).await
}

#[tokio::test]
async fn what_is_said_today_is_known_tomorrow_after_a_restart() {
    let world = answering("noted").await;
    let first = world.chat(json!([user("My sister Mara lives in Lisbon.")])).await;
    assert_eq!(header(&first, "x-memory-hits"), Some("0"));
    drop(first.bytes().await.unwrap());
    world.turns(2).await;
    let world = world.restarted().await;

    let second = world.chat(json!([user("Where does Mara live?")])).await;
    assert_eq!(second.status(), 200);
    assert_eq!(header(&second, "x-memory-hits"), Some("1"));
    assert!(header(&second, "x-memory-receipt").unwrap().starts_with("rcpt_"));
    assert!(header(&second, "x-memory-tokens").unwrap().parse::<u32>().unwrap() > 10);
    let content = world.sent()[0]["content"].as_str().unwrap().to_owned();
    assert!(content.starts_with("Where does Mara live?"), "{content}");
    assert!(content.contains("My sister Mara lives in Lisbon."), "{content}");
}

#[tokio::test]
async fn a_client_that_resends_its_history_stays_in_one_session_and_is_recorded_once() {
    let world = answering("I am fine").await;
    world.chat(json!([user("hello, how are you?")])).await.bytes().await.unwrap();
    let history = json!([user("hello, how are you?"), assistant("I am fine"), user("what did I say first?")]);
    world.chat(history).await.bytes().await.unwrap();
    let turns = world.turns(4).await;
    assert_eq!(turns.len(), 4);
    assert!(turns.iter().all(|turn| turn.session == turns[0].session));
}

#[tokio::test]
async fn the_callers_system_message_and_everything_before_the_last_user_message_stay_as_they_are() {
    let world = answering("ok").await;
    world.chat(json!([user("The launch of Atlas is on Friday.")])).await.bytes().await.unwrap();
    let before = [json!({"role": "system", "content": "Be brief.", "x": 1}), user("hi"), assistant("hello")];
    let mut messages = before.to_vec();
    messages.push(user("When is the launch of Atlas?"));
    world.chat(Value::from(messages)).await.bytes().await.unwrap();
    let sent = world.sent();
    assert_eq!(sent[..3], before);
    assert!(sent[3]["content"].as_str().unwrap().contains("on Friday"));
}

#[tokio::test]
async fn nothing_comes_between_tool_calls_and_their_results() {
    let world = answering("ok").await;
    world.chat(json!([user("My home airport is Porto.")])).await.bytes().await.unwrap();
    let call =
        |id: &str| json!({"id": id, "type": "function", "function": {"name": "flights", "arguments": "{}"}});
    let tail = [
        json!({"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]}),
        json!({"role": "tool", "tool_call_id": "a", "content": "none"}),
        json!({"role": "tool", "tool_call_id": "b", "content": "two"}),
    ];
    let mut messages = vec![user("flights from my home airport?")];
    messages.extend(tail.clone());
    world.chat(Value::from(messages)).await.bytes().await.unwrap();
    let sent = world.sent();
    assert!(sent[0]["content"].as_str().unwrap().contains("Porto"));
    assert_eq!(sent[1..], tail);
}

#[tokio::test]
async fn a_streamed_answer_with_tool_calls_is_the_same_turn_when_the_client_sends_it_back() {
    let calls = [("call_1", "weather", ["{\"city\":", "\"Porto\"}"].as_slice())];
    let stream = Script::events(replies::tool_call_events(&calls));
    let answer = Script::json(200, &replies::completion("sunny"));
    let world = World::new(ScriptedUpstream::in_turn(vec![stream, answer]).await).await;
    world.chat(json!([user("weather in Porto?")])).await.bytes().await.unwrap();
    world.turns(2).await;
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Porto\"}"}});
    let messages = json!([
        user("weather in Porto?"),
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "24 degrees"},
    ]);
    world.chat(messages).await.bytes().await.unwrap();
    let turns = world.turns(4).await;
    assert_eq!(turns.len(), 4, "question, call, result, answer");
    assert!(turns.iter().all(|turn| turn.session == turns[0].session));
}

#[tokio::test]
async fn text_parts_are_remembered_and_the_block_is_a_part_of_its_own() {
    let world = answering("ok").await;
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    let parts = json!([{"type": "text", "text": "This is my dog Rex."}, image]);
    world.chat(json!([{"role": "user", "content": parts}])).await.bytes().await.unwrap();
    let asked = json!([{"type": "text", "text": "What is my dog called?"}, image]);
    world.chat(json!([{"role": "user", "content": asked}])).await.bytes().await.unwrap();
    let sent = world.sent()[0]["content"].as_array().unwrap().clone();
    assert_eq!(sent[..2], asked.as_array().unwrap()[..]);
    assert_eq!(sent[2]["type"], "text");
    assert!(sent[2]["text"].as_str().unwrap().contains("This is my dog Rex."));
}

#[tokio::test]
async fn our_own_block_in_a_clients_history_is_taken_out_and_not_remembered() {
    let world = answering("ok").await;
    world.chat(json!([user("The code word is heron.")])).await.bytes().await.unwrap();
    world.chat(json!([user("What is the code word?")])).await.bytes().await.unwrap();
    let with_block = world.sent()[0]["content"].as_str().unwrap().to_owned();
    assert!(with_block.contains("heron"));
    world.turns(4).await;

    let history = json!([user(&with_block), assistant("ok"), user("and now?")]);
    world.chat(history).await.bytes().await.unwrap();
    assert_eq!(world.sent()[0], user("What is the code word?"));
    let turns = world.turns(6).await;
    assert_eq!(turns.len(), 6);
    assert!(turns[4..].iter().all(|turn| !turn.content.text.contains("heron")));
}

#[tokio::test]
async fn identity_and_profile_come_first_and_keep_their_bytes() {
    let world = answering("ok").await;
    let put =
        |path: &str, body: Value| world.client.put(format!("{}/api/v1/{path}", world.url)).json(&body).send();
    assert!(put("identity", json!({"text": "You are Tessa."})).await.unwrap().status().is_success());
    let profile = json!({"user": "ana", "profile": {"goals": ["run a marathon"]}});
    assert!(put("profile", profile).await.unwrap().status().is_success());

    let mut history = vec![json!({"role": "system", "content": "Be brief."})];
    let mut prefixes = Vec::new();
    for n in 0..5 {
        history.push(user(&format!("question {n} about the marathon")));
        world.chat(Value::from(history.clone())).await.bytes().await.unwrap();
        let sent = world.sent();
        assert_eq!(sent[1], history[0]);
        prefixes.push(sent[0].clone());
        history.push(assistant("ok"));
    }
    assert_eq!(prefixes[0]["role"], "system");
    let text = prefixes[0]["content"].as_str().unwrap();
    assert!(text.starts_with("You are Tessa.") && text.contains("run a marathon"));
    assert!(prefixes.iter().all(|prefix| *prefix == prefixes[0]));
}

#[tokio::test]
async fn a_readonly_chat_recalls_and_records_nothing() {
    let world = answering("ok").await;
    world.chat(json!([user("My home airport is Porto.")])).await.bytes().await.unwrap();
    world.turns(2).await;
    let request = world.post(&json!({"messages": [user("what is my home airport?")]}));
    let response =
        request.header("x-memory-user", "ana").header("x-memory-mode", "readonly").send().await.unwrap();
    let receipt = header(&response, "x-memory-receipt").unwrap().to_owned();
    response.bytes().await.unwrap();
    assert!(world.sent()[0]["content"].as_str().unwrap().contains("Porto"));
    let mut world = world;
    world.stop().await;
    assert_eq!(world.turns(2).await.len(), 2);
    let replay =
        world.memory.replay(&throughline::model::TenantId::single(), receipt.parse().unwrap()).unwrap();
    assert!(replay.unwrap().same);
}

#[tokio::test]
async fn a_stop_waits_until_the_last_exchange_is_recorded() {
    let mut world = answering("ok").await;
    world.chat(json!([user("My home airport is Porto.")])).await.bytes().await.unwrap();
    world.stop().await;
    assert_eq!(world.turns(2).await.len(), 2);
}

#[tokio::test]
async fn whoever_has_the_answer_finds_the_receipt_and_the_turns() {
    let world = answering("ok").await;
    for n in 0..20 {
        let response = world.chat(json!([user(&format!("fact number {n} about herons"))])).await;
        let receipt = header(&response, "x-memory-receipt").unwrap().to_owned();
        response.bytes().await.unwrap();
        let get = |path: String| world.client.get(format!("{}/api/v1/{path}", world.url)).send();
        assert_eq!(get(format!("receipts/{receipt}")).await.unwrap().status(), 200);
        let turns: Value = get("turns?user=ana&limit=100".into()).await.unwrap().json().await.unwrap();
        assert_eq!(turns["turns"].as_array().unwrap().len(), 2 * (n + 1));
    }
}

#[tokio::test]
async fn a_user_erased_right_after_the_answer_stays_erased() {
    let world = answering("ok").await;
    world.chat(json!([user("My home airport is Porto.")])).await.bytes().await.unwrap();
    let erased = world.client.delete(format!("{}/api/v1/users/ana", world.url)).send().await.unwrap();
    assert_eq!(erased.json::<Value>().await.unwrap()["turns"], 2);
    let mut world = world;
    world.stop().await;
    assert_eq!(world.turns(0).await.len(), 0);
}
