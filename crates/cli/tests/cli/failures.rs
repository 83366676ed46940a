//! `--format json` where there is no result: the failure is JSON too.

use serde_json::{Value, json};

use crate::run::{keys, yc_auth};

#[test]
fn a_failure_is_one_json_object_and_an_error_for_people() {
    for command in ["token", "header", "whoami"] {
        for (variable, value, status, kind) in [
            ("YC_API_KEY", "t1.fake.token", 4, "invalid"),
            ("YC_IAM_TOKEN", "y0_FAKE-oauth", 4, "invalid"),
            ("YC_AUTH_METHOD", "iam-token", 3, "not-configured"),
            ("YC_METADATA_ADDR", "127.0.0.1:1", 5, "unavailable"),
        ] {
            let outcome =
                yc_auth([command, "--format", "json", "--timeout", "2"]).env(variable, value).done();
            let failure = outcome.json();
            assert_eq!((outcome.status, keys(&failure, &outcome.stdout)), (status, vec!["error".to_owned()]));
            let error = &failure["error"];
            assert_eq!(error["kind"], kind, "{outcome:?}");
            let message = error["message"].as_str().unwrap();
            assert!(outcome.stderr.starts_with(&format!("error: {message}\n")), "{outcome:?}");
            assert!(error["help"].is_string(), "{outcome:?}");
        }
        let text = yc_auth([command]).env("YC_API_KEY", "t1.fake.token").done();
        assert_eq!((text.status, text.stdout.as_str()), (4, ""), "{text:?}");
    }
}

#[test]
fn a_failure_of_revoke_is_json_too() {
    let outcome = yc_auth(["revoke", "--auth", "-", "--format", "json"]).stdin("AQVN-FAKE-key").done();
    assert_eq!((outcome.status, &outcome.json()["error"]["kind"]), (4, &json!("invalid")));
}

#[test]
fn a_flag_that_cannot_be_read_is_json_too() {
    let outcome = yc_auth(["token", "--format", "json", "--endpoint", ""]).done();
    assert_eq!((outcome.status, &outcome.json()["error"]["kind"]), (4, &json!("invalid")));
    let usage = yc_auth(["token", "--format", "json", "--nonsense"]).done();
    assert_eq!((usage.status, usage.stdout.as_str()), (2, ""));
    assert_ne!(outcome.json()["error"]["help"], Value::Null);
}
