//! Prints a token of the fake's metadata service, by `google-cloud-auth`: `token_google FAKE`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

use google_cloud_auth::credentials::{AccessTokenCredentials, mds};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let fake = std::env::args().nth(1).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = mds::Builder::default().with_endpoint(format!("{fake}/google-cloud-auth"));
    let credentials: AccessTokenCredentials = builder.build_access_token_credentials().unwrap();
    println!("{}", credentials.access_token().await.unwrap().token);
}
