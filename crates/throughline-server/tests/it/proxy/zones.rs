//! Where days begin and end for the user of a chat.

use serde_json::{Value, json};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use super::world::{World, header, user};

/// It is 01:00 on the third of March in Tokyo, and still the second in UTC.
async fn world() -> World {
    let upstream = ScriptedUpstream::always(Script::json(200, &replies::completion("ok"))).await;
    let world = World::at("2026-03-02T16:00:00Z", upstream).await;
    for (day, text) in [("01", "I had sushi for lunch."), ("02", "I had ramen for lunch.")] {
        let turn = json!({ "role": "user", "content": text, "time": format!("2026-03-{day}T03:00:00Z") });
        let body = json!({ "user": "ana", "session": day, "turns": [turn] });
        let written = world.client.post(format!("{}/api/v1/turns", world.url)).json(&body).send().await;
        assert!(written.unwrap().status().is_success());
    }
    world
}

/// The receipt of a chat, played again, and what the upstream was sent.
async fn ask(world: &World, zone: Option<&str>) -> (Value, String) {
    let request = world.post(&json!({ "messages": [user("What did I have for lunch yesterday?")] }));
    let request = request.header("x-memory-user", "ana").header("x-memory-mode", "readonly");
    let request = zone.into_iter().fold(request, |request, zone| request.header("x-memory-time-zone", zone));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let receipt = header(&response, "x-memory-receipt").unwrap().to_owned();
    response.bytes().await.unwrap();
    let url = format!("{}/api/v1/receipts/{receipt}?replay=1", world.url);
    let receipt = world.client.get(url).send().await.unwrap().json().await.unwrap();
    (receipt, world.sent()[0]["content"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn yesterday_asked_at_one_in_the_morning_in_tokyo_is_tokyos_yesterday() {
    let world = world().await;
    let (receipt, sent) = ask(&world, Some("Asia/Tokyo")).await;
    assert_eq!(receipt["used"][0]["text"], "I had ramen for lunch.");
    assert!(sent.contains("Monday 2026-03-02 (yesterday), the user said: I had ramen"), "{sent}");

    let (receipt, sent) = ask(&world, None).await;
    assert_eq!(receipt["used"][0]["text"], "I had sushi for lunch.");
    assert!(sent.contains("Sunday 2026-03-01 (yesterday), the user said: I had sushi"), "{sent}");
}

#[tokio::test]
async fn a_receipt_names_the_zone_and_plays_again_in_it_to_the_byte() {
    let world = world().await;
    for (header, name) in [(Some("asia/tokyo"), "Asia/Tokyo"), (Some("-10:00"), "-10:00"), (None, "UTC")] {
        let (receipt, sent) = ask(&world, header).await;
        assert_eq!((&receipt["time_zone"], &receipt["replay"]["same"]), (&json!(name), &json!(true)));
        assert!(sent.ends_with(receipt["replay"]["block"].as_str().unwrap()), "{sent}");
    }
}

#[tokio::test]
async fn turns_keep_the_zone_in_which_they_were_said() {
    let world = world().await;
    let request = world.post(&json!({ "messages": [user("I see the dentist tomorrow.")] }));
    let request = request.header("x-memory-user", "ana").header("x-memory-time-zone", "Asia/Tokyo");
    request.send().await.unwrap().bytes().await.unwrap();
    let turns = world.turns(4).await;
    let kept: Vec<Option<&str>> = turns.iter().map(|turn| turn.metadata.as_deref()).collect();
    let tokyo = Some(r#"{"time_zone":"Asia/Tokyo"}"#);
    assert_eq!(kept, [None, None, tokyo, tokyo]);
}

#[tokio::test]
async fn a_header_that_names_no_time_zone_is_refused_by_its_name() {
    let world = world().await;
    let request = world.post(&json!({ "messages": [user("hi")] })).header("x-memory-time-zone", "Tokyo");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 400);
    let error = response.json::<Value>().await.unwrap()["error"].clone();
    assert_eq!((&error["code"], &error["param"]), (&json!("invalid_request"), &json!("X-Memory-Time-Zone")));
    assert!(error["message"].as_str().unwrap().contains("`Tokyo` is no time zone"), "{error}");
    assert!(world.upstream.requests().is_empty());
}
