//! What a response was made from: its input items, and references that the emulator refuses.

use crate::common::{bearer, message};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{Response, get, post};
use yandex_cloud_emulator::Emulator;

async fn create(emulator: &Emulator, more: &Value) -> Response {
    let mut body =
        json!({ "model": format!("gpt://{}/yandexgpt/latest", emulator.folder_id()), "input": "hi" });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    let authorization = bearer(emulator.api_key());
    post(&format!("{}/v1/responses", emulator.api_url()), &[("authorization", &authorization)], &body).await
}

async fn items(emulator: &Emulator, id: &str, query: &str) -> Response {
    let url = format!("{}/v1/responses/{id}/input_items{query}", emulator.api_url());
    get(&url, &[("authorization", &bearer(emulator.api_key()))]).await
}

#[tokio::test]
async fn lists_the_items_of_the_input() {
    let emulator = Emulator::start().await.unwrap();
    let made = create(&emulator, &json!({ "input": "hello there" })).await.json();
    let list = items(&emulator, made["id"].as_str().unwrap(), "").await.json();
    let item = &list["data"][0];
    assert_eq!(
        *item,
        json!({
            "type": "message", "id": item["id"], "role": "user", "status": "completed",
            "content": [{ "type": "input_text", "text": "hello there" }],
        })
    );
    assert!(item["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(
        list,
        json!({ "object": "list", "data": [item], "first_id": item["id"], "last_id": item["id"], "has_more": false })
    );
    assert_eq!(emulator.counters().route("GET /v1/responses/{id}/input_items"), 1);
}

#[tokio::test]
async fn lists_pages_in_both_orders() {
    let emulator = Emulator::start().await.unwrap();
    let input = json!([
        { "role": "user", "content": [{ "type": "input_text", "text": "one" }] },
        { "role": "assistant", "content": "two" },
        { "type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c", "output": "three" },
    ]);
    let made = create(&emulator, &json!({ "input": input })).await.json();
    let id = made["id"].as_str().unwrap();
    let kinds = |list: &Value| {
        let kinds =
            list["data"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };

    let newest = items(&emulator, id, "?limit=1").await.json();
    assert_eq!(
        (kinds(&newest), &newest["has_more"]),
        (vec!["function_call_output".to_owned()], &json!(true))
    );
    let next =
        items(&emulator, id, &format!("?limit=2&after={}", newest["last_id"].as_str().unwrap())).await.json();
    assert_eq!(
        (kinds(&next), &next["first_id"]),
        (vec!["function_call".to_owned(), "message".to_owned()], &json!("fc_1"))
    );
    let oldest = items(&emulator, id, "?order=asc").await.json();
    assert_eq!((kinds(&oldest).len(), &oldest["has_more"]), (4, &json!(false)));
    assert_eq!(oldest["data"][1]["content"][0]["type"], "output_text");

    for (query, status) in [
        ("?limit=0", StatusCode::BAD_REQUEST),
        ("?limit=101", StatusCode::BAD_REQUEST),
        ("?order=up", StatusCode::BAD_REQUEST),
        ("?after=msg_other", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(items(&emulator, id, query).await.status, status, "{query}");
    }
    assert_eq!(items(&emulator, "resp_other", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn refuses_conversations_and_prompts() {
    let emulator = Emulator::start().await.unwrap();
    for (more, what) in [
        (json!({ "conversation": "conv_1" }), "conversation"),
        (json!({ "conversation": { "id": "conv_1" } }), "conversation"),
        (json!({ "prompt": { "id": "fvtfake" } }), "prompt"),
        (json!({ "prompt": { "id": "fvtfake" }, "model": null, "input": null }), "prompt"),
    ] {
        let reply = create(&emulator, &more).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{more}");
        assert_eq!(message(&reply), format!("no {what} has this id: the emulator has no {what}s"));
    }
    let reply = create(&emulator, &json!({ "conversation": null, "prompt": null })).await;
    assert_eq!(reply.status, StatusCode::OK);
    let reply = create(&emulator, &json!({ "input": [{ "role": 5 }] })).await;
    assert_eq!(
        (reply.status, message(&reply).as_str()),
        (StatusCode::BAD_REQUEST, "a field of input[0] has the wrong type")
    );
}
