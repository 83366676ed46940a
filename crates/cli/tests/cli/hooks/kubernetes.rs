//! `credential kubernetes`.

use std::time::Duration;

use serde_json::json;
use yandex_cloud_emulator::Emulator;

use super::{TOKEN, is_hours, left, on_machine, one_line, unconfigured, with_token};
use crate::run::{keys, yc_auth};

const WORDS: [&str; 2] = ["credential", "kubernetes"];

fn info(version: &str) -> String {
    json!({"kind": "ExecCredential", "apiVersion": version, "spec": {"interactive": false}}).to_string()
}

#[test]
fn the_answer_has_the_version_that_the_client_expects() {
    for version in ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] {
        let outcome = with_token(&WORDS).env("KUBERNETES_EXEC_INFO", info(version)).done();
        let expected = json!({"apiVersion": version, "kind": "ExecCredential", "status": {"token": TOKEN}});
        assert_eq!(outcome.json(), expected);
        assert_eq!(keys(&outcome.json(), outcome.output()), ["apiVersion", "kind", "status"]);
    }
    assert_eq!(with_token(&WORDS).done().json()["apiVersion"], "client.authentication.k8s.io/v1");
    for bad in ["{", &info("client.authentication.k8s.io/v1alpha1"), "null"] {
        let outcome = with_token(&WORDS).env("KUBERNETES_EXEC_INFO", bad).done();
        assert!(one_line(&outcome, 4).starts_with("error: KUBERNETES_EXEC_INFO: "), "{outcome:?}");
    }
}

#[test]
fn the_end_of_the_token_is_a_string() {
    let cloud = Emulator::start_in_thread().unwrap();
    let answer = on_machine(&cloud, &WORDS).done().json();
    let end = answer["status"]["expirationTimestamp"].as_str().unwrap();
    assert!(is_hours(left(end), 12), "{end}");
    // A token that ends within the window of a client is given all the same: the source has no better one.
    let cloud = Emulator::builder().token_lifetime(Duration::from_secs(200)).start_in_thread().unwrap();
    let answer = on_machine(&cloud, &WORDS).done().json();
    let end = answer["status"]["expirationTimestamp"].as_str().unwrap();
    assert!(left(end) <= Duration::from_secs(200), "{end}");
}

/// A client would run the hook for each request.
#[test]
fn an_end_in_the_past_by_this_machine_is_left_out() {
    let cloud = Emulator::start_in_thread().unwrap();
    cloud.clock().set(std::time::SystemTime::now() - Duration::from_secs(24 * 3600));

    let outcome = yc_auth(WORDS)
        .secret("YC_OAUTH_TOKEN", cloud.oauth_token())
        .env("YC_API_ENDPOINT", cloud.api_url())
        .done();
    assert_eq!(
        (outcome.status, keys(&outcome.json()["status"], &outcome.stdout)),
        (0, vec!["token".to_owned()])
    );
}

#[test]
fn an_api_key_is_no_credential_of_kubernetes() {
    let outcome = yc_auth(WORDS).secret("YC_API_KEY", "AQVN-fake-key").done();
    assert!(one_line(&outcome, 4).contains("Kubernetes takes an IAM token, not an API key"), "{outcome:?}");
    let outcome = yc_auth(["credential", "kubernetes", "--method", "none"]).done();
    assert!(one_line(&outcome, 4).contains("this method has none"), "{outcome:?}");
    let outcome = unconfigured(&WORDS);
    assert!(one_line(&outcome, 3).contains("no credentials were found"), "{outcome:?}");
}
