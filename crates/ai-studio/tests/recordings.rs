//! Every recorded body of the real service is read by its type, and is written as it was.
//!
//! The recordings lie beside the project, in `../shared/recordings` or where `YC_RECORDINGS` says; where they do not,
//! the tests say so and pass over.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod scripted;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};
use yandex_ai_studio_sdk::chat::{
    ChatAnswer, ChatChunk, ChatRequest, EmbeddingAnswer, EmbeddingRequest, ModelList,
};
use yandex_ai_studio_sdk::models::{
    CompletionAnswer, CompletionRequest, OperationState, TextEmbeddingAnswer, TextEmbeddingRequest,
    TokenizeAnswer,
};

use self::scripted::{Reply, Server};

/// The files of a folder of recordings; none where there are no recordings.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings");
    let root = std::env::var_os("YC_RECORDINGS").map_or(beside, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        // Past the capture of the test's output, which nobody reads of a test that passes.
        let _ = writeln!(std::io::stderr(), "passed over: no recordings in {}", root.join(folder).display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|have| have == extension)).collect()
}

/// A request and its answer, as they were recorded.
struct Exchange {
    file: String,
    uri: String,
    asked: String,
    answered: String,
    status: i64,
}

fn exchanges() -> Vec<Exchange> {
    let mut list = Vec::new();
    for path in files("chat", "yaml") {
        let yaml = YamlLoader::load_from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for exchange in yaml[0]["interactions"].as_vec().unwrap() {
            let text = |yaml: &Yaml| yaml.as_str().unwrap_or_default().to_owned();
            let (request, response) = (&exchange["request"], &exchange["response"]);
            list.push(Exchange {
                file: path.display().to_string(),
                uri: text(&request["uri"]),
                asked: text(&request["body"]),
                answered: text(&response["body"]["string"]),
                status: response["status"]["code"].as_i64().unwrap(),
            });
        }
    }
    list.into_iter().filter(|exchange| exchange.status == 200).collect()
}

#[track_caller]
fn keeps<T: Serialize + DeserializeOwned>(file: &str, value: &Value) -> T {
    let read: T =
        serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{file}: {error}: {value}"));
    assert_eq!(json!(read), *value, "{file}");
    read
}

/// The data of the events in a recorded stream.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn every_body_of_the_chat_is_written_as_it_was() {
    for Exchange { file, uri, asked, answered, .. } in exchanges() {
        let asked: Value = serde_json::from_str(&asked).unwrap_or_default();
        if uri.ends_with("/models") {
            let list: ModelList = keeps(&file, &serde_json::from_str(&answered).unwrap());
            assert!(list.extra.is_empty() && !list.data.is_empty(), "{file}");
        } else if uri.ends_with("/embeddings") {
            keeps::<EmbeddingRequest>(&file, &asked);
            let answer: EmbeddingAnswer = keeps(&file, &serde_json::from_str(&answered).unwrap());
            assert!(answer.vector().len() >= 256, "{file}");
        } else if uri.ends_with("/chat/completions") {
            let request: ChatRequest = keeps(&file, &asked);
            assert!(!request.messages.is_empty(), "{file}");
            if request.stream == Some(true) {
                for event in events(&answered) {
                    keeps::<ChatChunk>(&file, &event);
                }
            } else {
                let answer: ChatAnswer = keeps(&file, &serde_json::from_str(&answered).unwrap());
                assert!(!answer.text().is_empty() || !answer.tool_calls().is_empty(), "{file}");
                assert!(answer.finish_reason().is_some(), "{file}");
            }
        }
    }
}

#[tokio::test]
async fn every_stream_of_the_chat_comes_out_whole() {
    for Exchange { file, asked, answered, .. } in exchanges() {
        let request: ChatRequest = serde_json::from_str(&asked).unwrap_or_default();
        if request.stream != Some(true) {
            continue;
        }
        // Cut where nobody would.
        let server = Server::saying(Reply::pieces(answered.as_bytes().chunks(997)));
        let mut stream = server.sdk().chat().stream(&request).await.unwrap();
        for event in events(&answered) {
            assert_eq!(json!(stream.next().await.unwrap().unwrap()), event, "{file}");
        }
        let answer = stream.finish().await.unwrap();
        assert_eq!(server.body(), json!(request));
        let said = |event: &Value| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
        let text: String = events(&answered).iter().filter_map(said).collect();
        assert_eq!(answer.text(), text, "{file}");
        for call in answer.tool_calls() {
            assert_eq!(call.kind, "function", "{file}");
            call.parse::<serde_json::Map<String, Value>>().unwrap();
        }
    }
}

#[test]
fn every_body_of_the_native_api_is_written_as_it_was() {
    for path in files("models", "json") {
        let file = path.display().to_string();
        let recorded: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for exchange in recorded["interactions"].as_array().unwrap() {
            let streamed = exchange["response_stream"].as_array();
            let whole = [&exchange["request"], &exchange["response"]];
            for body in whole.into_iter().chain(streamed.into_iter().flatten()) {
                let message = &body["message"];
                match body["cls"].as_str().unwrap_or_default() {
                    "CompletionRequest" => {
                        let request: CompletionRequest = keeps(&file, message);
                        assert!(request.extra.is_empty() && !request.messages.is_empty(), "{file}");
                    }
                    "CompletionResponse" => {
                        let answer: CompletionAnswer = keeps(&file, message);
                        assert!(!answer.text().is_empty() || !answer.tool_calls().is_empty(), "{file}");
                        assert!(answer.usage.unwrap().total_tokens.unwrap().get() > 0, "{file}");
                    }
                    "TokenizeResponse" => assert!(!keeps::<TokenizeAnswer>(&file, message).tokens.is_empty()),
                    "TextEmbeddingRequest" => drop(keeps::<TextEmbeddingRequest>(&file, message)),
                    "TextEmbeddingResponse" => {
                        assert!(
                            keeps::<TextEmbeddingAnswer>(&file, message).embedding.len() >= 256,
                            "{file}"
                        );
                    }
                    "Operation" => {
                        let state: OperationState = keeps(&file, message);
                        assert_ne!(state.is_running(), state.is_succeeded(), "{file}");
                    }
                    _ => {}
                }
            }
        }
    }
}
