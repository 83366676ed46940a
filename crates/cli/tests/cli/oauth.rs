//! OAuth tokens: the exchange at the configured endpoint, and its failures.

use serde_json::json;
use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{CLOSED_PORT, Folder, yc_auth};

#[test]
fn it_is_exchanged_at_the_endpoint_of_the_flag() {
    let emulator = Emulator::start_in_thread().unwrap();
    let (url, oauth) = (emulator.api_url(), emulator.oauth_token());
    for words in [
        &["token", "--format", "json", "--endpoint", &url][..],
        &["token", "--format", "json", "--endpoint", &url, "--method", "oauth-token"],
    ] {
        let answer =
            yc_auth(words).env("YC_API_ENDPOINT", CLOSED_PORT).env("YC_OAUTH_TOKEN", oauth).done().json();
        assert_eq!(answer["method"], json!("oauth-token"));
    }
    let given = yc_auth(["token", "--format", "json", "--endpoint", &url, "--auth", "-"]).stdin(oauth).done();
    assert_eq!(given.json()["method"], json!("oauth-token"));
    assert_eq!(emulator.counters().route("POST /iam/v1/tokens"), 3);
}

#[test]
fn a_refusal_is_6_with_the_servers_message_and_a_help() {
    let emulator = Emulator::start_in_thread().unwrap();
    for (token, message) in [
        (emulator.new_oauth_token(), "is not supported for IAM token exchange"),
        ("y0_fake-and-unknown", "OAuth token is invalid or expired"),
    ] {
        let run =
            yc_auth(["token"]).env("YC_API_ENDPOINT", emulator.api_url()).secret("YC_OAUTH_TOKEN", token);
        let outcome = run.done();
        let printed = outcome.fails(6);
        assert!(
            printed.starts_with("error: oauth-token: http://127.0.0.1:") && printed.contains(message),
            "{printed}"
        );
        assert!(printed.contains("\nhelp: ") && printed.contains("YC_API_KEY"), "{printed}");
    }
}

#[test]
fn an_unreachable_or_slow_endpoint_is_5() {
    let run = yc_auth(["token", "--timeout", "2", "--endpoint", &format!("http://{CLOSED_PORT}")]);
    assert!(run.secret("YC_OAUTH_TOKEN", "y0_fake-oauth").done().fails(5).contains(CLOSED_PORT));

    let emulator = Emulator::start_in_thread().unwrap();
    for fault in [Fault::hang(), Fault::hang().on(Service::Endpoints)] {
        emulator.faults().clear();
        emulator.faults().add(fault);
        let run = yc_auth(["token", "--timeout", "2"]).env("YC_API_ENDPOINT", emulator.api_url());
        let outcome = run.secret("YC_OAUTH_TOKEN", emulator.oauth_token()).done();
        assert!(outcome.fails(5).contains("oauth-token: no token within 2 s"), "{outcome:?}");
    }
}

#[test]
fn it_is_not_sent_without_tls() {
    for words in [&["token", "--endpoint", "http://api.example.test"][..], &["token"]] {
        let run = yc_auth(words).env("YC_API_ENDPOINT", "http://api.example.test");
        let outcome = run.secret("YC_OAUTH_TOKEN", "y0_fake-oauth").done();
        let place = if words.contains(&"--endpoint") { "--endpoint: " } else { "YC_API_ENDPOINT: " };
        let printed = outcome.fails(4);
        assert!(printed.contains(place) && printed.contains("does not use TLS"), "{printed}");
    }
}

#[test]
fn tls_trusts_the_authority_of_ssl_cert_file() {
    let emulator = Emulator::builder().tls(true).start_in_thread().unwrap();
    let folder = Folder::new();
    let authority = folder.file("ca.pem", emulator.ca_pem().unwrap());
    let run = || {
        yc_auth(["token"])
            .env("YC_API_ENDPOINT", emulator.api_addr().to_string())
            .secret("YC_OAUTH_TOKEN", emulator.oauth_token())
    };
    assert!(run().env("SSL_CERT_FILE", &authority).done().output().starts_with("t1."));
    run().done().fails(5);
}
