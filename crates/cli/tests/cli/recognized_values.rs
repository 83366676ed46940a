//! Values of another kind through the command: exit status 4, the kind by name, and nothing of the value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, at, yc_auth};

#[test]
fn a_variable_of_another_kind_is_named_and_not_shown() {
    let key = r#"{"id":"ajefake","service_account_id":"ajefake","private_key":"-----BEGIN PRIVATE KEY-----\nRkFLRQ==\n-----END PRIVATE KEY-----\n"}"#;
    let encoded = STANDARD.encode(key);
    for (variable, value, words) in [
        ("YC_API_KEY", &*encoded, "the value is the JSON of a service account key in base64, not an API key"),
        ("YC_API_KEY", "\"y0_fakefake\"", "the value is an OAuth token (`y0_…`) in quotes, not an API key"),
        ("YC_API_KEY", "$YC_API_KEY", "the value is a variable that was not replaced by its value"),
        ("YC_IAM_TOKEN", "\"y0_fakefake\"", "the value is an OAuth token (`y0_…`) in quotes"),
        ("YC_IAM_TOKEN", "AQVN-foo-fake", "the value is an API key (`AQVN…`), not an IAM token"),
        ("YC_IAM_TOKEN", "null", "the value is a placeholder"),
        (
            "YC_IAM_TOKEN",
            "{\"iamToken\":\"t1.fake.fake\"}",
            "the value is a response with an IAM token in it",
        ),
    ] {
        for command in ["token", "header", "doctor"] {
            let outcome = yc_auth([command]).env(variable, value).hides("fakefake").hides(&encoded).done();
            assert_eq!(outcome.status, 4, "{command} {value}: {outcome:?}");
            let shown = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(shown.contains(words), "{command} {value}: {outcome:?}");
            assert!(!shown.contains("fakefake") && !shown.contains("Api-Key "), "{outcome:?}");
        }
    }
    let quoted = yc_auth(["header"]).env("YC_IAM_TOKEN", "\"t1.fake.fake\"").done();
    assert_eq!(quoted.output(), "Authorization: Bearer t1.fake.fake\n");
}

#[test]
fn auth_takes_quotes_off_and_asks_for_the_at_sign_before_a_path() {
    for (value, method) in [("\"t1.fake.fake\"", "iam-token"), ("'AQVN-fake'", "api-key")] {
        let answer = yc_auth(["token", "--format", "json", "--auth", value]).done().json();
        assert_eq!(answer["method"], json!(method), "{value}");
    }
    let refused = yc_auth(["token", "--auth", "key.json"]).done();
    assert!(refused.fails(4).contains("did you mean `--auth @FILE`?"), "{refused:?}");
    let folder = Folder::new();
    let file = folder.file("token.txt", b"\xff\xfet\0".as_slice());
    let refused = yc_auth(["token", "--auth", &at(&file)]).done();
    assert!(refused.fails(4).contains("not UTF-8"), "{refused:?}");
}

#[test]
fn a_key_in_base64_is_exchanged_and_never_sent() {
    let emulator = Emulator::start_in_thread().unwrap();
    let key = emulator.service_account_key().unwrap();
    let folder = Folder::new();
    let encoded = STANDARD.encode(&key);
    let file = folder.file("key.b64", &encoded);
    let path = file.display().to_string();
    for words in [
        &["--auth", &at(&file)][..],
        &["--auth", &encoded],
        &["--key-file", &path],
        &["--key-file", &encoded],
        &["--key-file", &key],
    ] {
        let words = [&["token", "--format", "json"][..], words].concat();
        let outcome = yc_auth(words).env("YC_API_ENDPOINT", emulator.api_url()).hides(&encoded).done();
        let answer = outcome.json();
        assert_eq!(answer["method"], json!("service-account-key"), "{outcome:?}");
        assert!(answer["token"].as_str().unwrap().starts_with("t1."), "{outcome:?}");
    }
}
