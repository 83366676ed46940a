//! `whoami` and `revoke`.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use test_support::http_server::{Reply, Server};
use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{Folder, keys, yc_auth};

const KEYS: [&str; 8] =
    ["method", "subject_id", "key_id", "folder_id", "cloud_id", "expires_at", "by_way_of", "remarks"];

#[test]
fn whoami_prints_what_the_method_knows_and_never_the_token() {
    let emulator = Emulator::start_in_thread().unwrap();
    let metadata = emulator.metadata_addr().to_string();
    let outcome = yc_auth(["whoami"]).env("YC_METADATA_ADDR", &metadata).done();
    let page = outcome.output();
    assert!(page.starts_with("method   metadata\nsubject  not known\n"), "{page}");
    assert!(page.contains(&format!("folder   {}\n", emulator.folder_id())), "{page}");
    assert!(page.contains("expires  20") && page.contains(" left)"), "{page}");
    assert!(!page.contains("t1."), "{page}");

    let outcome = yc_auth(["whoami", "--format", "json"]).env("YC_METADATA_ADDR", &metadata).done();
    let answer = outcome.json();
    assert_eq!(keys(&answer, &outcome.stdout), KEYS);
    assert_eq!(answer["folder_id"], emulator.folder_id());
    assert_eq!((&answer["by_way_of"], &answer["subject_id"]), (&Value::Null, &Value::Null));

    let key = yc_auth(["whoami", "--format", "json", "--auth", "-"]).stdin("AQVN-FAKE-api-key").done();
    assert!(!key.stdout.contains("AQVN"), "{key:?}");
    assert_eq!(key.json()["remarks"], json!(["the owner of an API key cannot be determined"]));
    yc_auth(["whoami", "--method", "iam-token"]).done().fails(3);
}

#[test]
fn whoami_and_doctor_tell_how_far_the_clock_is_off() {
    // An hour and some: the seconds between the start of the emulator and the run do not change the minutes.
    let start = SystemTime::now() + Duration::from_secs(3600 + 90);
    let emulator = Emulator::builder().tls(true).clock_start(start).start_in_thread().unwrap();
    let folder = Folder::new();
    let key = folder.file("key.json", emulator.service_account_key().unwrap());
    let ca = folder.file("ca.pem", emulator.ca_pem().unwrap());
    let run = |words: &[&str]| {
        let run = yc_auth(words).env("YC_SERVICE_ACCOUNT_KEY_FILE", &key).env("SSL_CERT_FILE", &ca);
        run.env("YC_API_ENDPOINT", emulator.api_url()).done()
    };
    let warning = "the clock of this machine is 1 h 1 min behind: set it";
    for (words, field) in
        [(["whoami", "--format", "json"], "remarks"), (["doctor", "--format", "json"], "notes")]
    {
        let outcome = run(&words);
        let texts: Vec<String> = serde_json::from_value(outcome.json()[field].clone()).unwrap();
        assert!(texts.iter().any(|text| text.starts_with(warning)), "{words:?}: {outcome:?}");
    }
    for command in ["whoami", "doctor"] {
        let outcome = run(&[command]);
        let note = format!("note: {warning}");
        assert_eq!((outcome.status, outcome.stdout.matches(&note).count()), (0, 1), "{outcome:?}");
    }
}

/// The clock of this machine is ahead of the cloud's: a token of the cloud has an end that has passed here.
#[test]
fn a_token_that_has_expired_by_the_clock_of_this_machine_is_said_to_have() {
    let start = SystemTime::now() - Duration::from_secs(24 * 3600);
    let emulator = Emulator::builder().clock_start(start).start_in_thread().unwrap();
    for command in ["whoami", "doctor"] {
        let run = yc_auth([command]).secret("YC_OAUTH_TOKEN", emulator.oauth_token());
        let outcome = run.env("YC_API_ENDPOINT", emulator.api_url()).done();
        assert_eq!(outcome.status, 0, "{outcome:?}");
        assert!(outcome.stdout.contains("Z (expired by this machine's clock)"), "{outcome:?}");
        assert!(!outcome.stdout.contains(" left"), "{outcome:?}");
    }
}

#[test]
fn whoami_asks_the_authorization_server_for_the_subject_when_told_to() {
    let emulator = Emulator::start_in_thread().unwrap();
    let route = || emulator.counters().route("GET /oauth/userinfo");
    let whoami = |words: &[&str]| {
        yc_auth([&["whoami", "--format", "json"], words].concat())
            .env("YC_API_ENDPOINT", emulator.api_url())
            .env("YC_OAUTH_ENDPOINT", emulator.api_url())
            .env("YC_METADATA_ADDR", emulator.metadata_addr().to_string())
    };
    assert_eq!(whoami(&[]).done().json()["subject_id"], Value::Null);
    assert_eq!(route(), 0);
    let asked = whoami(&["--ask"]).done();
    assert_eq!((asked.status, &asked.json()["subject_id"]), (0, &json!(emulator.service_account_id())));
    assert_eq!((route(), keys(&asked.json(), &asked.stdout)), (1, KEYS.map(str::to_owned).to_vec()));
    let token = emulator.iam_token().unwrap();
    let given = whoami(&["--ask", "--auth", "-"]).stdin(token.clone()).hides(&token).done();
    assert_eq!(given.json()["subject_id"], emulator.service_account_id());
    assert!(!given.stdout.contains(&token), "{given:?}");
    assert_eq!(given.json()["remarks"], json!(["the authorization server says whose the token is"]));

    emulator.revoke_iam_token(&token).unwrap();
    let revoked = whoami(&["--ask", "--auth", "-"]).stdin(token.clone()).hides(&token).done();
    assert_eq!((revoked.status, &revoked.json()["error"]["kind"]), (6, &json!("refused")));
    let key = whoami(&["--ask", "--auth", "-"]).stdin("AQVN-FAKE-api-key").done();
    assert_eq!((key.status, &key.json()["error"]["kind"]), (4, &json!("invalid")));
    emulator.faults().add(Fault::status(503).on(Service::Iam));
    assert_eq!(whoami(&["--ask", "--timeout", "2"]).done().status, 5);
}

#[test]
fn the_token_goes_only_to_the_authorization_server_of_its_installation() {
    let emulator = Emulator::start_in_thread().unwrap();
    let stranger = Server::always(Reply::json(&json!({ "sub": "ajefake0stranger" })));
    let run = || yc_auth(["whoami", "--ask", "--auth", "-", "--timeout", "2"]).stdin("t1.fake.token");
    // The public authorization server does not know the tokens of another installation.
    let missing = run().env("YC_API_ENDPOINT", emulator.api_url()).done();
    assert!(missing.fails(4).contains("YC_OAUTH_ENDPOINT is not set"), "{missing:?}");
    let plain = run().env("YC_OAUTH_ENDPOINT", "http://auth.example.test").done();
    assert!(plain.fails(4).contains("does not use TLS"), "{plain:?}");
    let foreign =
        run().env("YC_OAUTH_ENDPOINT", "localhost.example.test:1").env("HTTPS_PROXY", "http://127.0.0.1:1");
    let foreign = foreign.done();
    assert_eq!(foreign.status, 5, "{foreign:?}");
    let warning = "warning: YC_OAUTH_ENDPOINT names https://localhost.example.test:1, which is not one of Yandex Cloud's \
                   hosts; the token goes there";
    assert!(foreign.stderr.starts_with(warning), "{foreign:?}");
    let redirect = Server::always(Reply::redirect(&stranger.at("/oauth/userinfo")));
    assert_eq!(run().env("YC_OAUTH_ENDPOINT", redirect.url()).done().status, 6);
    assert_eq!(stranger.requests().len(), 0);
    // What a server returns is printed only if it can be an id.
    let bodies = [json!(1), json!("a\u{1b}[31m"), json!(""), json!("t1.fake.token"), json!("y0_fakefake")];
    for body in bodies.map(|sub| json!({ "sub": sub })).into_iter().chain([json!({})]) {
        let server = Server::always(Reply::json(&body));
        let outcome = run().env("YC_OAUTH_ENDPOINT", server.url()).done();
        assert!(outcome.fails(5).contains("`sub` is missing"), "{outcome:?}");
    }
}

#[test]
fn revoke_takes_the_token_from_standard_input_or_from_a_method() {
    let emulator = Emulator::start_in_thread().unwrap();
    let metadata = emulator.metadata_addr().to_string();
    let revoke = |words: &[&str]| {
        yc_auth([&["revoke"], words].concat())
            .env("YC_API_ENDPOINT", emulator.api_url())
            .env("YC_METADATA_ADDR", &metadata)
    };
    let token = emulator.iam_token().unwrap();
    let revoked = format!("revoked: an IAM token of {}\n", emulator.service_account_id());
    let outcome = revoke(&["--auth", "-"]).stdin(token.clone()).hides(&token).done();
    assert_eq!(outcome.output(), revoked);
    assert_eq!(emulator.counters().snapshot().services[&Service::Iam], 1);
    // IAM rejects a revoked token everywhere, even for its own revocation.
    let again = revoke(&["--auth", "-"]).stdin(token.clone()).hides(&token).done();
    assert!(again.fails(6).contains("/iam/v1/tokens:revoke"), "{again:?}");
    assert!(again.stderr.contains("was revoked before"), "{again:?}");

    let by_method = revoke(&["--method", "metadata", "--format", "json"]).done();
    assert_eq!(by_method.json(), json!({"method": "metadata", "subject_id": emulator.service_account_id()}));
    let answer = yc_auth(["token"]).env("YC_METADATA_ADDR", &metadata).done();
    assert!(answer.output().starts_with("t1."));

    let key = revoke(&["--auth", "-"]).stdin("AQVN-FAKE-api-key").hides("AQVN-FAKE-api-key").done();
    assert!(key.fails(4).contains("yc iam api-key delete"), "{key:?}");
    assert_eq!(revoke(&[]).done().status, 2, "automatic selection must not revoke");
    yc_auth(["revoke", "--auth", "t1.fake.token", "--endpoint", ""]).done().fails(4);
}
