//! Blocking calls.

use crate::fixture::sdk_at;
use yandex_ai_studio_sdk::{AiStudio, ErrorKind};
use yandex_cloud_emulator::{Emulator, Service};

fn sdk(emulator: &Emulator) -> AiStudio {
    sdk_at(&emulator.api_url()).auth(emulator.api_key()).folder_id(emulator.folder_id()).build().unwrap()
}

#[test]
fn waits_for_calls_and_streams_on_the_calling_thread() {
    let emulator = Emulator::start_in_thread().unwrap();
    let sdk = sdk(&emulator);
    let blocking = sdk.blocking().unwrap();
    let response = blocking.wait(sdk.chat().completions("yandexgpt").run("hello")).unwrap();
    assert!(response.text().contains("hello"), "{}", response.text());
    let stream = blocking.wait(sdk.chat().completions("yandexgpt").run_stream("hello")).unwrap();
    let text: String = blocking.iter(stream).map(|chunk| chunk.unwrap().text().to_owned()).collect();
    assert!(text.contains("hello"), "{text}");
}

#[tokio::test]
async fn fails_inside_a_runtime_and_sends_nothing() {
    let emulator = Emulator::start().await.unwrap();
    let sdk = sdk(&emulator);
    assert_eq!(sdk.blocking().unwrap_err().kind(), ErrorKind::Invalid);

    let other = sdk.clone();
    let blocking = std::thread::spawn(move || other.blocking().unwrap()).join().unwrap();
    let error = blocking.wait(sdk.chat().models()).unwrap_err();
    assert!(error.to_string().contains("inside a runtime") && error.help().is_some(), "{error}");
    let mut items = blocking.iter(futures_util::stream::iter([Ok(1)]));
    assert!(items.next().unwrap().is_err() && items.next().is_none());
    assert_eq!(emulator.counters().requests(Service::Ai), 0);
    drop((sdk, blocking));
}

#[tokio::test]
async fn a_blocking_task_uses_the_handle_of_its_runtime_as_the_error_advises() {
    let emulator = Emulator::start().await.unwrap();
    let sdk = sdk(&emulator);
    let task = tokio::task::spawn_blocking(move || {
        let help = sdk.blocking().unwrap_err().help().unwrap().to_owned();
        (help, tokio::runtime::Handle::current().block_on(sdk.chat().models()))
    });
    let (help, models) = task.await.unwrap();
    assert!(help.contains("Handle::block_on"), "{help}");
    models.unwrap();
}

#[test]
fn other_runtimes_do_not_use_the_connections_of_the_blocking_runtime() {
    let emulator = Emulator::start_in_thread().unwrap();
    let sdk = sdk(&emulator);
    let blocking = sdk.blocking().unwrap();
    blocking.wait(sdk.chat().models()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sdk.chat().models()).unwrap();
    blocking.wait(sdk.chat().models()).unwrap();
    runtime.block_on(sdk.chat().models()).unwrap();
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sdk.chat().models()).unwrap();
}

#[test]
fn several_threads_can_wait_at_the_same_time() {
    let emulator = Emulator::start_in_thread().unwrap();
    let sdk = sdk(&emulator);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| sdk.blocking().unwrap().wait(sdk.chat().models()).unwrap());
        }
    });
    assert_eq!(emulator.counters().requests(Service::Ai), 8);
}
