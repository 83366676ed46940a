//! The exchange of an OIDC token for an IAM token of the linked service account.

mod issuers;
mod refusals;

use std::time::{Duration, UNIX_EPOCH};

use crate::common::jwt::Key;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::Value;
use test_support::http_client::{Response, call};
use yandex_cloud_emulator::Emulator;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HOUR: Duration = Duration::from_secs(3600);
const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn form(pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02x}"),
            })
            .collect()
    };
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

async fn send(emulator: &Emulator, body: String) -> Response {
    call("POST", &format!("{}/oauth/token", emulator.api_url()), &[FORM], body).await
}

async fn exchange(emulator: &Emulator, subject_token: &str, account: &str) -> Response {
    let pairs = [
        ("grant_type", GRANT),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", account),
        ("subject_token", subject_token),
        ("subject_token_type", ID_TOKEN),
    ];
    send(emulator, form(&pairs)).await
}

fn token(reply: &Response) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

fn error(reply: &Response) -> (String, String) {
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
    let response = reply.json();
    let text = |name: &str| response[name].as_str().unwrap().to_owned();
    (text("error"), text("error_description"))
}

fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// An emulator that trusts this key as GitHub's key. Its clock is frozen at [`NOW`].
async fn with_issuer_of(key: &Key) -> Emulator {
    let emulator = Emulator::builder()
        .oidc_issuer(ISSUER, key.jwks().to_string())
        .oidc_audience("https://github.com/us")
        .oidc_subject("repo:us/it")
        .start()
        .await
        .unwrap();
    emulator.clock().freeze();
    emulator.clock().set(UNIX_EPOCH + Duration::from_secs(NOW));
    emulator
}
