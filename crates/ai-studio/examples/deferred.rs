//! A response that is fetched later, by the id of its operation: `cargo run --example deferred`.

#![allow(clippy::print_stdout, reason = "the example prints its results")]

use std::time::Duration;

use yandex_ai_studio_sdk::AiStudio;
use yandex_cloud_emulator::Emulator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An emulator inside this program. The real AI Studio needs none of these options.
    let cloud = Emulator::start().await?;
    let sdk = AiStudio::builder()
        .endpoint(cloud.api_url())
        .folder_id(cloud.folder_id())
        .auth(cloud.api_key())
        .build()?;
    let model = sdk.models().completions("yandexgpt");

    // The operation runs on the server. Another process could continue from here with the id alone.
    let id = model.run_deferred("What is a platypus?").await?.id().to_owned();

    let operation = model.attach_deferred(id).poll_interval(Duration::from_millis(100));
    println!("running: {}", operation.status().await?.is_running());
    println!("{}", operation.wait().await?.text());
    Ok(())
}
