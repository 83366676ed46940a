//! hyper-util's client, or any other tower service over `http::Request`.
#![allow(clippy::print_stdout, reason = "an example")]

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::tower::{AuthLayer, CloneReplay};
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_emulator::Emulator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An emulator on loopback. With the real cloud, `Credentials::automatic()` alone is enough.
    let cloud = Emulator::start().await?;
    let environment = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials = Credentials::automatic().with_system(System::real().with_environment(environment));

    let layer = AuthLayer::new(credentials).allow_loopback().replay(CloneReplay);
    let client = layer.layer(Client::builder(TokioExecutor::new()).build_http());

    let model = format!("gpt://{}/yandexgpt/latest", cloud.folder_id());
    let body = serde_json::json!({ "model": model, "messages": [{ "role": "user", "content": "Hello!" }] });
    let request = Request::post(format!("{}/v1/chat/completions", cloud.api_url()))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;

    let response = client.oneshot(request).await?.into_body().collect().await?.to_bytes();
    let response: serde_json::Value = serde_json::from_slice(&response)?;
    println!("{}", response["choices"][0]["message"]["content"]);
    Ok(())
}
