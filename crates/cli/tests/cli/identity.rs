//! `whoami` and `revoke`.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use yandex_cloud_emulator::Emulator;

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
    assert_eq!(emulator.counters().snapshot().services[&yandex_cloud_emulator::Service::Iam], 1);
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
