//! Streams: each item arrives once and in order, and only the server's end mark completes a response.

use crate::fixture::sdk_without_retries;
use futures_util::StreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use test_support::http_server::{Reply, Server};
use test_support::system::isolated_system;
use yandex_ai_studio_sdk::chat::{ChatStream, FinishReason};
use yandex_ai_studio_sdk::models::{AlternativeStatus, CompletionStream};
use yandex_ai_studio_sdk::{Error, ErrorKind, Message};

fn chunk(delta: &Value) -> Value {
    json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_758_299_821, "model": "gpt://gemma",
            "choices": [{ "index": 0, "delta": delta }] })
}

fn content(text: &str) -> Value {
    chunk(&json!({ "content": text }))
}

fn finish(reason: &str) -> Value {
    let mut chunk = chunk(&json!({}));
    chunk["choices"][0]["finish_reason"] = json!(reason);
    chunk
}

fn usage() -> Value {
    json!({ "id": "chatcmpl-1", "choices": [], "usage": { "prompt_tokens": 20, "total_tokens": 22 } })
}

async fn chat(reply: Reply) -> ChatStream {
    let server = Server::always(reply);
    sdk_without_retries(&server, isolated_system())
        .chat()
        .completions("gemma-3-27b-it")
        .run_stream("hello")
        .await
        .unwrap()
}

/// The joined texts, and the error at the end of the stream.
async fn texts(mut stream: ChatStream) -> (String, Option<Error>) {
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => text.push_str(chunk.text()),
            Err(error) => {
                assert!(stream.next().await.is_none(), "no item after an error");
                return (text, Some(error));
            }
        }
    }
    assert!(stream.next().await.is_none(), "no item after the end");
    (text, None)
}

#[tokio::test]
async fn returns_each_chunk_and_the_whole_response_at_the_end() {
    let events = [
        chunk(&json!({ "role": "assistant" })),
        content("Hel"),
        content("lo"),
        content(" 😊"),
        finish("stop"),
        usage(),
    ];
    let server = Server::always(Reply::events(&events).done());
    let model = sdk_without_retries(&server, isolated_system()).chat().completions("yandexgpt");
    let mut stream = model.run_stream("hello").await.unwrap();
    assert_eq!(server.last_json()["stream"], true);
    let mut grown = Vec::new();
    for event in &events {
        assert_eq!(json!(stream.next().await.unwrap().unwrap()), *event);
        grown.push(stream.response().text().to_owned());
    }
    assert!(stream.next().await.is_none());
    assert_eq!(grown, ["", "Hel", "Hello", "Hello 😊", "Hello 😊", "Hello 😊"]);
    let response = stream.finish().await.unwrap();
    assert_eq!((response.text(), response.role()), ("Hello 😊", "assistant"));
    assert_eq!(response.finish_reason(), Some(&FinishReason::Stop));
    assert_eq!(response.usage.unwrap().total_tokens, Some(22));
    assert_eq!((response.id.as_str(), response.object.as_str()), ("chatcmpl-1", "chat.completion"));
    assert_eq!(server.requests().len(), 1);

    let stream = model.run_stream("hello").await.unwrap();
    let chunks: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(chunks.len(), events.len(), "the same as a `futures` stream");
}

#[tokio::test]
async fn assembles_tool_calls_from_fragments() {
    let fragment = |index: u64, id: &str, name: &str, arguments: &str| {
        chunk(&json!({ "tool_calls": [
            { "index": index, "id": id, "type": "", "function": { "name": name, "arguments": arguments } },
        ] }))
    };
    let events = [
        chunk(&json!({ "role": "assistant" })),
        fragment(0, "call-a", "calculator", "{\"expression\": \""),
        fragment(0, "", "", "7"),
        fragment(1, "call-b", "clock", ""),
        fragment(0, "", "", "@8\"}"),
        fragment(1, "", "", "{}"),
        finish("tool_calls"),
    ];
    let response = chat(Reply::events(&events).done()).await.finish().await.unwrap();
    assert_eq!(response.finish_reason(), Some(&FinishReason::ToolCalls));
    assert_eq!(
        json!(response.tool_calls()),
        json!([
            { "index": 0, "id": "call-a", "type": "function",
              "function": { "name": "calculator", "arguments": "{\"expression\": \"7@8\"}" } },
            { "index": 1, "id": "call-b", "type": "function",
              "function": { "name": "clock", "arguments": "{}" } },
        ])
    );

    let server = Server::always(Reply::events(&[finish("stop")]).done());
    let model = sdk_without_retries(&server, isolated_system()).chat().completions("yandexgpt");
    let conversation = [Message::from(&response), Message::function_result("calculator", "-5")];
    model.run_stream(conversation).await.unwrap().finish().await.unwrap();
    let sent = server.last_json();
    assert_eq!(sent["messages"][0], json!({ "role": "assistant", "tool_calls": response.tool_calls() }));
    assert_eq!(sent["messages"][1], json!({ "role": "tool", "content": "-5", "tool_call_id": "call-a" }));
}

#[tokio::test]
async fn the_text_of_a_content_filter_replaces_earlier_text() {
    let mut filtered = content("I cannot talk of that.");
    filtered["choices"][0]["finish_reason"] = json!("content_filter");
    let response =
        chat(Reply::events(&[content("Once upon"), filtered]).done()).await.finish().await.unwrap();
    assert_eq!(response.text(), "I cannot talk of that.");
    assert_eq!(response.finish_reason(), Some(&FinishReason::ContentFilter));
}

#[tokio::test]
async fn keeps_choices_and_reasoning_apart() {
    let choice = |index: u64, delta: Value, reason: Option<&str>| json!({ "choices": [{ "index": index, "delta": delta, "finish_reason": reason }] });
    let events = [
        choice(1, json!({ "role": "assistant", "reasoning_content": "hm" }), None),
        choice(0, json!({ "role": "assistant", "content": "a" }), None),
        choice(1, json!({ "reasoning_content": "m", "content": "b" }), Some("stop")),
        choice(0, json!({ "content": "a" }), Some("length")),
    ];
    let response = chat(Reply::events(&events)).await.finish().await.unwrap();
    let texts: Vec<_> = response.choices.iter().map(|choice| choice.message.as_text()).collect();
    assert_eq!(texts, ["aa", "b"]);
    assert_eq!(response.choices[1].message.reasoning_content.as_deref(), Some("hmm"));
    assert_eq!(response.reasoning_text(), None);

    let error = chat(Reply::events(&events[..3])).await.finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "one choice has no finish reason");
}

#[tokio::test]
async fn an_end_without_an_end_mark_is_a_cut() {
    let (partial, complete) = ([content("Hel")], [content("Hel"), finish("stop")]);
    for (reply, is_complete) in [
        (Reply::events(&complete).done(), true),
        (Reply::events(&complete), true),
        (Reply::events(&partial).done(), true),
        (Reply::events(&complete).done().cut(), true),
        (Reply::events(&partial), false),
        (Reply::events(&partial).cut(), false),
        (Reply::events(&complete).cut(), false),
        (Reply::chunks([format!("data: {}\n\ndata: {{\"choices\":[", content("Hel"))]), false),
        (Reply::chunks([format!("data: {}\n\ndata: [DO", content("Hel"))]), false),
        (Reply::chunks([format!("data: {}\n\ndata: [DONE]", content("Hel"))]), true),
        (Reply::chunks([format!("data: {}", content("Hel"))]), false),
    ] {
        let shown = format!("{reply:?}");
        let (text, error) = texts(chat(reply).await).await;
        assert_eq!(text, "Hel", "{shown}");
        assert_eq!(
            error.as_ref().map(Error::kind),
            (!is_complete).then_some(ErrorKind::Unavailable),
            "{shown}"
        );
    }
    let (_, error) = texts(chat(Reply::chunks([""])).await).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Unavailable, "an empty body is not a response");
}

#[tokio::test]
async fn returns_the_error_that_the_server_sends_in_the_stream() {
    let events =
        [content("Hel"), json!({ "error": { "message": "out of memory", "type": "server", "code": 500 } })];
    let reply = Reply::events(&events).done().with("x-request-id", "scripted");
    let (text, error) = texts(chat(reply).await).await;
    let error = error.unwrap();
    assert_eq!((text.as_str(), error.kind()), ("Hel", ErrorKind::Unavailable));
    assert!(error.to_string().contains("out of memory"), "{error}");
    assert_eq!(error.request_id(), Some("scripted"));
}

#[tokio::test]
async fn unreadable_events_are_errors() {
    for broken in ["{\"choices\":", "nonsense", "[1]", "\"text\""] {
        let (text, error) = texts(chat(Reply::events(&[content("Hel")]).and(broken).done()).await).await;
        assert_eq!((text.as_str(), error.unwrap().kind()), ("Hel", ErrorKind::Unreadable), "{broken}");
    }
    for (body, kind, words) in [
        ("<html>sign in, please</html>", ErrorKind::Unreadable, "sign in"),
        (r#"{"error":{"message":"no such model","code":404}}"#, ErrorKind::Refused, "no such model"),
        (r#"{"id":"1","choices":[]}"#, ErrorKind::Unreadable, "not a stream of events"),
    ] {
        let (_, error) = texts(chat(Reply::chunks([body])).await).await;
        let error = error.unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let huge = vec![b'a'; 1 << 20];
    let pieces = std::iter::once(&b"data: "[..]).chain(std::iter::repeat_n(&huge[..], 20));
    let (_, error) = texts(chat(Reply::chunks(pieces)).await).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Unreadable);
}

#[tokio::test]
async fn skips_comments_other_fields_and_empty_events() {
    let bytes = format!(
        ": hello\r\n\r\nevent: message\r\nid: 1\r\ndata: {}\r\n\r\ndata:\r\n\r\ndata: {}\r\n\r\ndata: [DONE]\r\n\r\n",
        content("a"),
        finish("stop"),
    );
    let (text, error) = texts(chat(Reply::chunks([bytes])).await).await;
    assert_eq!((text.as_str(), error.is_none()), ("a", true));
}

#[tokio::test]
async fn a_broken_stream_is_never_repeated() {
    let server = Server::always(Reply::events(&[content("Hel"), content("lo")]).cut());
    let stream = sdk_without_retries(&server, isolated_system())
        .chat()
        .completions("yandexgpt")
        .run_stream("hello")
        .await
        .unwrap();
    let (text, error) = texts(stream).await;
    assert_eq!((text.as_str(), error.unwrap().kind()), ("Hello", ErrorKind::Unavailable));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn finish_fails_after_an_ignored_error() {
    let mut stream = chat(Reply::events(&[content("Hel")])).await;
    while stream.next().await.is_some() {}
    assert_eq!(stream.response().text(), "Hel");
    assert_eq!(stream.finish().await.unwrap_err().kind(), ErrorKind::Unavailable);

    let mut stream = native(Reply::chunks([grown("Plat", PARTIAL).to_string()])).await;
    while stream.next().await.is_some() {}
    assert_eq!(stream.finish().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// A response of the native API so far.
fn grown(text: &str, status: &str) -> Value {
    json!({
        "alternatives": [{ "message": { "role": "assistant", "text": text }, "status": status }],
        "usage": { "inputTextTokens": "26", "completionTokens": "11", "totalTokens": "37" },
        "modelVersion": "07.03.2024",
    })
}

const PARTIAL: &str = "ALTERNATIVE_STATUS_PARTIAL";
const FINAL: &str = "ALTERNATIVE_STATUS_FINAL";

async fn native(reply: Reply) -> CompletionStream {
    let server = Server::always(reply);
    let stream = sdk_without_retries(&server, isolated_system())
        .models()
        .completions("yandexgpt")
        .run_stream("hello")
        .await
        .unwrap();
    assert_eq!(server.requests()[0].line(), "POST /foundationModels/v1/completion");
    assert_eq!(server.last_json()["completionOptions"], json!({ "stream": true }));
    stream
}

#[tokio::test]
async fn reads_native_streams_wrapped_or_bare_with_or_without_line_breaks() {
    let responses = [grown("Plat", PARTIAL), grown("Platypuses", PARTIAL), grown("Platypuses!", FINAL)];
    let wrap = |response: &Value| json!({ "result": response }).to_string();
    for bytes in [
        responses.each_ref().map(wrap).join("\n"),
        responses.each_ref().map(wrap).join(""),
        responses.each_ref().map(Value::to_string).join("\r\n"),
        responses.each_ref().map(Value::to_string).join("") + "\n",
    ] {
        let stream = native(Reply::chunks([bytes])).await;
        let received: Vec<Value> = stream.map(|response| json!(response.unwrap())).collect().await;
        assert_eq!(received, responses);
    }
    let complete = native(Reply::chunks(responses.each_ref().map(wrap))).await.finish().await.unwrap();
    assert_eq!(complete.text(), "Platypuses!");
    assert_eq!(complete.status(), Some(&AlternativeStatus::Final));
    assert_eq!(complete.usage.unwrap().total_tokens.unwrap(), 37);
}

#[tokio::test]
async fn a_native_stream_without_a_final_response_is_cut() {
    let partial = json!({ "result": grown("Plat", PARTIAL) }).to_string();
    let complete = json!({ "result": grown("Platypuses", FINAL) }).to_string();
    let error = json!({ "error": { "grpcCode": 8, "httpCode": 429, "message": "quota" } }).to_string();
    for (pieces, kind) in [
        (vec![partial.clone()], ErrorKind::Unavailable),
        (vec![partial.clone(), complete[..20].to_owned()], ErrorKind::Unavailable),
        (vec![complete.clone(), complete[..20].to_owned()], ErrorKind::Unavailable),
        (vec![], ErrorKind::Unavailable),
        (vec![partial.clone(), error], ErrorKind::Unavailable),
        (vec![partial.clone(), "<html>".to_owned()], ErrorKind::Unreadable),
        (vec![partial.clone(), "{1}".to_owned()], ErrorKind::Unreadable),
    ] {
        let shown = format!("{pieces:?}");
        let error = native(Reply::chunks(pieces)).await.finish().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error}");
    }
    let error = native(Reply::chunks([complete]).cut()).await.finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "the connection broke");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn packet_boundaries_do_not_matter(
        words in prop::collection::vec("\\PC{0,12}", 1..8),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n\r\n" } else { "\n\n" };
        let events = words.iter().map(|word| content(word)).chain([finish("stop")]);
        let mut bytes: Vec<u8> = events.flat_map(|event| format!("data: {event}{end}").into_bytes()).collect();
        bytes.extend(format!("data: [DONE]{end}").into_bytes());
        let pieces = cut(&bytes, &cuts);
        let responses: Vec<u8> = (1..=words.len())
            .flat_map(|count| {
                let status = if count == words.len() { FINAL } else { PARTIAL };
                json!({ "result": grown(&words[..count].concat(), status) }).to_string().into_bytes()
            })
            .collect();
        let native_pieces = cut(&responses, &cuts);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (text, error) = texts(chat(Reply::chunks(pieces)).await).await;
            assert_eq!((text, error.map(|error| error.to_string())), (words.concat(), None));
            let response = native(Reply::chunks(native_pieces)).await.finish().await.unwrap();
            assert_eq!(response.text(), words.concat());
        });
    }
}

fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}
