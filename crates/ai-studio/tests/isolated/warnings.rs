//! What is logged as a warning: what the environment asks for and does not get.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::fixture::server::{Reply, Server};
use crate::fixture::{API_KEY, FOLDER, machine};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, RetryPolicy};

/// The warnings of this process, as text.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("yandex_")
    }

    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// One test, because the log belongs to the process.
#[tokio::test]
async fn warns_once_about_a_foreign_endpoint_in_the_environment_and_not_about_one_in_code() {
    let warnings = Warnings::default();
    tracing::subscriber::set_global_default(warnings.clone()).unwrap();
    let take_warnings = || std::mem::take(&mut *warnings.0.lock().unwrap());
    let server = Server::always(Reply::models()).await;
    let sdk = |endpoint: &str| -> AiStudioBuilder {
        let system = machine([("YC_API_ENDPOINT", endpoint)]);
        AiStudio::builder().system(system).folder_id(FOLDER).auth(API_KEY).retry_policy(RetryPolicy::none())
    };

    // An address in code works despite the foreign endpoint.
    let foreign = sdk("api.evil.example").service_map([("http_completions", server.url())]).build().unwrap();
    assert_eq!(take_warnings(), [""; 0], "building the SDK reads no variable");
    for _ in 0..3 {
        foreign.chat().models().await.unwrap();
        foreign.models().completions("yandexgpt").run("hello").await.unwrap_err();
    }
    let lines = take_warnings();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for word in ["YC_API_ENDPOINT", "https://api.evil.example", "the SDK sends nothing to it"] {
        assert!(lines[0].contains(word), "{word}: {lines:?}");
    }

    let in_code = sdk("api.evil.example").endpoint(server.url()).build().unwrap();
    in_code.chat().models().await.unwrap_err();
    let loopback = sdk(&server.url()).build().unwrap();
    loopback.http().await.unwrap();
    for ours in ["api.yandexcloud.kz:443", ""] {
        sdk(ours).build().unwrap().http().await.unwrap();
    }
    assert_eq!(take_warnings(), [""; 0]);
}
