//! Replay: recordings of both forms are served as they were made, and what differs is told.

use std::fs;
use std::path::PathBuf;

use crate::common::{Reply, get, post};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use yandex_cloud_emulator::replay::{Kind, Recording, ReplayServer};

const CHAT: &str = r#"interactions:
- request:
    body: '{"model":"gpt://b1g/m/latest","messages":[{"role":"user","content":"say
      \"it''s so\""}],"temperature":1}'
    headers:
      content-length:
      - '79'
      content-type:
      - application/json
      host:
      - llm.api.cloud.yandex.net
    method: POST
    uri: https://llm.api.cloud.yandex.net/v1/chat/completions
  response:
    body:
      string: "{\"id\":\"1\",\"choices\":[{\"message\":{\"content\":\"it's
        so \U0001F60A\"}}]}\n"
    headers:
      content-length:
      - '1'
      content-type:
      - application/json
      x-server-trace-id:
      - a:b:a:1
    status:
      code: 200
      message: OK
- request:
    body: null
    headers:
      openai-project:
      - b1g
    method: GET
    uri: https://llm.api.cloud.yandex.net/v1/models?limit=1
  response:
    body:
      string: '{"code":7,"message":"no"}'
    headers:
      content-type: [application/json]
    status:
      code: 403
      message: Forbidden
version: 1
"#;

const EVENTS: &str = r#"interactions:
- request:
    body: '{"stream":true}'
    headers: {}
    method: POST
    uri: https://llm.api.cloud.yandex.net/v1/chat/completions
  response:
    body:
      string: "data: {\"n\":1,\"text\":\"при\"}\n\ndata: {\"n\":2,\"text\":\"вет\"}\n\ndata: [DONE]\n\n"
    headers:
      content-type:
      - text/event-stream
    status:
      code: 200
      message: OK
"#;

fn completions() -> Value {
    let stream = |text: &str| json!({ "cls": "CompletionResponse", "message": { "alternatives": [text] } });
    let operation = |done: bool| json!({ "cls": "Operation", "message": { "id": "d7q", "done": done } });
    let asked = |message: Value| json!({ "cls": "CompletionRequest", "module": "m", "message": message });
    json!({ "interactions": [
        {
            "request": { "cls": "ListApiEndpointsRequest", "message": {} },
            "response": { "cls": "ListApiEndpointsResponse", "message": { "endpoints": [
                { "id": "ai-foundation-models", "address": "llm.api.cloud.yandex.net:443" },
                { "id": "operation", "address": "operation.api.cloud.yandex.net:443" },
            ] } },
        },
        { "request": asked(json!({ "n": 1 })), "response_stream": [stream("a"), stream("ab")] },
        { "request": asked(json!({ "n": 2 })), "response": operation(false) },
        { "request": asked(json!({ "n": 3 })), "response": { "cls": "TokenizeResponse", "message": { "tokens": [] } } },
        { "request": { "cls": "ImageGenerationRequest", "message": {} }, "response": operation(false) },
        {
            "request": { "cls": "GetOperationRequest", "message": { "operationId": "d7q" } },
            "response": operation(true),
        },
        {
            "request": { "cls": "CancelOperationRequest", "message": { "operationId": "d7q" } },
            "response": operation(true),
        },
        { "request": { "cls": "ConverseRequest" }, "request_stream": [] },
        {
            "request": { "cls": "TextEmbeddingRequest", "message": { "text": "hi" } },
            "response": { "cls": "TextEmbeddingResponse", "message": { "embedding": [0.5], "numTokens": "3" } },
        },
    ] })
}

fn chat_body() -> Value {
    json!({
        "temperature": 1,
        "messages": [{ "content": "say \"it's so\"", "role": "user" }],
        "model": "gpt://b1g/m/latest",
    })
}

const IS_JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

async fn chat(server: &ReplayServer, body: &Value) -> Reply {
    post(&format!("{}/v1/chat/completions", server.url()), &[IS_JSON], body).await
}

async fn models(server: &ReplayServer, project: &str) -> Reply {
    get(&format!("{}/v1/models?limit=1", server.url()), &[("OpenAI-Project", project)]).await
}

/// The problems that a server tells of in the end.
fn problems(server: ReplayServer) -> Vec<String> {
    server.finish().unwrap_err().problems().to_vec()
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("replay-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_is_read_with_all_below_it_by_name() {
    let folder = Folder::new("folder");
    folder.write("models/run.json", &completions().to_string());
    folder.write("chat/chat.yaml", CHAT);
    folder.write("chat/deep/events.YML", EVENTS);
    folder.write("README.md", "# none");
    let recordings = Recording::read_folder(&folder.0).unwrap();
    let names: Vec<&str> = recordings.iter().map(|recording| recording.name.as_str()).collect();
    assert_eq!(names, ["chat/chat", "chat/deep/events", "models/run"]);
    assert_eq!(Recording::read(&folder.0.join("chat/chat.yaml")).unwrap().name, "chat");

    folder.write("broken.yaml", "interactions: [");
    let error = Recording::read_folder(&folder.0).unwrap_err().to_string();
    assert!(error.contains("/broken.yaml is no recording that can be read: not YAML at line"), "{error}");
    assert!(Recording::read_folder(&folder.0.join("absent")).is_err());
}

#[test]
fn http_is_read_as_it_was_recorded() {
    let recording = Recording::from_yaml("chat", CHAT).unwrap();
    let [chat, models] = recording.interactions.as_slice() else { panic!("{recording:?}") };
    assert_eq!((&chat.request.method, &*chat.request.target), (&Method::POST, "/v1/chat/completions"));
    assert_eq!(chat.request.host.as_deref(), Some("llm.api.cloud.yandex.net"));
    assert_eq!(chat.request.json(), Some(chat_body()));
    assert_eq!(chat.request.headers["content-type"], "application/json");
    assert_eq!((chat.answer.status, chat.answer.kind), (StatusCode::OK, Kind::Whole));
    assert_eq!(chat.answer.messages()[0]["choices"][0]["message"]["content"], "it's so \u{1F60A}");
    assert_eq!((&*models.request.target, models.request.path()), ("/v1/models?limit=1", "/v1/models"));
    assert_eq!((models.request.json(), models.answer.status), (None, StatusCode::FORBIDDEN));

    let events = Recording::from_yaml("events", EVENTS).unwrap();
    let answer = &events.interactions[0].answer;
    assert_eq!(answer.kind, Kind::Events);
    assert_eq!(answer.messages(), [json!({ "n": 1, "text": "при" }), json!({ "n": 2, "text": "вет" })]);
}

#[test]
fn grpc_is_read_as_the_calls_that_it_maps_to() {
    let recording = Recording::from_json("run", &completions().to_string()).unwrap();
    let calls: Vec<(String, Vec<Value>)> = recording
        .interactions
        .iter()
        .map(|one| (format!("{} {}", one.request.method, one.request.target), one.answer.messages()))
        .collect();
    let names: Vec<&str> = calls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "GET /endpoints",
            "POST /foundationModels/v1/completion",
            "POST /foundationModels/v1/completionAsync",
            "POST /foundationModels/v1/tokenizeCompletion",
            "GET /operations/d7q",
            "GET /operations/d7q:cancel",
            "POST /foundationModels/v1/textEmbedding",
        ]
    );
    assert_eq!(calls[1].1, [json!({ "alternatives": ["a"] }), json!({ "alternatives": ["ab"] })]);
    assert_eq!(calls[4].1, [json!({ "id": "d7q", "done": true })]);
    assert_eq!(recording.interactions[1].class.as_deref(), Some("CompletionRequest"));
    assert_eq!(recording.interactions[1].request.json(), Some(json!({ "n": 1 })));
    assert!(recording.interactions[4].request.body.is_empty());
    assert_eq!(
        recording.not_covered,
        [
            "ImageGenerationRequest, answered by Operation",
            "ConverseRequest, answered by nothing that is known"
        ]
    );
}

#[tokio::test]
async fn the_same_requests_get_the_recorded_answers() {
    let recording = Recording::from_yaml("chat", CHAT).unwrap();
    let server = ReplayServer::start(&recording, 1).await.unwrap();
    let reply = chat(&server, &chat_body()).await;
    assert_eq!(reply.body, recording.interactions[0].answer.body);
    assert_eq!(reply.header("x-server-trace-id"), "a:b:a:1");
    let reply = models(&server, "b1g").await;
    assert_eq!((reply.status, reply.message()), (StatusCode::FORBIDDEN, "no".to_owned()));
    server.finish().unwrap();
}

#[tokio::test]
async fn discovery_leads_back_to_the_server_and_streams_are_lines() {
    let recording = Recording::from_json("run", &completions().to_string()).unwrap();
    let server = ReplayServer::start(&recording, 1).await.unwrap();
    let url = server.url();
    let found = get(&format!("{url}/endpoints"), &[]).await.json();
    let address = server.addr().to_string();
    assert_eq!(found["endpoints"][1], json!({ "id": "operation", "address": address }));

    let native = async |method: &str, body: Value| {
        post(&format!("{url}/foundationModels/v1/{method}"), &[IS_JSON], &body).await
    };
    let reply = native("completion", json!({ "n": 1 })).await;
    assert_eq!(
        reply.text(),
        "{\"result\":{\"alternatives\":[\"a\"]}}\n{\"result\":{\"alternatives\":[\"ab\"]}}\n"
    );
    assert_eq!(native("completionAsync", json!({ "n": 2 })).await.json()["id"], "d7q");
    native("tokenizeCompletion", json!({ "n": 3 })).await;
    assert_eq!(get(&format!("{url}/operations/d7q"), &[]).await.json()["done"], true);
    get(&format!("{url}/operations/d7q:cancel"), &[]).await;
    assert_eq!(native("textEmbedding", json!({ "text": "hi" })).await.json()["numTokens"], "3");
    server.finish().unwrap();
}

#[tokio::test]
async fn a_wrong_body_or_header_is_answered_and_told() {
    let recording = Recording::from_yaml("chat", CHAT).unwrap();
    let server = ReplayServer::start(&recording, 7).await.unwrap();
    let mut wrong = chat_body();
    wrong["messages"][0]["content"] = json!("say nothing");
    wrong["top_p"] = json!(0.5);
    let url = format!("{}/v1/chat/completions", server.url());
    let reply = post(&url, &[("content-type", "text/plain")], &wrong).await;
    assert_eq!(reply.body, recording.interactions[0].answer.body);
    models(&server, "b1gother").await;

    let error = server.finish().unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "POST /v1/chat/completions: header content-type: recorded application/json, sent text/plain",
            r#"POST /v1/chat/completions: body /messages/0/content: recorded "say \"it's so\"", sent "say nothing""#,
            "POST /v1/chat/completions: body /top_p: recorded nothing, sent 0.5",
            "GET /v1/models?limit=1: header openai-project: recorded b1g, sent b1gother",
        ]
    );
    assert!(error.to_string().starts_with("not as recorded in chat (seed 7):\n  POST /v1/chat"));
}

#[tokio::test]
async fn a_request_to_another_place_is_refused_and_told() {
    let server = ReplayServer::start(&Recording::from_yaml("chat", CHAT).unwrap(), 1).await.unwrap();
    let reply = models(&server, "b1g").await;
    assert_eq!((reply.status, reply.message()), (StatusCode::BAD_REQUEST, "not as recorded".to_owned()));
    chat(&server, &chat_body()).await;
    get(&format!("{}/v1/models", server.url()), &[("OpenAI-Project", "b1g")]).await;
    assert_eq!(
        problems(server),
        [
            "GET /v1/models?limit=1 was sent where POST /v1/chat/completions was recorded",
            "GET /v1/models was sent where GET /v1/models?limit=1 was recorded",
            "GET /v1/models?limit=1 was never asked for",
        ]
    );
}

#[tokio::test]
async fn one_request_too_many_is_told() {
    let server = ReplayServer::start(&Recording::from_yaml("chat", CHAT).unwrap(), 1).await.unwrap();
    chat(&server, &chat_body()).await;
    models(&server, "b1g").await;
    models(&server, "b1g").await;
    assert_eq!(problems(server), ["GET /v1/models?limit=1 was sent where nothing more was recorded"]);
}

#[tokio::test]
async fn a_seed_decides_where_a_stream_is_cut_and_characters_are_cut_too() {
    let recording = Recording::from_yaml("events", EVENTS).unwrap();
    let whole = recording.interactions[0].answer.body.clone();
    let cuts = async |seed: u64| -> Vec<usize> {
        let server = ReplayServer::start(&recording, seed).await.unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = http::Request::post(format!("{}/v1/chat/completions", server.url()));
        let request = request.body(Full::from(r#"{"stream":true}"#)).unwrap();
        let mut body = client.request(request).await.unwrap().into_body();
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(pieces.concat(), whole);
        server.finish().unwrap();
        let lengths = pieces.iter().map(Bytes::len);
        lengths
            .scan(0, |end, length| {
                *end += length;
                Some(*end)
            })
            .collect()
    };
    assert_eq!(cuts(1).await, cuts(1).await);
    assert_ne!(cuts(1).await, cuts(2).await);
    let text = std::str::from_utf8(&whole).unwrap();
    let mut cut_a_character = false;
    for seed in 0..20 {
        cut_a_character |= cuts(seed).await.iter().any(|end| !text.is_char_boundary(*end));
    }
    assert!(cut_a_character);
}

#[test]
fn what_is_no_recording_is_refused() {
    let interaction = |request: &str, response: &str| format!("interactions:\n- {{{request}, {response}}}\n");
    let request = "request: {method: GET, uri: 'https://h/p', body: null, headers: {}}";
    let response = "response: {status: {code: 200}, headers: {}, body: {string: ''}}";
    Recording::from_yaml("good", &interaction(request, response)).unwrap();
    for (yaml, reason) in [
        ("interactions: [".to_owned(), "not YAML"),
        ("interactions: {}".to_owned(), "it has no list of interactions"),
        ("[]".to_owned(), "it has no list of interactions"),
        ("interactions: &a [*a]".to_owned(), "an alias"),
        ("interactions: !!python/object []".to_owned(), "a tag"),
        (interaction("request: {method: GET}", response), "interaction 0 has no uri that is one"),
        (interaction("request: {uri: '/p', method: 'G T'}", response), "has no method that is one"),
        (interaction(request, "response: {status: {code: many}}"), "has no status that is one"),
        (interaction(request, "other: 1"), "interaction 0 has no response"),
        (interaction(request, "response: {status: {code: 200}, headers: {'a b': x}}"), "has a bad header"),
        (
            interaction(request, "response: {status: {code: 200}, body: {string: []}}"),
            "has a body that is no text",
        ),
    ] {
        let error = Recording::from_yaml("x", &yaml).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    for json in ["", "[]", "{}", r#"{"interactions": [{"request": {}}]}"#] {
        let error = Recording::from_json("x", json).unwrap_err().to_string();
        assert!(error.contains("not the JSON of one at line"), "{error}");
    }
}
