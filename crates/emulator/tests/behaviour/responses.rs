//! The Responses API: responses, their events, and stored responses.

use std::time::Duration;

use crate::common::{api_key, bearer, message};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, call, get, post};
use yandex_cloud_emulator::Emulator;

fn model(emulator: &Emulator) -> String {
    format!("gpt://{}/yandexgpt/latest", emulator.folder_id())
}

fn url(emulator: &Emulator, rest: &str) -> String {
    format!("{}/v1/responses{rest}", emulator.api_url())
}

async fn create(emulator: &Emulator, body: &Value) -> Response {
    post(&url(emulator, ""), &[("authorization", &bearer(emulator.api_key()))], body).await
}

/// Sends a request to a stored response.
async fn at(emulator: &Emulator, method: &str, rest: &str) -> Response {
    call(method, &url(emulator, rest), &[("authorization", &api_key(emulator.api_key()))], "").await
}

fn text(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap()
}

/// The name and the data of each event.
fn events(reply: &Response) -> Vec<(String, Value)> {
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let text = reply.text();
    let event = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (name.strip_prefix("event: ").unwrap().to_owned(), data)
    };
    text.split_terminator("\n\n").map(event).collect()
}

#[tokio::test]
async fn a_response_has_the_format_of_the_real_service() {
    let emulator = Emulator::start().await.unwrap();
    let body = json!({
        "model": model(&emulator), "input": "hello there", "instructions": "be brief", "temperature": 0.5,
    });
    let reply = create(&emulator, &body).await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"));
    let response = reply.json();
    assert!(response["id"].as_str().unwrap().starts_with("resp_"));
    for (field, value) in [
        ("object", json!("response")),
        ("status", json!("completed")),
        ("model", json!(model(&emulator))),
        ("instructions", json!("be brief")),
        ("temperature", json!(0.5)),
        ("error", json!(null)),
    ] {
        assert_eq!(response[field], value, "{field}");
    }
    let item = &response["output"][0];
    assert_eq!((&item["type"], &item["role"]), (&json!("message"), &json!("assistant")));
    let account = emulator.service_account_id();
    let expected = format!("authenticated as service account {account} by api-key; you said: hello there");
    assert_eq!(text(&response), expected);
    let usage = &response["usage"];
    assert_eq!((&usage["input_tokens"], &usage["total_tokens"]), (&json!(4), &json!(15)));
    assert_eq!(emulator.counters().route("POST /v1/responses"), 1);
}

#[tokio::test]
async fn a_bare_model_name_uses_the_folder_of_the_header() {
    let emulator = Emulator::start().await.unwrap();
    let key = bearer(emulator.api_key());
    let folder = emulator.folder_id();
    for (model, project, status, full) in [
        ("yandexgpt", Some(folder), StatusCode::OK, format!("gpt://{folder}/yandexgpt/latest")),
        ("yandexgpt/rc", Some(folder), StatusCode::OK, format!("gpt://{folder}/yandexgpt/rc")),
        ("yandexgpt", None, StatusCode::BAD_REQUEST, String::new()),
        ("yandexgpt", Some("b1gother"), StatusCode::FORBIDDEN, String::new()),
        ("gpt://b1gother/yandexgpt/latest", Some(folder), StatusCode::FORBIDDEN, String::new()),
        ("emb://b1gother/yandexgpt/latest", Some(folder), StatusCode::BAD_REQUEST, String::new()),
    ] {
        let mut headers = vec![("authorization", key.as_str())];
        headers.extend(project.map(|project| ("OpenAI-Project", project)));
        let reply = post(&url(&emulator, ""), &headers, &json!({ "model": model, "input": "hi" })).await;
        assert_eq!(reply.status, status, "{model} {project:?}");
        if status == StatusCode::OK {
            assert_eq!(reply.json()["model"], full);
        }
    }
}

#[tokio::test]
async fn the_events_of_a_stream_add_up_to_the_response() {
    let emulator = Emulator::start().await.unwrap();
    let input = json!([
        { "role": "developer", "content": "be brief" },
        { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "hello there" }] },
    ]);
    let body = json!({ "model": model(&emulator), "input": input, "stream": true });
    let events = events(&create(&emulator, &body).await);

    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names[..4],
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added"
        ]
    );
    assert_eq!(
        names[names.len() - 4..],
        [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed"
        ]
    );
    for (number, (name, data)) in events.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(number)));
    }
    let deltas = events.iter().filter(|(name, _)| name == "response.output_text.delta");
    let streamed: String = deltas.map(|(_, data)| data["delta"].as_str().unwrap()).collect();
    let completed = &events.last().unwrap().1["response"];
    assert_eq!(streamed, text(completed));
    assert!(streamed.ends_with("you said: hello there"));
    assert_eq!(events[0].1["response"]["status"], "in_progress");

    let kept = at(&emulator, "GET", &format!("/{}", completed["id"].as_str().unwrap())).await;
    assert_eq!(kept.json(), *completed);
}

#[tokio::test]
async fn calls_a_function_and_responds_to_its_result() {
    let emulator = Emulator::start().await.unwrap();
    let tools = json!([{ "type": "function", "name": "weather", "parameters": {
        "type": "object", "properties": { "degrees": { "type": "array", "items": { "type": "integer" } } },
    } }]);
    let message = json!({ "role": "user", "content": "weather at 5 and 7?" });
    let body = json!({ "model": model(&emulator), "input": [message], "tools": tools });
    let called = create(&emulator, &body).await.json()["output"][0].clone();
    assert_eq!((&called["type"], &called["name"]), (&json!("function_call"), &json!("weather")));
    assert_eq!(called["arguments"], r#"{"degrees":[5,7]}"#);

    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let events = events(&create(&emulator, &streamed).await);
    let deltas = events.iter().filter(|(name, _)| name == "response.function_call_arguments.delta");
    let arguments: String = deltas.map(|(_, data)| data["delta"].as_str().unwrap()).collect();
    assert_eq!(arguments, r#"{"degrees":[5,7]}"#);

    let result = json!({ "type": "function_call_output", "call_id": called["call_id"], "output": "rain" });
    let body = json!({ "model": model(&emulator), "input": [message, called, result], "tools": tools });
    assert!(text(&create(&emulator, &body).await.json()).ends_with("; the tool said: rain"));
}

#[tokio::test]
async fn a_response_is_stored_until_it_is_deleted() {
    let emulator = Emulator::start().await.unwrap();
    let made = create(&emulator, &json!({ "model": model(&emulator), "input": "one" })).await.json();
    let place = format!("/{}", made["id"].as_str().unwrap());

    assert_eq!(at(&emulator, "GET", &place).await.json(), made);
    let streamed = events(&at(&emulator, "GET", &format!("{place}?stream=true")).await);
    assert_eq!(streamed.last().unwrap().1["response"], made);
    let next = json!({ "model": model(&emulator), "input": "two", "previous_response_id": made["id"] });
    let next = create(&emulator, &next).await.json();
    assert_eq!(next["previous_response_id"], made["id"]);

    let reply = at(&emulator, "POST", &format!("{place}/cancel")).await;
    assert_eq!(message(&reply), "only a background response can be cancelled");
    let deleted = at(&emulator, "DELETE", &place).await.json();
    assert_eq!(deleted, json!({ "id": made["id"], "object": "response", "deleted": true }));
    for (method, rest) in [("GET", ""), ("DELETE", ""), ("POST", "/cancel")] {
        let reply = at(&emulator, method, &format!("{place}{rest}")).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method}");
    }
    let next = json!({ "model": model(&emulator), "input": "two", "previous_response_id": made["id"] });
    assert_eq!(create(&emulator, &next).await.status, StatusCode::NOT_FOUND);
    assert_eq!(emulator.counters().route("POST /v1/responses/{id}/cancel"), 2);
}

#[tokio::test]
async fn a_response_with_store_false_is_not_stored() {
    let emulator = Emulator::start().await.unwrap();
    let body = json!({ "model": model(&emulator), "input": "one", "store": false });
    let made = create(&emulator, &body).await.json();
    let reply = at(&emulator, "GET", &format!("/{}", made["id"].as_str().unwrap())).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_background_response_completes_after_its_delay_unless_it_is_cancelled() {
    let emulator = Emulator::builder().operation_delay(Duration::from_secs(60)).start().await.unwrap();
    let body = json!({ "model": model(&emulator), "input": "hi", "background": true });
    let (one, two) = (create(&emulator, &body).await.json(), create(&emulator, &body).await.json());
    let place = |response: &Value| format!("/{}", response["id"].as_str().unwrap());
    assert_eq!((&one["status"], &one["output"]), (&json!("in_progress"), &json!([])));
    assert_eq!(at(&emulator, "GET", &place(&one)).await.json()["status"], "in_progress");
    assert_eq!(at(&emulator, "POST", &format!("{}/cancel", place(&two))).await.json()["status"], "cancelled");

    emulator.clock().advance(Duration::from_secs(60));
    assert!(text(&at(&emulator, "GET", &place(&one)).await.json()).ends_with("you said: hi"));
    assert_eq!(at(&emulator, "GET", &place(&two)).await.json()["status"], "cancelled");
}

#[tokio::test]
async fn refuses_the_wrong_credentials_on_every_path() {
    let emulator = Emulator::start().await.unwrap();
    let body = json!({ "model": model(&emulator), "input": "hi" });
    let made = create(&emulator, &body).await.json();
    let place = format!("/{}", made["id"].as_str().unwrap());
    let unscoped = api_key(&emulator.api_key_with_scopes(&["yc.monitoring.read"]).unwrap());
    for (method, rest) in [
        ("POST", ""),
        ("GET", &place),
        ("GET", &format!("{place}/input_items")),
        ("DELETE", &place),
        ("POST", &format!("{place}/cancel")),
    ] {
        let url = url(&emulator, rest);
        for (authorization, status) in [
            (None, StatusCode::UNAUTHORIZED),
            (Some("Bearer t1.unknown"), StatusCode::UNAUTHORIZED),
            (Some("Api-Key AQVNunknown"), StatusCode::UNAUTHORIZED),
            (Some(unscoped.as_str()), StatusCode::FORBIDDEN),
        ] {
            let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
            let reply = call(method, &url, &headers, body.to_string()).await;
            assert_eq!(reply.status, status, "{method} {rest}");
        }
        let other = [("authorization", &*api_key(emulator.api_key())), ("OpenAI-Project", "b1gother")];
        assert_eq!(call(method, &url, &other, body.to_string()).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(get(&url(&emulator, &place), &[]).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn refuses_invalid_requests() {
    let emulator = Emulator::start().await.unwrap();
    let model = model(&emulator);
    for body in [
        json!({ "input": "hi" }),
        json!({ "model": model }),
        json!({ "model": model, "input": [] }),
        json!({ "model": model, "input": 5 }),
        json!({ "model": model, "input": "hi", "background": true, "store": false }),
        json!({ "model": model, "input": "hi", "tools": [{ "type": "function" }] }),
        json!({ "model": model, "input": "hi", "tool_choice": { "type": "function", "name": "none" } }),
        json!({ "model": model, "input": "hi", "text": { "format": { "type": "yaml" } } }),
    ] {
        assert_eq!(create(&emulator, &body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
}
