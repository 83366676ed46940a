//! async-openai against AI Studio: a chat, a chat that streams, an embedding, a response.
#![allow(clippy::print_stdout, reason = "an example")]

use async_openai::types::chat::{ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs};
use async_openai::types::{embeddings::CreateEmbeddingRequestArgs, responses::CreateResponseArgs};
use async_openai::{Client, config::OpenAIConfig};
use futures_util::StreamExt;
use yandex_cloud_auth::{Credentials, System, testing::TestEnvironment, tower::AuthLayer};
use yandex_cloud_emulator::Emulator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default(); // reqwest's default features bring one
    let cloud = Emulator::start().await?;
    let environment = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials = Credentials::automatic().with_system(System::real().with_environment(environment));

    let http = reqwest::Client::new();
    let config = OpenAIConfig::new().with_api_base(cloud.api_url() + "/v1");
    let service = AuthLayer::new(credentials).allow_loopback().openai_service(http.clone());
    let client = Client::build(http, config).with_http_service(service);

    let gpt = format!("gpt://{}/yandexgpt", cloud.folder_id());
    let message = ChatCompletionRequestUserMessage::from("Hello!").into();
    let chat = CreateChatCompletionRequestArgs::default().model(&gpt).messages([message]).build()?;
    println!("chat: {:?}", client.chat().create(chat.clone()).await?.choices[0].message.content);

    let mut stream = client.chat().create_stream(chat).await?;
    while let Some(part) = stream.next().await {
        part?.choices.iter().for_each(|choice| println!("stream: {:?}", choice.delta.content));
    }
    let emb = format!("emb://{}/text-search-doc", cloud.folder_id());
    let text = CreateEmbeddingRequestArgs::default().model(emb).input("Hello!").build()?;
    println!("embedding: {} numbers", client.embeddings().create(text).await?.data[0].embedding.len());

    let body = CreateResponseArgs::default().model(gpt).input("Hello!").build()?;
    println!("response: {:?}", client.responses().create(body).await?.output_text());
    Ok(())
}
