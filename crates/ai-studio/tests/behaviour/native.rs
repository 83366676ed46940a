//! Native models: completions, operations, tokens, embeddings.

use crate::fixture::{FOLDER, sdk_without_retries};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::http_server::{Reply, Server};
use test_support::system::isolated_system;
use test_support::wait::soon;
use yandex_ai_studio_sdk::auth::System;
use yandex_ai_studio_sdk::auth::system::{BoxFuture, Clock, Now};
use yandex_ai_studio_sdk::auth::testing::TestClock;
use yandex_ai_studio_sdk::models::{CompletionRequest, CompletionResponse, TokenizeRequest};
use yandex_ai_studio_sdk::{Error, ErrorKind, IntoMessages, Message, ResponseFormat, Tool, ToolChoice};

fn completion() -> Value {
    json!({
        "alternatives": [{
            "message": { "role": "assistant", "text": "Hi there!" }, "status": "ALTERNATIVE_STATUS_FINAL",
        }],
        "usage": { "inputTextTokens": "15", "completionTokens": "8", "totalTokens": "23" },
        "modelVersion": "07.03.2024",
    })
}

async fn sent(messages: impl IntoMessages) -> Result<Value, Error> {
    let server = Server::always(Reply::json(&completion()));
    sdk_without_retries(&server, isolated_system()).models().completions("yandexgpt").run(messages).await?;
    Ok(server.last_json()["messages"].clone())
}

#[tokio::test]
async fn sends_the_recorded_request_and_reads_wrapped_and_bare_responses() {
    for reply in [completion(), json!({ "result": completion() })] {
        let server = Server::always(Reply::json(&reply));
        let response = sdk_without_retries(&server, isolated_system())
            .models()
            .completions("yandexgpt")
            .run("hello")
            .await
            .unwrap();
        assert_eq!((response.text(), response.role(), response.is_final()), ("Hi there!", "assistant", true));
        assert_eq!(response.usage.as_ref().unwrap().total_tokens.unwrap(), 23);
        assert_eq!(json!(response), completion());
        assert_eq!(server.requests()[0].line(), "POST /foundationModels/v1/completion");
        assert_eq!(
            server.last_json(),
            json!({
                "modelUri": format!("gpt://{FOLDER}/yandexgpt/latest"), "completionOptions": {},
                "messages": [{ "role": "user", "text": "hello" }],
            })
        );
    }
}

#[tokio::test]
async fn sends_every_option_under_its_name() {
    let server = Server::always(Reply::json(&completion()));
    let schema = json!({ "type": "object", "properties": { "numbers": { "type": "array" } } });
    let tool = Tool::function("something").description("does").parameters(schema.clone()).strict(true);
    let model = sdk_without_retries(&server, isolated_system())
        .models()
        .completions("yandexgpt/rc")
        .temperature(0.5)
        .max_tokens(100)
        .reasoning_mode("enabled_hidden")
        .response_format(ResponseFormat::json_schema("Numbers", schema.clone()))
        .tools([tool.clone()])
        .parallel_tool_calls(false)
        .tool_choice(&tool);
    model.run("hello").await.unwrap();
    assert_eq!(
        server.last_json(),
        json!({
            "modelUri": format!("gpt://{FOLDER}/yandexgpt/rc"),
            "completionOptions": {
                "temperature": 0.5, "maxTokens": "100", "reasoningOptions": { "mode": "ENABLED_HIDDEN" },
            },
            "messages": [{ "role": "user", "text": "hello" }],
            "jsonSchema": { "schema": schema },
            "tools": [{ "function": {
                "name": "something", "description": "does", "parameters": schema, "strict": true } }],
            "parallelToolCalls": false,
            "toolChoice": { "functionName": "something" },
        })
    );
    model.response_format(ResponseFormat::json()).tool_choice(ToolChoice::auto()).run("hello").await.unwrap();
    assert_eq!(server.last_json()["jsonObject"], true);
    assert_eq!(server.last_json()["jsonSchema"], Value::Null);
    assert_eq!(server.last_json()["toolChoice"], json!({ "mode": "AUTO" }));
}

#[tokio::test]
async fn sends_calls_back_and_joins_consecutive_results() {
    let calls = json!({ "toolCalls": [
        { "functionCall": { "name": "something", "arguments": { "numbers": [5.0, 4.0, 1.0] } } },
        { "functionCall": { "name": "spooning", "arguments": {} } },
    ] });
    let called: CompletionResponse = serde_json::from_value(json!({ "alternatives": [{
        "message": { "role": "assistant", "toolCallList": calls }, "status": "ALTERNATIVE_STATUS_TOOL_CALLS",
    }] }))
    .unwrap();
    let result =
        |name: &str, content: &str| json!({ "functionResult": { "name": name, "content": content } });
    assert_eq!(
        sent([
            Message::user("do"),
            (&called).into(),
            Message::function_result("something", "+20"),
            Message::function_result("spooning", "-10"),
        ])
        .await
        .unwrap(),
        json!([
            { "role": "user", "text": "do" },
            { "role": "assistant", "toolCallList": calls },
            { "role": "user", "toolResultList": { "toolResults": [
                result("something", "+20"), result("spooning", "-10") ] } },
        ])
    );
}

#[tokio::test]
async fn accepts_text_responses_of_the_chat() {
    let called: yandex_ai_studio_sdk::chat::ChatResponse =
        serde_json::from_value(json!({ "choices": [{ "message": {
        "role": "assistant", "content": null,
        "tool_calls": [{ "id": "1", "type": "", "function": { "name": "sum", "arguments": "{\"a\":1}" } }],
    } }] }))
        .unwrap();
    assert_eq!(
        sent([Message::from(&called), Message::tool_result("1", "2")]).await.unwrap(),
        json!([
            { "role": "assistant", "toolCallList": { "toolCalls": [
                { "functionCall": { "name": "sum", "arguments": { "a": 1 } } } ] } },
            { "role": "user", "toolResultList": { "toolResults": [
                { "functionResult": { "name": "sum", "content": "2" } } ] } },
        ])
    );
    let image = yandex_ai_studio_sdk::chat::ContentPart::image("https://example.com/cat.png");
    let error = sent(Message::user(vec![image])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = sent([Message::tool_result("1", "2")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

/// A clock that jumps over each wait between two polls.
#[derive(Clone)]
struct Jumping {
    clock: TestClock,
    interval: Duration,
}

impl Clock for Jumping {
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        if span != self.interval {
            return self.clock.sleep(span);
        }
        let clock = self.clock.clone();
        Box::pin(async move { clock.advance(span) })
    }
}

impl Jumping {
    fn by(seconds: u64) -> Self {
        Self { clock: TestClock::new(), interval: Duration::from_secs(seconds) }
    }

    fn system(&self) -> System {
        System::real().with_clock(self.clone())
    }

    fn passed(&self) -> Duration {
        self.clock.now().monotonic - TestClock::new().now().monotonic
    }
}

/// Accepts a request, and returns the last state of the operation at the third poll.
fn operations(last: Value) -> Server {
    let questions = AtomicUsize::new(0);
    Server::start(move |request, _| {
        let running = json!({ "id": "d7qqr3frkl81js0udlr9", "description": "Async GPT Completion" });
        match request.line() {
            "POST /foundationModels/v1/completionAsync" => Reply::json(&running),
            "GET /operations/d7qqr3frkl81js0udlr9:cancel" => {
                Reply::json(&json!({ "id": "d7qqr3frkl81js0udlr9", "done": true, "error": { "code": 1 } }))
            }
            "GET /operations/d7qqr3frkl81js0udlr9" if questions.fetch_add(1, Ordering::SeqCst) < 2 => {
                Reply::json(&running)
            }
            "GET /operations/d7qqr3frkl81js0udlr9" => Reply::json(&last).with("x-request-id", "scripted"),
            _ => Reply::json(&json!({ "message": "not found" })).with_status(404),
        }
    })
}

fn done(outcome: &Value) -> Value {
    let mut state = json!({ "id": "d7qqr3frkl81js0udlr9", "done": true });
    state.as_object_mut().unwrap().extend(outcome.as_object().unwrap().clone());
    state
}

fn operation_result() -> Value {
    let mut operation_result = completion();
    operation_result["@type"] =
        json!("type.googleapis.com/yandex.cloud.ai.foundation_models.v1.CompletionResponse");
    operation_result
}

#[tokio::test]
async fn waits_for_an_operation_on_the_clock_of_the_system() {
    let server =
        operations(done(&json!({ "response": operation_result(), "error": { "code": 0, "message": "" } })));
    let clock = Jumping::by(10);
    let model = sdk_without_retries(&server, clock.system()).models().completions("yandexgpt");
    let operation = model.run_deferred("ping").await.unwrap();
    assert_eq!(operation.id(), "d7qqr3frkl81js0udlr9");
    assert_eq!(server.last_json()["messages"], json!([{ "role": "user", "text": "ping" }]));
    let response = operation.await.unwrap();
    assert_eq!(response.text(), "Hi there!");
    assert_eq!(json!(response), operation_result(), "with the type of the response");
    assert_eq!(clock.passed(), Duration::from_secs(20));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn attaches_to_an_operation_by_its_id_polls_and_cancels_it() {
    let server = operations(done(&json!({ "response": operation_result() })));
    let model = sdk_without_retries(&server, isolated_system()).models().completions("yandexgpt");
    drop(model.run_deferred("ping").await.unwrap());
    assert_eq!(server.requests().len(), 1, "dropping a handle sends nothing");

    let operation = model.attach_deferred("d7qqr3frkl81js0udlr9");
    assert!(operation.status().await.unwrap().is_running());
    assert!(operation.poll().await.unwrap().is_none());
    assert_eq!(operation.poll().await.unwrap().unwrap().text(), "Hi there!");
    assert!(operation.status().await.unwrap().is_succeeded());
    assert!(operation.cancel().await.unwrap().is_failed());
    assert_eq!(server.requests().last().unwrap().line(), "GET /operations/d7qqr3frkl81js0udlr9:cancel");
}

#[tokio::test]
async fn an_operation_without_a_response_is_an_error_with_the_reason() {
    let failed =
        json!({ "response": {}, "error": { "code": 8, "message": "quota exceeded", "details": [] } });
    let other = json!({ "response": { "@type": "type.googleapis.com/google.protobuf.Empty" } });
    for (outcome, kind, words) in [
        (failed, ErrorKind::Operation, "quota exceeded"),
        (json!({ "error": { "code": 1, "message": "cancelled" } }), ErrorKind::Operation, "cancelled"),
        (json!({}), ErrorKind::Operation, "neither"),
        (json!({ "error": { "code": 0 } }), ErrorKind::Operation, "neither"),
        (other, ErrorKind::Unreadable, "without a completion response"),
        (json!({ "response": [] }), ErrorKind::Unreadable, "without a completion response"),
    ] {
        let server = operations(done(&outcome));
        let model = sdk_without_retries(&server, Jumping::by(1).system()).models().completions("yandexgpt");
        let operation = model.run_deferred("ping").await.unwrap().poll_interval(Duration::from_secs(1));
        let error = operation.wait().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("the operation d7qqr3frkl81js0udlr9"), "{error}");
        assert_eq!(error.request_id(), Some("scripted"));
        assert!(error.help().is_some(), "{error}");
    }
}

#[tokio::test]
async fn stops_waiting_at_the_poll_timeout() {
    let server = Server::always(Reply::json(&json!({ "id": "d7q", "done": false })));
    let clock = Jumping::by(10);
    let operation = sdk_without_retries(&server, clock.system()).models().operation("d7q");
    let error = soon(operation.poll_timeout(Duration::from_secs(25))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.help().unwrap().contains("attach_deferred"));
    assert_eq!(clock.passed(), Duration::from_secs(30));

    let clock = Jumping::by(10);
    let operation = sdk_without_retries(&server, clock.system()).models().operation("d7q");
    assert_eq!(soon(operation).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(clock.passed(), Duration::from_secs(3600), "one hour by default");
}

#[tokio::test]
async fn the_poll_interval_has_a_minimum() {
    let clock = Jumping { clock: TestClock::new(), interval: Duration::from_millis(100) };
    let server = operations(done(&json!({ "response": operation_result() })));
    let model = sdk_without_retries(&server, clock.system()).models().completions("yandexgpt");
    let operation = model.run_deferred("ping").await.unwrap().poll_interval(Duration::ZERO);
    soon(operation).await.unwrap();
    assert_eq!((clock.passed(), server.requests().len()), (Duration::from_millis(200), 4));
}

#[tokio::test]
async fn the_error_of_an_unknown_operation_is_about_its_id() {
    let server = operations(json!({}));
    let operation = sdk_without_retries(&server, isolated_system()).models().operation("forgotten");
    for error in [
        operation.status().await.unwrap_err(),
        operation.poll().await.unwrap_err(),
        operation.cancel().await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Refused, 404));
        let help = error.help().unwrap();
        assert!(help.contains("the id of the operation") && !help.contains("model"), "{help}");
    }
}

#[tokio::test]
async fn rejects_a_malformed_operation_id_before_sending() {
    let server = Server::always(Reply::json(&json!({})));
    for id in ["", "..", "a/b", "a?b", "a b", "идентификатор", "a%2fb"] {
        let error = sdk_without_retries(&server, isolated_system())
            .models()
            .operation(id)
            .status()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{id:?}");
    }
    assert!(server.requests().is_empty());
    let error = sdk_without_retries(&server, isolated_system())
        .models()
        .completions("yandexgpt")
        .run_deferred("x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable, "an operation must have an id");
}

#[tokio::test]
async fn tokenizes_texts() {
    let received = json!({
        "tokens": [{ "id": "1", "text": "<s>", "special": true }, { "id": "45533", "text": "▁ping" }],
        "modelVersion": "07.03.2024",
    });
    let server = Server::always(Reply::json(&received));
    let models = sdk_without_retries(&server, isolated_system()).models();
    let tokens = models.completions("yandexgpt").tokenize("ping").await.unwrap();
    assert_eq!(tokens.len(), 2);
    assert_eq!((tokens[0].special, tokens[1].special, tokens[1].id.unwrap().get()), (true, false, 45533));
    let request: CompletionRequest = serde_json::from_value(server.last_json()).unwrap();
    assert_eq!(server.requests()[0].line(), "POST /foundationModels/v1/tokenizeCompletion");
    assert_eq!(json!(models.tokenize(&request).await.unwrap()), received);

    let mut request = TokenizeRequest::default();
    "gpt://b1g/yandexgpt/latest".clone_into(&mut request.model_uri);
    "ping".clone_into(&mut request.text);
    assert_eq!(json!(models.tokenize_text(&request).await.unwrap()), received);
    assert_eq!(server.requests().last().unwrap().line(), "POST /foundationModels/v1/tokenize");
}

#[tokio::test]
async fn embeds_a_text() {
    let received =
        json!({ "embedding": [0.0469970703125, 0, -1], "numTokens": "3", "modelVersion": "06.12.2023" });
    let server = Server::always(Reply::json(&received));
    let model =
        sdk_without_retries(&server, isolated_system()).models().text_embeddings("query").dimensions(3);
    let response = model.run("hello").await.unwrap();
    assert_eq!(response.embedding, [0.046_997_070_312_5, 0.0, -1.0]);
    assert_eq!(response.num_tokens.unwrap(), 3);
    assert_eq!(json!(response), received);
    assert_eq!(server.requests()[0].line(), "POST /foundationModels/v1/textEmbedding");
    let uri = format!("emb://{FOLDER}/text-search-query/latest");
    assert_eq!(server.last_json(), json!({ "modelUri": uri, "text": "hello", "dim": "3" }));

    let server = Server::always(Reply::json(&json!({ "numTokens": "3" })));
    let error = sdk_without_retries(&server, isolated_system())
        .models()
        .text_embeddings("doc")
        .run("hello")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable);
}
