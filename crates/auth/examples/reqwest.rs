//! reqwest: lists the models. The layer replaces a refused token and sends the request again.
#![allow(clippy::print_stdout, reason = "an example")]

use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_emulator::Emulator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // reqwest's default features install a provider themselves.
    let _ = rustls::crypto::ring::default_provider().install_default();

    // An emulator on loopback. With the real cloud, `Credentials::automatic()` alone is enough.
    let cloud = Emulator::start().await?;
    let environment = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials = Credentials::automatic().with_system(System::real().with_environment(environment));

    let http = reqwest::Client::new();
    let client = AuthLayer::new(credentials.clone()).allow_loopback().client(http.clone());

    let models = http.get(format!("{}/v1/models", cloud.api_url()));
    let models: serde_json::Value = client.send(models).await?.error_for_status()?.json().await?;
    println!("{:#}", models["data"][0]);

    let refused = credentials.header().await?.ok_or("a token")?;
    cloud.revoke_iam_token(refused.to_str()?.trim_start_matches("Bearer "))?;

    let response = client.send(http.get(format!("{}/v1/models", cloud.api_url()))).await?;
    println!("after the token was revoked: {}", response.status());
    assert_ne!(credentials.header().await?, Some(refused));
    Ok(())
}
