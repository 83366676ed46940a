//! `doctor --check`: a service says whether it accepts the credentials. Nothing goes to another host.

use serde_json::json;
use test_support::http_server::{Reply, Server};
use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{Folder, Run, yc_auth};

const LIST: &str = "GET /v1/models";

fn check(endpoint: &str, words: &[&str]) -> Run {
    yc_auth([&["doctor", "--check", "--timeout", "2"], words].concat()).env("YC_API_ENDPOINT", endpoint)
}

/// An installation that lists these services, and responds to everything else with `reply`.
fn installation(services: &[(&'static str, &str)], reply: Reply) -> Server {
    let entries = services.iter().map(|(id, address)| json!({ "id": id, "address": address }));
    let list = json!({ "endpoints": entries.collect::<Vec<_>>() });
    Server::start(move |request, _| match request.path() {
        "/endpoints" => Reply::json(&list),
        _ => reply.clone(),
    })
}

#[test]
fn accepted_credentials_are_0_in_text_and_in_json() {
    let cloud = Emulator::start_in_thread().unwrap();
    let key = cloud.api_key();
    let outcome = check(&cloud.api_url(), &[]).secret("YC_API_KEY", key).done();
    let page = outcome.output();
    let request = format!("  GET {}/v1/models: HTTP 200\n", cloud.api_url());
    assert!(page.contains(&format!("\nCheck\n{request}  ✓ the credentials are accepted\n")), "{page}");
    assert!(!page.contains("not checked"), "{page}");
    assert_eq!(cloud.counters().route(LIST), 1);

    let metadata = cloud.metadata_addr().to_string();
    let outcome = check(&cloud.api_url(), &["--format", "json"]).env("YC_METADATA_ADDR", metadata).done();
    let report = outcome.json();
    assert_eq!(
        (outcome.status, &report["check"]["status"], &report["error"]),
        (0, &json!(200), &json!(null))
    );
    assert_eq!(cloud.counters().route(LIST), 2);
}

/// The endpoint decides who is asked, also for a key that needs no exchange.
#[test]
fn the_endpoint_has_an_effect_on_a_check() {
    let cloud = Emulator::start_in_thread().unwrap();
    let run = yc_auth(["doctor", "--check", "--timeout", "2", "--endpoint", &cloud.api_url()]);
    let outcome = run.secret("YC_API_KEY", cloud.api_key()).done();
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    assert_eq!(cloud.counters().route(LIST), 1);
}

#[test]
fn without_the_flag_no_service_gets_the_credentials() {
    let cloud = Emulator::start_in_thread().unwrap();
    let run = yc_auth(["doctor"]).env("YC_API_ENDPOINT", cloud.api_url());
    run.secret("YC_API_KEY", cloud.api_key()).done().output();
    assert_eq!(cloud.counters().requests(Service::Ai), 0);
}

#[test]
fn the_status_of_the_service_decides_the_exit_status() {
    let cloud = Emulator::start_in_thread().unwrap();
    let url = cloud.api_url();
    let run = |words: &[&str]| check(&url, words).secret("YC_API_KEY", cloud.api_key());

    let refused = check(&url, &[]).secret("YC_API_KEY", "AQVN-FAKE-unknown-key").done();
    assert_eq!(refused.status, 6, "{refused:?}");
    assert!(
        refused
            .stdout
            .contains("/v1/models: HTTP 401: rpc error: code = Unauthenticated desc = Unknown api key"),
        "{refused:?}"
    );
    assert!(refused.stdout.contains("\nhelp: the key or token is wrong, expired, revoked"), "{refused:?}");

    let other_folder = run(&[]).env("YC_FOLDER_ID", "b1gfake0other").done();
    assert!(other_folder.output().contains("HTTP 403"), "{other_folder:?}");
    assert!(
        other_folder.stdout.contains(
            "the credentials are known, and lack a role or a scope for the folder b1gfake0other (YC_FOLDER_ID): check \
             the id, or grant the role `ai.languageModels.user`"
        ),
        "{other_folder:?}"
    );
    let own_folder = run(&[]).env("YC_FOLDER_ID", cloud.folder_id()).done();
    assert!(own_folder.output().contains("HTTP 200"), "{own_folder:?}");

    for (fault, status) in [
        (Fault::status(500), 5),
        (Fault::status(503), 5),
        (Fault::status(429), 5),
        (Fault::hang(), 5),
        (Fault::reset(), 5),
        (Fault::status(404), 1),
        (Fault::status(400), 1),
    ] {
        cloud.faults().clear();
        cloud.faults().add(fault.clone().on(Service::Ai));
        let outcome = run(&[]).done();
        assert_eq!(outcome.status, status, "{fault:?}: {outcome:?}");
        assert!(outcome.stderr.starts_with("error: "), "{fault:?}: {outcome:?}");
        assert_eq!(outcome.stdout.matches("\nerror: ").count(), 1, "{fault:?}: {outcome:?}");
        let report = run(&["--format", "json"]).done();
        assert_eq!(report.status, status, "{fault:?}: {report:?}");
        assert!(report.json()["error"]["message"].is_string(), "{fault:?}: {report:?}");
        assert_eq!(report.json()["header"], "Authorization: Api-Key AQVN***");
    }
}

#[test]
fn where_discovery_names_no_service_of_ai_studio_nothing_can_be_checked() {
    for server in
        [installation(&[("iam", "127.0.0.1:1")], Reply::status(200)), Server::always(Reply::status(404))]
    {
        let outcome = check(&server.url(), &[]).secret("YC_API_KEY", "AQVN-FAKE-key").done();
        assert_eq!(outcome.status, 1, "{outcome:?}");
        assert!(outcome.stdout.contains("error: the credentials cannot be checked: "), "{outcome:?}");
        assert!(server.requests().iter().all(|request| request.authorization().is_empty()));
        let report = check(&server.url(), &["--format", "json"]).secret("YC_API_KEY", "AQVN-FAKE-key").done();
        assert_eq!((report.status, &report.json()["error"]["kind"]), (1, &json!("other")));
    }
    let server = Server::always(Reply::status(200));
    let none = check(&server.url(), &["--method", "none"]).done();
    assert_eq!((none.status, server.requests().len()), (1, 0), "{none:?}");
}

#[test]
fn the_credentials_go_to_no_host_that_must_not_have_them() {
    let stranger = Server::always(Reply::status(200));
    let port = stranger.address().port();
    // Discovery at loopback may name loopback, and no other host.
    let server = installation(&[("ai-foundation-models", "https://ai.example.test")], Reply::status(200));
    let outcome = check(&server.url(), &[]).secret("YC_API_KEY", "AQVN-FAKE-key").done();
    assert_eq!(outcome.status, 4, "{outcome:?}");
    assert!(outcome.stdout.contains("discovery names https://ai.example.test"), "{outcome:?}");
    assert_eq!(server.requests().len(), 1);
    // A variable does not decide which host gets the credentials. (No request is sent, so the name may be any.)
    let outcome =
        check(&format!("api.example.test:{port}"), &[]).secret("YC_API_KEY", "AQVN-FAKE-key").done();
    assert_eq!(outcome.status, 4, "{outcome:?}");
    assert!(outcome.stdout.contains("YC_API_ENDPOINT names https://api.example.test"), "{outcome:?}");
    assert!(outcome.stdout.contains("`--endpoint`"), "{outcome:?}");
    for plain in ["http://api.example.test", "http://api.cloud.yandex.net"] {
        let outcome = check(plain, &[]).secret("YC_API_KEY", "AQVN-FAKE-key").done();
        assert_eq!(outcome.status, 4, "{outcome:?}");
        assert!(outcome.stdout.contains("does not use TLS"), "{outcome:?}");
    }
    assert_eq!(stranger.requests().len(), 0);
    // A redirect is not followed.
    let server = installation(&[], Reply::redirect(&stranger.at("/v1/models")));
    let listed = installation(&[("ai-llm", &server.address().to_string())], Reply::status(200));
    let outcome = check(&listed.url(), &[]).secret("YC_API_KEY", "AQVN-FAKE-key").done();
    assert_eq!((outcome.status, stranger.requests().len()), (5, 0), "{outcome:?}");
}

#[test]
fn the_flag_decides_the_installation_and_the_folder_is_sent_where_it_is_known() {
    let service = Server::always(Reply::json(&json!({ "object": "list", "data": [] })));
    let address = service.address().to_string();
    let server = installation(&[("ai-foundation-models", &address)], Reply::status(200));
    let cloud = Emulator::start_in_thread().unwrap();
    let metadata = cloud.metadata_addr().to_string();
    let run = |words: &[&str]| check("api.example.test", &[&["--endpoint", &server.url()], words].concat());
    let projects = || -> Vec<Option<String>> {
        service.requests().iter().map(|request| request.header("openai-project").map(str::to_owned)).collect()
    };
    assert_eq!(run(&["--auth", "t1.fake.token"]).done().status, 0);
    assert_eq!(run(&["--method", "metadata"]).env("YC_METADATA_ADDR", &metadata).done().status, 0);
    assert_eq!(run(&["--auth", "t1.fake.token"]).env("YC_FOLDER_ID", "b1gfake0folder").done().status, 0);
    let folder = |id: &str| Some(id.to_owned());
    assert_eq!(projects(), [None, folder(cloud.folder_id()), folder("b1gfake0folder")]);
    assert_eq!(service.authorizations()[0], "Bearer t1.fake.token");
    // What is no id may be a secret.
    for secret in ["y0_FAKE/oauth token", "y0_FAKE-oauth-token", "AQVN-FAKE-api-key"] {
        let outcome = run(&["--auth", "t1.fake.token"]).secret("YC_FOLDER_ID", secret).done();
        assert_eq!((outcome.status, projects().len()), (4, 3), "{outcome:?}");
    }
    for (value, what) in [
        ("null", "a placeholder"),
        ("undefined", "a placeholder"),
        ("<your-folder>", "a placeholder"),
        ("$X", "a variable that was not replaced by its value"),
    ] {
        let outcome = run(&["--auth", "t1.fake.token"]).env("YC_FOLDER_ID", value).done();
        assert_eq!((outcome.status, projects().len()), (4, 3), "{outcome:?}");
        let words = format!("YC_FOLDER_ID: the value is {what}, not the id of a folder");
        assert!(
            outcome.stderr.contains(&words) && !outcome.stdout.contains("✓ the credentials"),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_server_that_repeats_the_secret_does_not_get_it_printed() {
    let body = json!({ "error": { "message": "bad key AQVN-FAKE-secret" } }).to_string();
    let service = Server::always(Reply::body(401, &body));
    let server =
        installation(&[("ai-foundation-models", &service.address().to_string())], Reply::status(200));
    for words in [&[][..], &["--format", "json"]] {
        let outcome = check(&server.url(), words).secret("YC_API_KEY", "AQVN-FAKE-secret").done();
        assert_eq!(outcome.status, 6, "{outcome:?}");
    }
}

#[test]
fn the_check_asks_the_installation_of_a_profile() {
    let cloud = Emulator::start_in_thread().unwrap();
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path.join(".config/yandex-cloud")).unwrap();
    let profile = format!(
        "current: me\nprofiles:\n  me:\n    endpoint: {}\n    token: {}\n    folder-id: {}\n",
        cloud.api_url(),
        cloud.oauth_token(),
        cloud.folder_id()
    );
    folder.file(".config/yandex-cloud/config.yaml", profile);
    let run = yc_auth(["doctor", "--check", "--method", "profile"]).env("HOME", &folder.path);
    let outcome = run.hides(cloud.oauth_token()).done();
    assert!(outcome.output().contains("HTTP 200"), "{outcome:?}");
    assert_eq!(cloud.counters().route(LIST), 1);
}

#[test]
fn a_check_that_sends_nothing_says_so() {
    let cloud = Emulator::start_in_thread().unwrap();
    let run = check(&cloud.api_url(), &[]).secret("YC_API_KEY", cloud.api_key());
    let outcome = run.env("YC_FOLDER_ID", "<folder>").done();
    assert_eq!(cloud.counters().route(LIST), 0);
    assert!(outcome.stdout.contains("  nothing was sent: see the error below\n"), "{outcome:?}");
}
