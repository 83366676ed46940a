//! AI Studio: chats and completions over REST and gRPC.

mod access;
mod chat;
mod text_generation;

use crate::common::grpc;
use serde_json::json;
use test_support::http_client::post;
use yandex_cloud_emulator::Emulator;

fn model(emulator: &Emulator) -> String {
    format!("gpt://{}/yandexgpt/latest", emulator.folder_id())
}

async fn chat(emulator: &Emulator, authorization: &str, stream: bool) -> test_support::http_client::Response {
    let body = json!({
        "model": model(emulator),
        "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": "hello there" }],
        "temperature": 0.3,
        "stream": stream,
    });
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    post(&url, &[("authorization", authorization)], &body).await
}

fn content(reply: &test_support::http_client::Response) -> String {
    reply.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

fn completion(emulator: &Emulator, stream: bool) -> grpc::Completion {
    grpc::Completion {
        model_uri: model(emulator),
        options: Some(grpc::Options { stream, temperature: Some(0.5), ..grpc::Options::default() }),
        messages: vec![grpc::ChatMessage::user("hello there")],
        ..grpc::Completion::default()
    }
}
