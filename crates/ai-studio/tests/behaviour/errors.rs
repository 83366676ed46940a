//! The content of errors, and the secrets that errors never show.

use crate::fixture::{API_KEY, InstantClock, sdk_at, sdk_mapped, test_system};
use std::error::Error as _;
use std::time::Duration;

use test_support::http_server::{Reply, Server};
use test_support::wait::soon;
use yandex_ai_studio_sdk::auth::{ApiKeyAuth, IamTokenAuth, Method};
use yandex_ai_studio_sdk::{AiStudio, Error, ErrorKind, RetryPolicy, Verify};
use yandex_cloud_emulator::{Emulator, Fault, Service};

async fn error_of(reply: Reply) -> (Error, Server) {
    let server = Server::always(reply);
    let sdk = sdk_mapped(&server.url()).retry_policy(RetryPolicy::none()).build().unwrap();
    let error = sdk.chat().completions("yandexgpt").run("hello").await.unwrap_err();
    (error, server)
}

#[tokio::test]
async fn an_error_names_the_call_the_method_and_the_message_of_the_server() {
    let reply = Reply::body(404, r#"{"error":{"message":"no such model","type":"invalid_request_error"}}"#)
        .with("x-request-id", "r-1")
        .with("x-server-trace-id", "t-1:s-1");
    let (error, server) = error_of(reply).await;
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Refused, 404));
    let url = format!("POST {}/v1/chat/completions", server.url());
    assert_eq!(error.endpoint(), Some(url.as_str()));
    assert_eq!(error.auth_method(), Some(Method::ApiKey));
    assert_eq!((error.request_id(), error.trace_id()), (Some("r-1"), Some("t-1:s-1")));
    assert_eq!(error.client_request_id(), server.requests()[0].header("x-client-request-id"));
    assert_eq!(error.reason(), "HTTP 404: no such model");
    assert!(!error.is_transient() && error.auth().is_none() && error.help().is_some());
    let id = error.client_request_id().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "{url}: HTTP 404: no such model (auth api-key, x-client-request-id {id}, x-request-id r-1, \
             x-server-trace-id t-1:s-1)"
        )
    );
}

#[tokio::test]
async fn both_kinds_of_error_bodies_are_read() {
    for (body, reason) in [
        (r#"{"code":7,"message":"no permission","details":[]}"#, "HTTP 403: no permission"),
        (r#"{"error":"no permission"}"#, "HTTP 403: no permission"),
        (r#"{"error":{"grpcCode":7,"httpCode":403,"message":"no permission"}}"#, "HTTP 403: no permission"),
        ("<html>", "HTTP 403"),
    ] {
        let (error, _) = error_of(Reply::body(403, body)).await;
        assert_eq!(error.reason(), reason, "{body}");
    }
}

#[tokio::test]
async fn an_error_masks_a_secret_that_the_server_repeats() {
    let secrets = [API_KEY, "t1.FAKE-body.FAKE-signature", "y0_FAKE-oauth", "eyJhbGciOi.FAKE.jwt"];
    for secret in secrets {
        for body in [
            format!(r#"{{"error":{{"message":"bad key: {secret}"}}}}"#),
            format!(r#"{{"message":"{secret}"}}"#),
            format!("your {secret} is wrong"),
        ] {
            let reply =
                Reply::body(401, &body).with("x-request-id", secret).with("x-server-trace-id", secret);
            let (error, _) = error_of(reply).await;
            assert_silent(&error, secret);
        }
        let (error, _) = error_of(Reply::body(200, &format!(r#"{{"choices":"{secret}""#))).await;
        assert_silent(&error, secret);
    }
}

#[tokio::test]
async fn an_error_masks_a_sent_key_of_unknown_shape() {
    let server = Server::start(|request, _| {
        let header = request.header("authorization").unwrap();
        Reply::body(401, &format!(r#"{{"message":"no such key: {header}"}}"#))
    });
    let sdk = sdk_mapped(&server.url()).auth("hunter2hunter2").build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert!(error.to_string().contains("no such key: Api-Key ***"), "{error}");
    assert_silent(&error, "hunter2hunter2");
}

#[tokio::test]
async fn a_connection_error_shows_no_secret() {
    let sdk = sdk_mapped("http://127.0.0.1:1").system(test_system([]).with_clock(InstantClock::default()));
    let error = sdk.build().unwrap().chat().models().await.unwrap_err();
    assert_silent(&error, API_KEY);
    let proxy = test_system([("HTTPS_PROXY", "ftp://user:hidden@proxy:1")]);
    let sdk = sdk_mapped("https://gate.example")
        .service_map([("http_completions", "https://api.cloud.yandex.net")]);
    let error = sdk.system(proxy).build().unwrap().chat().models().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_silent(&error, "hidden");
}

/// Checks the error and its causes.
fn assert_silent(error: &Error, secret: &str) {
    let mut texts = vec![error.to_string(), format!("{error:?}"), format!("{:?}", error.help())];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.extend([error.to_string(), format!("{error:?}")]);
        cause = error.source();
    }
    for text in texts {
        assert!(!text.contains(&secret[secret.len() - 6..]), "{text}");
    }
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let builder =
        sdk_mapped("https://user.example").auth("hunter2hunter2").endpoint("https://user:hidden@host");
    let shown = format!("{builder:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("hidden"), "{shown}");
    let sdk = sdk_mapped("https://user.example").auth("hunter2hunter2").build().unwrap();
    sdk.credentials().header().await.unwrap();
    let shown = format!("{sdk:?} {:?} {:?}", sdk.chat(), sdk.models());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn an_unexpected_response_is_unreadable() {
    for body in ["", "<html>", "[1]", "\"text\"", "{\"choices\":"] {
        let (error, _) = error_of(Reply::body(200, body)).await;
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{body}: {error}");
        assert!(error.client_request_id().is_some() && !error.is_transient());
    }
}

#[tokio::test]
async fn an_error_in_a_200_response_names_the_call() {
    let reply = Reply::body(200, r#"{"error":{"message":"no such model","code":404}}"#);
    let (error, server) = error_of(reply.with("x-server-trace-id", "t-1")).await;
    assert!(error.to_string().contains("no such model"), "{error}");
    assert_eq!(error.client_request_id(), server.requests()[0].header("x-client-request-id"));
    assert_eq!(error.trace_id(), Some("t-1"));
}

#[tokio::test]
async fn a_failed_token_fetch_is_the_error_of_the_auth_crate() {
    let emulator = Emulator::start().await.unwrap();
    let sdk = sdk_at(&emulator.api_url()).auth(emulator.new_oauth_token()).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.kind(), error.auth_method()), (ErrorKind::Auth, Some(Method::OAuthToken)));
    let cause = error.auth().unwrap();
    assert_eq!(error.help(), cause.help());
    assert!(error.to_string().contains(cause.reason()) && error.endpoint().is_some(), "{error}");
    assert_eq!(emulator.counters().requests(Service::Ai), 0);
}

#[tokio::test]
async fn an_error_names_the_method_that_the_call_itself_selected() {
    let emulator = Emulator::start().await.unwrap();
    emulator.faults().add(Fault::status(403).on(Service::Ai));
    let key = emulator.api_key().to_owned();
    let system = test_system([("YC_API_KEY", key.as_str())]);
    let sdk = AiStudio::builder().system(system).endpoint(emulator.api_url()).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.auth_method(), error.status().unwrap().as_u16()), (Some(Method::ApiKey), 403));
    assert!(error.trace_id().is_some() && error.request_id().is_some(), "{error}");
}

#[tokio::test]
async fn an_error_of_refused_credentials_names_the_method_and_helps() {
    let emulator = Emulator::start().await.unwrap();
    let stale = IamTokenAuth::new("t1.FAKE-unknown.FAKE-signature").unwrap();
    let sdk = sdk_at(&emulator.api_url()).auth(stale).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Refused, 401));
    let help = error.help().unwrap();
    assert!(help.contains("iam-token") && help.contains("check that the token is complete"), "{help}");
    let sdk =
        sdk_at(&emulator.api_url()).auth(ApiKeyAuth::new("AQVN-FAKE-unknown").unwrap()).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    let action = "check that the key is complete, is not deleted, and belongs to this installation";
    assert!(error.help().unwrap().contains(action), "{:?}", error.help());
}

#[tokio::test]
async fn an_unknown_host_has_the_words_of_the_auth_crate() {
    // A name may have 253 bytes, so the resolver refuses this one without a query.
    let name = format!("{}localhost", format!("{}.", "a".repeat(60)).repeat(5));
    let clock = InstantClock::default();
    let sdk =
        sdk_mapped(&format!("http://{name}")).system(test_system([]).with_clock(clock)).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(&format!("the name {name} could not be resolved")), "{error}");
}

#[tokio::test]
async fn discovery_at_a_plain_text_server_explains_the_form_of_the_endpoint() {
    let emulator = Emulator::start().await.unwrap();
    let authority = Emulator::builder().tls(true).start().await.unwrap().ca_pem().unwrap().to_owned();
    let endpoint = format!("https://{}", emulator.api_addr());
    let sdk =
        sdk_at(&endpoint).verify(Verify::pem(authority)).retry_policy(RetryPolicy::none()).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("the server does not speak TLS"), "{error}");
    let help = error.help().unwrap();
    assert!(help.contains("`http://`") && help.contains("`verify`"), "{help}");
}

#[tokio::test]
async fn rate_limited_discovery_waits_as_long_as_the_server_asks() {
    let server = Server::always(Reply::status(429).with("retry-after", "7"));
    let clock = InstantClock::with_discovery();
    let sdk = sdk_at(&server.url())
        .system(test_system([]).with_clock(clock.clone()))
        .retry_policy(RetryPolicy::new().max_attempts(2))
        .build()
        .unwrap();
    let error = soon(sdk.chat().models()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unavailable, true), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(error.to_string().contains("endpoint discovery: ") && error.to_string().contains("HTTP 429"));
    assert!(error.help().unwrap().contains("rate-limiting"), "{:?}", error.help());
    assert_eq!((server.requests().len(), clock.slept()), (2, vec![7000]));
}

#[test]
fn a_call_without_a_runtime_is_an_error() {
    let sdk = sdk_mapped("http://127.0.0.1:1").build().unwrap();
    let mut call = std::pin::pin!(async { sdk.chat().models().await.map(drop) });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = call.as_mut().poll(&mut context) else {
        panic!("it waits");
    };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
}
