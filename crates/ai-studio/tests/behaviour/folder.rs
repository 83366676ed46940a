//! The folder: the order of the sources, the report, and the end of the search.

use crate::fixture::{API_KEY, test_system};
use test_support::http_server::{Reply, Server};
use yandex_ai_studio_sdk::auth::system::Command;
use yandex_ai_studio_sdk::auth::testing::{TestEnvironment, TestFiles, TestProcesses, TestRun};
use yandex_ai_studio_sdk::auth::{Outcome, System, YandexCloudCliAuth};
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, ErrorKind};

fn sdk(system: System) -> AiStudioBuilder {
    AiStudio::builder().system(system).auth(API_KEY)
}

/// A system with a yc CLI, with or without a terminal.
fn with_yc(variables: &[(&str, &str)], terminal: bool) -> (System, TestProcesses) {
    let mut environment = TestEnvironment::new(variables.iter().copied());
    environment.set("PATH", "/opt/bin");
    if terminal {
        environment = environment.with_terminal();
    }
    let processes = TestProcesses::new(|command: &Command| {
        let words: Vec<_> = command.arguments.iter().map(|word| word.to_str().unwrap()).collect();
        match words.as_slice() {
            ["config", "get", "folder-id", "--profile", "work"] => TestRun::prints("b1gwork\n"),
            ["config", "get", "folder-id"] => TestRun::prints("b1gactive\n"),
            ["config", "get", "endpoint", ..] => TestRun::prints("api.cloud.yandex.net:443\n"),
            _ => TestRun::Exit(1, String::new(), format!("{words:?}")),
        }
    });
    let system = test_system([])
        .with_environment(environment)
        .with_files(TestFiles::new([("/opt/bin/yc", "")]))
        .with_processes(processes.clone());
    (system, processes)
}

#[tokio::test]
async fn the_first_source_with_a_folder_is_used() {
    let metadata = Server::always(Reply::body(200, "b1gmetadata\n"));
    let nothing = Server::always(Reply::status(404));
    let (here, gone) = (metadata.address().to_string(), nothing.address().to_string());
    // option, variable, metadata -> source, folder
    for (given, variable, address, source, folder) in [
        ("b1ggiven", "b1gvariable", &here, "folder_id", "b1ggiven"),
        (" ", "b1gvariable", &here, "YC_FOLDER_ID", "b1gvariable"),
        ("", "", &here, "metadata", "b1gmetadata"),
        ("", "", &gone, "yc config get folder-id", "b1gactive"),
    ] {
        let variables = [("YC_FOLDER_ID", variable), ("YC_METADATA_ADDR", address.as_str())];
        let sdk = sdk(with_yc(&variables, true).0).folder_id(given).build().unwrap();
        assert!(sdk.folder_report().is_none());
        assert_eq!(sdk.folder_id().await.unwrap(), folder);
        let report = sdk.folder_report().unwrap();
        assert_eq!(report.selected().unwrap().source, source);
        let order: Vec<_> = report.attempts().iter().map(|attempt| attempt.source).collect();
        assert_eq!(order, ["folder_id", "YC_FOLDER_ID", "metadata", "yc config get folder-id"]);
        assert!(report.to_string().contains(folder), "{report}");
        let after = report.attempts().iter().skip_while(|attempt| attempt.source != source).skip(1);
        assert!(after.clone().all(|attempt| attempt.outcome == Outcome::NotTried), "{report}");
    }
    assert_eq!(metadata.requests().len(), 1, "an earlier source ends the search");
    let seen = &metadata.requests()[0];
    assert_eq!(seen.line(), "GET /computeMetadata/v1/yandex/folder-id");
    assert_eq!(seen.header("metadata-flavor"), Some("Google"));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_folder_of_a_service_has_dots_in_its_id() {
    const FOLDER: &str = "yc.fomo.storage.prod.service";
    let metadata = Server::always(Reply::body(200, FOLDER));
    let address = metadata.address().to_string();
    for (option, variables) in [
        (FOLDER, [("YC_FOLDER_ID", ""), ("YC_METADATA_ADDR", "127.0.0.1:1")]),
        ("", [("YC_FOLDER_ID", FOLDER), ("YC_METADATA_ADDR", "127.0.0.1:1")]),
        ("", [("YC_FOLDER_ID", ""), ("YC_METADATA_ADDR", &address)]),
    ] {
        let sdk = sdk(test_system(variables)).folder_id(option).build().unwrap();
        assert_eq!(sdk.folder_id().await.unwrap(), FOLDER, "{variables:?}");
    }
    for bad in ["yc..service", ".service", "..", "yc.service.", "t1.fake.fake"] {
        let error = sdk(test_system([])).folder_id(bad).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
        assert!(!error.to_string().contains("fake"), "{error}");
    }
}

#[tokio::test]
async fn an_error_without_a_folder_names_every_source() {
    let nothing = Server::always(Reply::status(404));
    let address = nothing.address().to_string();
    let error = sdk(test_system([("YC_METADATA_ADDR", address.as_str())]))
        .build()
        .unwrap()
        .chat()
        .completions("yandexgpt")
        .run("hello")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for source in ["folder_id", "YC_FOLDER_ID", "metadata", "yc"] {
        assert!(error.to_string().contains(source), "{error}");
    }
    assert!(error.help().unwrap().contains("YC_FOLDER_ID"));
}

#[tokio::test]
async fn a_broken_source_ends_the_search() {
    let broken = Server::always(Reply::status(500));
    let strange = Server::always(Reply::body(200, "<html>"));
    for (server, why) in [(broken, "HTTP 500"), (strange, "not the id of a folder")] {
        let address = server.address().to_string();
        let (system, yc) = with_yc(&[("YC_METADATA_ADDR", &address)], true);
        let error = sdk(system).build().unwrap().folder_id().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains(why) && error.help().is_some(), "{error}");
        assert!(yc.commands().is_empty());
    }
    let error =
        sdk(test_system([("YC_FOLDER_ID", "b1g/../x")])).build().unwrap().folder_id().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().starts_with("YC_FOLDER_ID: "), "{error}");
    let blank = sdk(test_system([("YC_FOLDER_ID", " ")])).build().unwrap().folder_id().await.unwrap_err();
    assert_eq!(blank.to_string(), "YC_FOLDER_ID: the value is only white space");
    for (value, what) in [
        ("null", "a placeholder"),
        ("undefined", "a placeholder"),
        ("<your-folder>", "a placeholder"),
        ("$X", "a variable that was not replaced by its value"),
    ] {
        let error =
            sdk(test_system([("YC_FOLDER_ID", value)])).build().unwrap().folder_id().await.unwrap_err();
        let expected = format!("YC_FOLDER_ID: the value is {what}, not the id of a folder");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Invalid, expected));
        assert!(error.help().unwrap().contains("yc resource-manager folder list"));
        let error = sdk(test_system([])).folder_id(value).build().unwrap_err();
        assert!(error.to_string().starts_with(&format!("folder_id: the value is {what}")), "{error}");
    }
    assert_eq!(sdk(test_system([])).folder_id("b1g x").build().unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn yc_runs_without_a_terminal_only_where_the_program_names_it() {
    let nothing = Server::always(Reply::status(404));
    let address = nothing.address().to_string();
    let variables = [("YC_METADATA_ADDR", address.as_str())];

    let (system, yc) = with_yc(&variables, false);
    let error = sdk(system.clone()).build().unwrap().folder_id().await.unwrap_err();
    assert!(error.to_string().contains("standard input is not a terminal"), "{error}");
    assert!(yc.commands().is_empty());

    let named = sdk(system.clone()).yc_profile("work").build().unwrap();
    assert_eq!(named.folder_id().await.unwrap(), "b1gwork");
    let named = sdk(system.clone()).auth(YandexCloudCliAuth::new()).build().unwrap();
    assert_eq!(named.folder_id().await.unwrap(), "b1gactive");

    let variables = [variables[0], ("YC_AUTH_METHOD", "yandex-cloud-cli")];
    let pinned = AiStudio::builder().system(with_yc(&variables, false).0).build().unwrap();
    assert_eq!(pinned.folder_id().await.unwrap(), "b1gactive");

    let elsewhere = sdk(system).yc_profile("work").endpoint("api.yandexcloud.kz:443").build().unwrap();
    let error = elsewhere.folder_id().await.unwrap_err();
    assert!(error.to_string().contains("yc's endpoint is api.cloud.yandex.net:443"), "{error}");
}

#[tokio::test]
async fn many_calls_share_one_search() {
    let metadata = Server::always(Reply::body(200, "b1gmetadata"));
    let address = metadata.address().to_string();
    let sdk = sdk(test_system([("YC_METADATA_ADDR", address.as_str())])).build().unwrap();
    let all = futures_util::future::join_all((0..50).map(|_| sdk.folder_id())).await;
    assert!(all.into_iter().all(|folder| folder.unwrap() == "b1gmetadata"));
    assert_eq!(metadata.requests().len(), 1);
}

#[tokio::test]
async fn a_model_uri_needs_no_folder() {
    let response = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}"#;
    let server = Server::always(Reply::body(200, response));
    let url = server.url();
    let sdk =
        sdk(test_system([])).without_endpoint().service_map([("http_completions", &url)]).build().unwrap();
    sdk.chat().completions("gpt://b1gother/yandexgpt/rc").run("hello").await.unwrap();
    assert!(server.requests()[0].text().contains("gpt://b1gother/yandexgpt/rc"));
    assert!(sdk.folder_report().is_none());
}
