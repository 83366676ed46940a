//! The Responses API, with the types of `async-openai`: `cargo run --example responses`.

#![allow(clippy::print_stdout, reason = "the example prints its results")]

use async_openai::types::responses::CreateResponseArgs;
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
    let client = sdk.responses().await?;
    let model = format!("gpt://{}/yandexgpt/latest", sdk.folder_id().await?);

    let mut request = CreateResponseArgs::default();
    request.model(model).input("What is a platypus?");
    let first = client.responses().create(request.build()?).await?;
    println!("{}", first.output_text().unwrap_or_default());

    // The server stores the conversation.
    request.input("In a word?").previous_response_id(first.id);
    let second = client.responses().create(request.build()?).await?;
    println!("{}", second.output_text().unwrap_or_default());
    Ok(())
}
