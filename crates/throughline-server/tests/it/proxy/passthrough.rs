//! What the proxy must leave alone.

use serde_json::{Value, json};
use throughline_testkit::{Script, ScriptedUpstream, replies};

use super::world::{World, header, user};

const ODD: &str = r#"{"z":1,"seed":123456789012345678901234567890,  "model":"m","x_custom":{"b":[1.50,"\u00e9"],"a":null},"messages":[{"role":"user","content":"hi"}],"temperature":0.30000000000000004,"n":2}"#;

#[tokio::test]
async fn without_a_user_the_request_passes_to_the_byte_and_the_answer_says_so() {
    let world =
        World::new(ScriptedUpstream::always(Script::json(200, &replies::completion("hi"))).await).await;
    let url = format!("{}/v1/chat/completions", world.url);
    let response = world.client.post(url).body(ODD).send().await.unwrap();
    assert_eq!(header(&response, "x-memory-degraded"), Some("no_user"));
    assert_eq!(header(&response, "x-memory-receipt"), None);
    assert_eq!(world.upstream.last_request().body, ODD);
}

#[tokio::test]
async fn with_memory_every_other_field_keeps_its_bytes_and_its_place() {
    let world =
        World::new(ScriptedUpstream::always(Script::json(200, &replies::completion("hi"))).await).await;
    world.chat(json!([user("hi there, I am Ana and I live in Porto")])).await.bytes().await.unwrap();
    let asked = ODD.replace("\"hi\"", "\"where do I live? in Porto?\"");
    let url = format!("{}/v1/chat/completions?userId=ana&api-version=1", world.url);
    world.client.post(url).body(asked).send().await.unwrap();
    let sent = world.upstream.last_request();
    assert_eq!(sent.path, "/v1/chat/completions?api-version=1");
    let sent = String::from_utf8(sent.body.to_vec()).unwrap();
    let (before, after) =
        (&ODD[..ODD.find("\"messages\"").unwrap()], &ODD[ODD.find("\"temperature\"").unwrap()..]);
    let tight = |json: &str| json.replace(":  ", ":").replace(",  ", ",");
    assert!(sent.starts_with(&tight(before)), "{sent}");
    assert!(sent.ends_with(after), "{sent}");
    assert!(sent.contains("I am Ana and I live in Porto"), "{sent}");
}

#[tokio::test]
async fn a_stream_reaches_the_client_byte_for_byte() {
    let pieces: Vec<Vec<u8>> = vec![
        b"\xef\xbb\xbf: comment\r\n\r\n".to_vec(),
        b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\xc3".to_vec(),
        b"\xa9\"},\"finish_reason\":\"\"}]}\r\n\r\n".to_vec(),
        b"event: odd\ndata: not json\n\n".to_vec(),
        b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n".to_vec(),
    ];
    let world = World::new(ScriptedUpstream::always(Script::events(pieces.clone())).await).await;
    let request = json!({"stream": true, "messages": [user("hello")]});
    let response = world.post(&request).header("x-memory-user", "ana").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), Some("text/event-stream"));
    assert_eq!(response.bytes().await.unwrap(), pieces.concat());
}

#[tokio::test]
async fn a_mode_of_off_leaves_the_request_alone() {
    let world =
        World::new(ScriptedUpstream::always(Script::json(200, &replies::completion("hi"))).await).await;
    let body = json!({"messages": [user("remember the heron")], "user": "ana"});
    let response = world.post(&body).header("x-memory-mode", "off").send().await.unwrap();
    assert_eq!(header(&response, "x-memory-degraded"), Some("off"));
    assert_eq!(world.upstream.last_request().body, body.to_string());
    let mut world = world;
    world.stop().await;
    assert_eq!(world.turns(0).await.len(), 0);
}

#[tokio::test]
async fn a_providers_key_passes_and_ours_and_memory_headers_do_not() {
    let world =
        World::new(ScriptedUpstream::always(Script::json(200, &replies::completion("hi"))).await).await;
    let response = world
        .post(&json!({"messages": [user("hi")]}))
        .header("authorization", "Bearer sk-provider")
        .header("openai-organization", "org")
        .header("x-memory-user", "ana")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let sent = world.upstream.last_request();
    assert_eq!(sent.header("authorization"), Some("Bearer sk-provider"));
    assert_eq!(sent.header("openai-organization"), Some("org"));
    assert_eq!(sent.header("x-memory-user"), None);

    let (_, key) =
        throughline_server::create_key(&world.memory, throughline::model::TenantId::single(), "test")
            .unwrap();
    let request = world.post(&json!({"messages": [user("hi")]})).bearer_auth(key.expose());
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(world.upstream.last_request().header("authorization"), None);
}

#[tokio::test]
async fn models_and_every_other_path_pass_through() {
    let models = json!({"object": "list", "data": [{"id": "m"}]});
    let world = World::new(ScriptedUpstream::always(Script::json(200, &models)).await).await;
    let found: Value =
        world.client.get(format!("{}/v1/models", world.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(found, models);
    let body = json!({"input": "x", "model": "somebody-elses"});
    for path in ["responses", "embeddings", "audio/speech"] {
        world.client.post(format!("{}/v1/{path}", world.url)).json(&body).send().await.unwrap();
        let sent = world.upstream.last_request();
        assert_eq!((sent.path.as_str(), sent.json()), (format!("/v1/{path}").as_str(), body.clone()));
    }
}
