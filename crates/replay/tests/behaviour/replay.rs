//! The server sends the recorded responses of both kinds of recordings, and reports every difference.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use test_support::http_client::{Response, get, post};
use yandex_cloud_replay::{BodyKind, Recording, ReplayServer};

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
    let message = |message: Value| json!({ "cls": "CompletionRequest", "module": "m", "message": message });
    json!({ "interactions": [
        {
            "request": { "cls": "ListApiEndpointsRequest", "message": {} },
            "response": { "cls": "ListApiEndpointsResponse", "message": { "endpoints": [
                { "id": "ai-foundation-models", "address": "llm.api.cloud.yandex.net:443" },
                { "id": "operation", "address": "operation.api.cloud.yandex.net:443" },
            ] } },
        },
        { "request": message(json!({ "n": 1 })), "response_stream": [stream("a"), stream("ab")] },
        { "request": message(json!({ "n": 2 })), "response": operation(false) },
        { "request": message(json!({ "n": 3 })), "response": { "cls": "TokenizeResponse", "message": { "tokens": [] } } },
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

async fn chat(server: &ReplayServer, body: &Value) -> Response {
    post(&format!("{}/v1/chat/completions", server.url()), &[IS_JSON], body).await
}

async fn models(server: &ReplayServer, project: &str) -> Response {
    get(&format!("{}/v1/models?limit=1", server.url()), &[("OpenAI-Project", project)]).await
}

/// The differences that the server reports at the end.
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
fn reads_a_folder_with_its_subfolders_sorted_by_path() {
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
    assert!(error.contains("/broken.yaml as a recording: not YAML at line"), "{error}");
    assert!(Recording::read_folder(&folder.0.join("absent")).is_err());
}

#[test]
fn reads_http_recordings_without_changes() {
    let recording = Recording::from_yaml("chat", CHAT).unwrap();
    let [chat, models] = recording.interactions.as_slice() else { panic!("{recording:?}") };
    assert_eq!((&chat.request.method, &*chat.request.target), (&Method::POST, "/v1/chat/completions"));
    assert_eq!(chat.request.host.as_deref(), Some("llm.api.cloud.yandex.net"));
    assert_eq!(chat.request.json(), Some(chat_body()));
    assert_eq!(chat.request.headers["content-type"], "application/json");
    assert_eq!((chat.response.status, chat.response.kind), (StatusCode::OK, BodyKind::Whole));
    assert_eq!(chat.response.messages()[0]["choices"][0]["message"]["content"], "it's so \u{1F60A}");
    assert_eq!((&*models.request.target, models.request.path()), ("/v1/models?limit=1", "/v1/models"));
    assert_eq!((models.request.json(), models.response.status), (None, StatusCode::FORBIDDEN));

    let events = Recording::from_yaml("events", EVENTS).unwrap();
    let response = &events.interactions[0].response;
    assert_eq!(response.kind, BodyKind::Events);
    assert_eq!(response.messages(), [json!({ "n": 1, "text": "при" }), json!({ "n": 2, "text": "вет" })]);
}

#[test]
fn converts_grpc_recordings_to_rest_calls() {
    let recording = Recording::from_json("run", &completions().to_string()).unwrap();
    let calls: Vec<(String, Vec<Value>)> = recording
        .interactions
        .iter()
        .map(|one| (format!("{} {}", one.request.method, one.request.target), one.response.messages()))
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
    assert_eq!(recording.interactions[1].message_type.as_deref(), Some("CompletionRequest"));
    assert_eq!(recording.interactions[1].request.json(), Some(json!({ "n": 1 })));
    assert!(recording.interactions[4].request.body.is_empty());
    assert_eq!(
        recording.unsupported,
        ["ImageGenerationRequest with Operation", "ConverseRequest with an unsupported response"]
    );
}

#[tokio::test]
async fn sends_the_recorded_responses_for_the_recorded_requests() {
    let recording = Recording::from_yaml("chat", CHAT).unwrap();
    let server = ReplayServer::start(&recording, 1).await.unwrap();
    let reply = chat(&server, &chat_body()).await;
    assert_eq!(reply.body, recording.interactions[0].response.body);
    assert_eq!(reply.header("x-server-trace-id"), "a:b:a:1");
    let reply = models(&server, "b1g").await;
    assert_eq!((reply.status, reply.message()), (StatusCode::FORBIDDEN, "no".to_owned()));
    server.finish().unwrap();
}

#[tokio::test]
async fn discovery_returns_the_servers_own_address_and_streams_are_lines() {
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
async fn a_different_body_or_header_gets_the_response_and_is_reported() {
    let recording = Recording::from_yaml("chat", CHAT).unwrap();
    let server = ReplayServer::start(&recording, 7).await.unwrap();
    let mut wrong = chat_body();
    wrong["messages"][0]["content"] = json!("say nothing");
    wrong["top_p"] = json!(0.5);
    let url = format!("{}/v1/chat/completions", server.url());
    let reply = post(&url, &[("content-type", "text/plain")], &wrong).await;
    assert_eq!(reply.body, recording.interactions[0].response.body);
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
    assert!(
        error
            .to_string()
            .starts_with("the requests differ from the recording chat (seed 7):\n  POST /v1/chat")
    );
}

#[tokio::test]
async fn a_request_to_another_path_is_refused_and_reported() {
    let server = ReplayServer::start(&Recording::from_yaml("chat", CHAT).unwrap(), 1).await.unwrap();
    let reply = models(&server, "b1g").await;
    assert_eq!(
        (reply.status, reply.message()),
        (StatusCode::BAD_REQUEST, "this request was not recorded".to_owned())
    );
    chat(&server, &chat_body()).await;
    get(&format!("{}/v1/models", server.url()), &[("OpenAI-Project", "b1g")]).await;
    assert_eq!(
        problems(server),
        [
            "GET /v1/models?limit=1 was sent where POST /v1/chat/completions was recorded",
            "GET /v1/models was sent where GET /v1/models?limit=1 was recorded",
            "GET /v1/models?limit=1 was not sent",
        ]
    );
}

#[tokio::test]
async fn an_extra_request_is_reported() {
    let server = ReplayServer::start(&Recording::from_yaml("chat", CHAT).unwrap(), 1).await.unwrap();
    chat(&server, &chat_body()).await;
    models(&server, "b1g").await;
    models(&server, "b1g").await;
    assert_eq!(problems(server), ["GET /v1/models?limit=1 was sent where no further request was recorded"]);
}

#[tokio::test]
async fn the_seed_determines_the_chunks_and_a_chunk_can_split_a_character() {
    let recording = Recording::from_yaml("events", EVENTS).unwrap();
    let whole = recording.interactions[0].response.body.clone();
    let chunk_ends = async |seed: u64| -> Vec<usize> {
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
    assert_eq!(chunk_ends(1).await, chunk_ends(1).await);
    assert_ne!(chunk_ends(1).await, chunk_ends(2).await);
    let text = std::str::from_utf8(&whole).unwrap();
    let mut split_a_character = false;
    for seed in 0..20 {
        split_a_character |= chunk_ends(seed).await.iter().any(|end| !text.is_char_boundary(*end));
    }
    assert!(split_a_character);
}

#[test]
fn refuses_files_that_are_not_recordings() {
    let interaction = |request: &str, response: &str| format!("interactions:\n- {{{request}, {response}}}\n");
    let request = "request: {method: GET, uri: 'https://h/p', body: null, headers: {}}";
    let response = "response: {status: {code: 200}, headers: {}, body: {string: ''}}";
    Recording::from_yaml("good", &interaction(request, response)).unwrap();
    for (yaml, reason) in [
        ("interactions: [".to_owned(), "not YAML"),
        ("interactions: {}".to_owned(), "the document has no list `interactions`"),
        ("[]".to_owned(), "the document has no list `interactions`"),
        ("interactions: &a [*a]".to_owned(), "an alias"),
        ("interactions: !!python/object []".to_owned(), "a tag"),
        (interaction("request: {method: GET}", response), "interaction 0 has no valid uri"),
        (interaction("request: {uri: '/p', method: 'G T'}", response), "has no valid method"),
        (interaction(request, "response: {status: {code: many}}"), "has no valid status"),
        (interaction(request, "other: 1"), "interaction 0 has no response"),
        (
            interaction(request, "response: {status: {code: 200}, headers: {'a b': x}}"),
            "has an invalid header",
        ),
        (
            interaction(request, "response: {status: {code: 200}, body: {string: []}}"),
            "has a body that is neither text nor binary",
        ),
    ] {
        let error = Recording::from_yaml("x", &yaml).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    for json in ["", "[]", "{}", r#"{"interactions": [{"request": {}}]}"#] {
        let error = Recording::from_json("x", json).unwrap_err().to_string();
        assert!(error.contains("not the JSON of a recording at line"), "{error}");
    }
}
