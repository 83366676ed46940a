//! Prints a token of the fake's token endpoint, by `gcp_auth` and the key of `PEERS_KEY`: `token_gcp FAKE`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

use gcp_auth::{CustomServiceAccount, TokenProvider};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let fake = std::env::args().nth(1).unwrap();
    let key = std::fs::read_to_string(std::env::var_os("PEERS_KEY").unwrap()).unwrap();
    let json = serde_json::json!({
        "type": "service_account", "project_id": "fake", "private_key_id": "fake", "private_key": key,
        "client_email": "fake@example.com", "client_id": "fake", "auth_uri": fake,
        "token_uri": format!("{fake}/gcp_auth/token"), "auth_provider_x509_cert_url": fake, "client_x509_cert_url": fake,
    });
    let account = CustomServiceAccount::from_json(&json.to_string()).unwrap();
    println!("{}", account.token(&["https://example.com/scope"]).await.unwrap().as_str());
}
