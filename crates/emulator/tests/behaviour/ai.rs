//! AI Studio: credentials and responses.

use crate::common::{FLAVOR, accepted, api_key, bearer, grpc, token_url};
use http::StatusCode;
use serde_json::{Value, json};
use test_support::http_client::{get, post};
use tonic::Code;
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

#[tokio::test]
async fn chat_names_the_caller_and_the_credential() {
    let emulator = Emulator::start().await.unwrap();
    let account = emulator.service_account_id();
    let iam = emulator.iam_token().unwrap();
    let metadata = get(&token_url(&emulator), &[FLAVOR]).await.json()["access_token"].clone();
    let url = format!("{}/iam/v1/tokens", emulator.api_url());
    let exchanged = post(&url, &[], &json!({ "yandexPassportOauthToken": emulator.oauth_token() })).await;
    let exchanged = exchanged.json()["iamToken"].clone();
    let issued = post(&format!("{}/_emulator/tokens/issue", emulator.api_url()), &[], &json!({})).await;
    let issued = issued.json()["iamToken"].clone();

    for (authorization, who) in [
        (api_key(emulator.api_key()), format!("service account {account} by api-key")),
        (bearer(emulator.api_key()), format!("service account {account} by api-key")),
        (bearer(&iam), format!("service account {account} by iam-token")),
        (bearer(issued.as_str().unwrap()), format!("service account {account} by iam-token from control")),
        (bearer(metadata.as_str().unwrap()), format!("service account {account} by iam-token from metadata")),
        (
            bearer(exchanged.as_str().unwrap()),
            "user account ajefake0emulator0usr by iam-token from oauth-token".to_owned(),
        ),
    ] {
        let reply = chat(&emulator, &authorization, false).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(content(&reply), format!("authenticated as {who}; you said: hello there"));
    }
}

#[tokio::test]
async fn chat_has_the_format_of_the_real_service() {
    let emulator = Emulator::start().await.unwrap();
    let reply = chat(&emulator, &api_key(emulator.api_key()), false).await;
    assert_eq!(reply.header("content-type"), "application/json");
    let response = reply.json();
    assert_eq!(response["object"], "chat.completion");
    assert_eq!(response["model"], "gpt://yandexgpt/latest");
    assert!(response["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(response["created"].is_u64());
    let choice = &response["choices"][0];
    assert_eq!(choice["index"], 0);
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["finish_reason"], "stop");
    assert_eq!(response["usage"], json!({ "prompt_tokens": 4, "completion_tokens": 11, "total_tokens": 15 }));
}

#[tokio::test]
async fn chat_streams_events_that_add_up() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let whole = content(&chat(&emulator, &key, false).await);
    let reply = chat(&emulator, &key, true).await;

    assert_eq!(reply.header("content-type"), "text/event-stream");
    let text = reply.text();
    let mut events: Vec<&str> =
        text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(events.pop(), Some("[DONE]"));
    let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();

    let (first, last) = (&chunks[0], &chunks[chunks.len() - 1]);
    assert_eq!(first["choices"][0]["delta"], json!({ "role": "assistant" }));
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].is_u64());
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
    let deltas = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert_eq!(deltas.collect::<String>(), whole);
    // The Python SDK calls a method of the field if the field is present.
    assert!(chunks.iter().all(|chunk| !chunk["choices"][0]["finish_reason"].is_null()
        || chunk["choices"][0].get("finish_reason").is_none()));
}

#[tokio::test]
async fn chat_reads_the_text_of_parts() {
    let emulator = Emulator::start().await.unwrap();
    let body = json!({
        "model": model(&emulator),
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "what is this?" },
            { "type": "image_url", "image_url": { "url": "data:," } },
        ] }],
    });
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    let reply = post(&url, &[("authorization", &api_key(emulator.api_key()))], &body).await;
    assert!(content(&reply).ends_with("you said: what is this?"));
}

/// A chat with a function that collects numbers.
fn with_tools(emulator: &Emulator, more: &Value) -> Value {
    let function = |name: &str| {
        json!({ "type": "function", "function": { "name": name, "strict": null, "parameters": {
            "type": "object",
            "properties": { "numbers": { "type": "array", "items": { "type": "integer" } } },
            "required": ["numbers"],
        } } })
    };
    let mut body = json!({
        "model": model(emulator),
        "messages": [{ "role": "user", "content": "do something with 5, 4, a, 1" }],
        "tools": [function("something"), function("another")],
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

async fn chat_with(emulator: &Emulator, body: &Value) -> test_support::http_client::Response {
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    post(&url, &[("authorization", &api_key(emulator.api_key()))], body).await
}

#[tokio::test]
async fn chat_calls_a_function_that_the_user_names_and_repeats_its_result() {
    let emulator = Emulator::start().await.unwrap();
    let body = with_tools(&emulator, &json!({}));
    let choice = chat_with(&emulator, &body).await.json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "tool_calls");
    let called = &choice["message"]["tool_calls"][0];
    let expected = json!({ "name": "something", "arguments": r#"{"numbers":[5,4,1]}"# });
    assert_eq!((&called["type"], &called["function"]), (&json!("function"), &expected));

    let result = json!({ "role": "tool", "tool_call_id": called["id"], "content": "+20.0" });
    let messages = json!([body["messages"][0], choice["message"], result]);
    let reply = chat_with(&emulator, &with_tools(&emulator, &json!({ "messages": messages }))).await;
    assert!(content(&reply).ends_with("; the tool said: +20.0"), "{}", reply.text());
    assert_eq!(reply.json()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn chat_follows_the_tool_choice() {
    let emulator = Emulator::start().await.unwrap();
    let another = json!({ "type": "function", "function": { "name": "another" } });
    let both = json!([{ "role": "user", "content": "something and another" }]);
    for (more, called) in [
        (json!({ "tool_choice": "none" }), vec![]),
        (json!({ "tool_choice": "auto" }), vec!["something"]),
        (json!({ "tool_choice": null, "response_format": null, "tools": null }), vec![]),
        (json!({ "tool_choice": "required" }), vec!["something"]),
        (json!({ "tool_choice": another }), vec!["another"]),
        (json!({ "messages": both }), vec!["something", "another"]),
        (json!({ "messages": both, "parallel_tool_calls": false }), vec!["something"]),
    ] {
        let response = chat_with(&emulator, &with_tools(&emulator, &more)).await.json();
        let calls = response["choices"][0]["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = calls.iter().map(|call| call["function"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, called, "{more}");
        let indexes: Vec<u64> = calls.iter().map(|call| call["index"].as_u64().unwrap()).collect();
        assert!(indexes.iter().copied().eq(0..calls.len() as u64));
    }
    for choice in [json!("sometimes"), json!({ "function": { "name": "absent" } }), json!({})] {
        let body = with_tools(&emulator, &json!({ "tool_choice": choice }));
        assert_eq!(chat_with(&emulator, &body).await.status, StatusCode::BAD_REQUEST, "{choice}");
    }
}

#[tokio::test]
async fn chat_streams_the_fragments_of_a_call() {
    let emulator = Emulator::start().await.unwrap();
    let reply = chat_with(&emulator, &with_tools(&emulator, &json!({ "stream": true }))).await;
    let text = reply.text();
    let events = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    let chunks: Vec<Value> = events.filter_map(|event| serde_json::from_str(event).ok()).collect();
    let calls: Vec<&Value> =
        chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).collect();
    let calls: Vec<&Value> = calls.into_iter().filter(|call| !call.is_null()).collect();

    assert!(calls.len() > 2, "{text}");
    assert_eq!((&calls[0]["type"], &calls[0]["function"]["name"]), (&json!("function"), &json!("something")));
    assert!(calls.iter().all(|call| call["index"] == 0));
    assert!(calls[1..].iter().all(|call| call.get("id").is_none()));
    let arguments = calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap());
    assert_eq!(arguments.collect::<String>(), r#"{"numbers":[5,4,1]}"#);
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "tool_calls");
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn chat_responds_in_json_on_request() {
    let emulator = Emulator::start().await.unwrap();
    let schema = json!({ "type": "object", "properties": {
        "text": { "type": "string" }, "count": { "type": "integer" },
    } });
    let body = |format: Value| {
        json!({
            "model": model(&emulator),
            "messages": [{ "role": "user", "content": "hello" }],
            "response_format": format,
        })
    };
    let response =
        |reply: &test_support::http_client::Response| serde_json::from_str::<Value>(&content(reply)).unwrap();

    let reply = chat_with(&emulator, &body(json!({ "type": "json_object" }))).await;
    assert!(response(&reply)["answer"].as_str().unwrap().ends_with("you said: hello"));
    let format = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema } });
    let reply = chat_with(&emulator, &body(format)).await;
    assert!(response(&reply)["text"].as_str().unwrap().ends_with("you said: hello"));
    assert!(response(&reply)["count"].is_i64());
    let reply = chat_with(&emulator, &body(json!({ "type": "text" }))).await;
    assert!(content(&reply).starts_with("authenticated as"));
    for format in [json!({ "type": "json_schema" }), json!({ "type": "xml" }), json!("json")] {
        let reply = chat_with(&emulator, &body(format)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn lists_the_models_of_the_folder() {
    let emulator = Emulator::builder().folder_id("b1gmine").start().await.unwrap();
    let url = format!("{}/v1/models", emulator.api_url());
    let key = api_key(emulator.api_key());

    for folder in [None, Some("b1gmine")] {
        let mut headers = vec![("authorization", key.as_str())];
        headers.extend(folder.map(|folder| ("OpenAI-Project", folder)));
        let reply = get(&url, &headers).await;
        assert_eq!(reply.json()["object"], "list");
        let models = reply.json()["data"].as_array().unwrap().clone();
        let first = json!({ "id": "gpt://b1gmine/yandexgpt/latest", "object": "model", "owned_by": "Yandex", "created": 0 });
        assert!(models.contains(&first), "{models:?}");
    }
    let reply = get(&url, &[("authorization", &key), ("OpenAI-Project", "b1gother")]).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn refuses_wrong_credentials_over_rest_and_grpc() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let revoked = emulator.iam_token().unwrap();
    emulator.revoke_iam_token(&revoked).unwrap();
    let revoked_key = emulator.api_key_with_scopes(&["yc.ai.languageModels.execute"]).unwrap();
    emulator.revoke_api_key(&revoked_key).unwrap();

    for (authorization, message) in [
        (bearer(&revoked), "The token is invalid"),
        (bearer("t1.unknown"), "The token is invalid"),
        (api_key("AQVNunknown"), "Unknown api key"),
        (api_key(&revoked_key), "Unknown api key"),
        (api_key(&emulator.iam_token().unwrap()), "Unknown api key"),
        (
            format!("OAuth {}", emulator.oauth_token()),
            "IAM token or API key has to be passed in request: the authorization scheme is neither Bearer nor Api-Key",
        ),
        (
            "t1.without-scheme".to_owned(),
            "IAM token or API key has to be passed in request: the authorization header has no scheme",
        ),
    ] {
        let reply = chat(&emulator, &authorization, false).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{message}");
        let of_chat = format!("rpc error: code = Unauthenticated desc = {message}");
        assert_eq!(crate::common::message(&reply), of_chat);
        let request = grpc::with(&authorization, completion(&emulator, false));
        let error =
            grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Unauthenticated, message));
    }

    let reply = post(&format!("{}/v1/chat/completions", emulator.api_url()), &[], &json!({})).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let error = grpc::stream::<_, grpc::Completed>(
        &channel,
        grpc::COMPLETION,
        grpc::bare(completion(&emulator, false)),
    )
    .await;
    assert_eq!(error.unwrap_err().message(), "IAM token or API key has to be passed in request");
}

#[tokio::test]
async fn only_the_openai_paths_accept_an_api_key_as_bearer() {
    let emulator = Emulator::start().await.unwrap();
    assert_eq!(accepted(&emulator, &bearer(emulator.api_key())).await, StatusCode::OK);
    let channel = grpc::connect(emulator.api_addr()).await;
    let request = grpc::with(&bearer(emulator.api_key()), completion(&emulator, false));
    let error = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Unauthenticated, "The token is invalid"));
}

#[tokio::test]
async fn an_api_key_needs_the_scope() {
    let emulator = Emulator::builder().api_key_scopes(["yc.monitoring.read"]).start().await.unwrap();
    let reply = chat(&emulator, &api_key(emulator.api_key()), false).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);

    let channel = grpc::connect(emulator.api_addr()).await;
    let request = grpc::with(&api_key(emulator.api_key()), completion(&emulator, false));
    let error = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);

    for scope in ["yc.ai.languageModels.execute", "yc.ai.foundationModels.execute"] {
        let key = emulator.api_key_with_scopes(&["yc.monitoring.read", scope]).unwrap();
        assert_eq!(chat(&emulator, &api_key(&key), false).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn refuses_models_of_another_folder_and_without_a_folder() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let url = format!("{}/v1/chat/completions", emulator.api_url());
    for (model, status) in [
        ("gpt://b1gother/yandexgpt/latest", StatusCode::FORBIDDEN),
        ("yandexgpt", StatusCode::BAD_REQUEST),
        ("gpt://", StatusCode::BAD_REQUEST),
        ("emb://x/y/z", StatusCode::BAD_REQUEST),
    ] {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
        assert_eq!(post(&url, &[("authorization", &key)], &body).await.status, status, "{model}");
    }
}

#[tokio::test]
async fn text_generation_streams_growing_prefixes() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let key = api_key(emulator.api_key());

    let request = grpc::with(&key, completion(&emulator, true));
    let responses = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap();
    assert!(responses.len() > 2, "{}", responses.len());
    let texts: Vec<&str> =
        responses.iter().map(|a| a.alternatives[0].message.as_ref().unwrap().text()).collect();
    assert!(texts.windows(2).all(|pair| pair[1].len() > pair[0].len() && pair[1].starts_with(pair[0])));
    let expected = format!(
        "authenticated as service account {} by api-key; you said: hello there",
        emulator.service_account_id()
    );
    assert_eq!(*texts.last().unwrap(), expected);
    let statuses: Vec<i32> = responses.iter().map(|a| a.alternatives[0].status).collect();
    assert!(statuses[..statuses.len() - 1].iter().all(|&status| status == 1));
    assert_eq!(statuses[statuses.len() - 1], 3);
    let usage = responses.last().unwrap().usage.clone().unwrap();
    assert_eq!((usage.input_text_tokens, usage.completion_tokens, usage.total_tokens), (2, 11, 13));

    let request = grpc::with(&key, completion(&emulator, false));
    let responses = grpc::stream::<_, grpc::Completed>(&channel, grpc::COMPLETION, request).await.unwrap();
    assert_eq!(responses.len(), 1);
    assert_eq!(responses[0].alternatives[0].message.as_ref().unwrap().text(), expected);
    assert_eq!(responses[0].model_version, "emulator");
}

#[tokio::test]
async fn returns_one_token_for_each_word() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    let key = api_key(emulator.api_key());
    let request = grpc::with(&key, completion(&emulator, false));
    let whole =
        grpc::unary::<_, grpc::Tokenized>(&channel, grpc::TOKENIZE_COMPLETION, request).await.unwrap();
    let whole = whole.into_inner();
    let texts: Vec<(&str, bool)> = whole.tokens.iter().map(|t| (t.text.as_str(), t.special)).collect();
    assert_eq!(texts, [("<s>", true), ("\u{2581}hello", false), ("\u{2581}there", false), ("[SEP]", true)]);

    let request =
        grpc::with(&key, grpc::Tokenize { model_uri: model(&emulator), text: "hello there".to_owned() });
    let plain =
        grpc::unary::<_, grpc::Tokenized>(&channel, grpc::TOKENIZE, request).await.unwrap().into_inner();
    assert_eq!(plain, whole);

    let error = grpc::unary::<_, grpc::Tokenized>(
        &channel,
        grpc::TOKENIZE_COMPLETION,
        grpc::bare(completion(&emulator, false)),
    );
    assert_eq!(error.await.unwrap_err().code(), Code::Unauthenticated);
}
