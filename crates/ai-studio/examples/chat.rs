//! A chat, and a streamed response to a second question: `cargo run --example chat`.

#![allow(clippy::print_stdout, reason = "the example prints its results")]

use yandex_ai_studio_sdk::{AiStudio, Message};
use yandex_cloud_emulator::Emulator;

/// Uses an emulator inside this program. The real AI Studio needs none of these options.
pub(crate) async fn run() -> Result<String, Box<dyn std::error::Error>> {
    let cloud = Emulator::start().await?;
    let sdk = AiStudio::builder()
        .endpoint(cloud.api_url())
        .folder_id(cloud.folder_id())
        .auth(cloud.api_key())
        .build()?;
    let model = sdk.chat().completions("yandexgpt").temperature(0.3);

    let response = model.run("What is a platypus?").await?;
    println!("{}", response.text());

    let conversation =
        [Message::user("What is a platypus?"), Message::from(response), Message::user("In a word?")];
    let mut stream = model.run_stream(conversation).await?;
    while let Some(chunk) = stream.next().await {
        print!("{}", chunk?.text());
    }
    println!();
    Ok(stream.finish().await?.text().to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    run().await.map(drop)
}
