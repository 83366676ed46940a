//! `token` and `header`: only the answer, in text and in JSON, for each method.

use serde_json::{Value, json};
use yandex_cloud_emulator::Emulator;

use crate::run::{FAKES, keys, yc_auth};

type Variables = Vec<(&'static str, String)>;

/// The name of a method, the variables that configure it, and the scheme of its header.
fn methods(emulator: &Emulator) -> Vec<(&'static str, Variables, &'static str)> {
    vec![
        ("api-key", vec![("YC_API_KEY", emulator.api_key().to_owned())], "Api-Key"),
        ("iam-token", vec![("YC_IAM_TOKEN", emulator.iam_token().unwrap())], "Bearer"),
        ("env-iam-token", vec![("YC_TOKEN", emulator.iam_token().unwrap())], "Bearer"),
        (
            "oauth-token",
            vec![
                ("YC_OAUTH_TOKEN", emulator.oauth_token().to_owned()),
                ("YC_API_ENDPOINT", emulator.api_url()),
            ],
            "Bearer",
        ),
        ("metadata", vec![("YC_METADATA_ADDR", emulator.metadata_addr().to_string())], "Bearer"),
        ("yandex-cloud-cli", vec![("PATH", FAKES.to_owned()), ("FAKE_YC", "token".to_owned())], "Bearer"),
    ]
}

#[test]
fn each_method_prints_its_token_and_its_header() {
    let emulator = Emulator::start_in_thread().unwrap();
    for (method, variables, scheme) in methods(&emulator) {
        let run = |words: &[&str]| {
            let words = [words, &["--method", method]].concat();
            variables.iter().fold(yc_auth(words), |run, (name, value)| run.env(name, value)).done()
        };
        let token = run(&["token"]);
        let token = token.output();
        assert!(
            token.contains("FAKE") && token.ends_with('\n') && token.lines().count() == 1,
            "{method}: {token}"
        );

        let header = run(&["header"]);
        let start = format!("Authorization: {scheme} ");
        assert!(
            header.output().starts_with(&start) && header.output().lines().count() == 1,
            "{method}: {header:?}"
        );

        let outcome = run(&["token", "--format", "json"]);
        let answer = outcome.json();
        assert_eq!(keys(&answer, &outcome.stdout), ["method", "scheme", "token", "expires_at"]);
        assert_eq!((&answer["method"], &answer["scheme"]), (&json!(method), &json!(scheme)));
        assert!(answer["token"].as_str().unwrap().contains("FAKE"));
        let has_expiry = matches!(method, "oauth-token" | "metadata" | "yandex-cloud-cli");
        assert_eq!(answer["expires_at"].is_string(), has_expiry, "{answer}");
        if let Some(expiry) = answer["expires_at"].as_str() {
            let shape: String = expiry.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            assert_eq!(shape, "0000-00-00T00:00:00Z");
        }

        let outcome = run(&["header", "--format", "json"]);
        let answer = outcome.json();
        assert_eq!(keys(&answer, &outcome.stdout), ["name", "value"]);
        assert_eq!(answer["name"], "Authorization");
        assert!(answer["value"].as_str().unwrap().starts_with(&format!("{scheme} ")), "{answer}");
    }
}

#[test]
fn a_static_value_is_printed_trimmed_and_unchanged() {
    for (variable, value, scheme) in
        [("YC_API_KEY", "AQVN-fake-key", "Api-Key"), ("YC_IAM_TOKEN", "t1.fake.token", "Bearer")]
    {
        let run = |command| yc_auth([command]).env(variable, format!(" {value}\n")).done();
        assert_eq!(run("token").output(), format!("{value}\n"));
        assert_eq!(run("header").output(), format!("Authorization: {scheme} {value}\n"));
    }
}

#[test]
fn none_prints_nothing_and_gives_nulls() {
    let run = |words: &[&str]| yc_auth(words.iter().chain(&["--method", "none"])).done();
    assert_eq!(run(&["token"]).output(), "");
    assert_eq!(run(&["header"]).output(), "");
    let nulls = json!({"method": "none", "scheme": null, "token": null, "expires_at": null});
    assert_eq!(run(&["token", "--format", "json"]).json(), nulls);
    assert_eq!(run(&["header", "--format", "json"]).json(), json!({"name": null, "value": null}));
    let diagnosis = run(&["doctor", "--format", "json"]).json();
    assert_eq!((&diagnosis["selected"], &diagnosis["error"]), (&json!("none"), &Value::Null));
}

#[test]
fn the_first_variable_in_the_order_wins() {
    let all = [
        ("YC_API_KEY", "AQVN-fake", "api-key"),
        ("YC_IAM_TOKEN", "t1.fake.one", "iam-token"),
        ("YC_TOKEN", "t1.fake.two", "env-iam-token"),
    ];
    // Without a service account, selection skips the metadata service and reaches `YC_TOKEN`.
    let emulator = Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    for first in 0..all.len() {
        let run = all[first..]
            .iter()
            .fold(yc_auth(["token", "--format", "json"]), |run, (name, value, _)| run.env(name, value));
        let answer = run.env("YC_METADATA_ADDR", emulator.metadata_addr().to_string()).done().json();
        assert_eq!((&answer["method"], &answer["token"]), (&json!(all[first].2), &json!(all[first].1)));
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let answer = yc_auth(["token"]).env("YC_API_KEY", "").env("YC_IAM_TOKEN", "t1.fake.token").done();
    assert_eq!(answer.output(), "t1.fake.token\n");
}
