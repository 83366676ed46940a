//! tonic: a completion, read while it is being written. Generated clients take the channel as they take tonic's.
#![allow(clippy::print_stdout, reason = "an example")]

use tonic::{Request, client::Grpc, transport::Endpoint};
use tonic_prost::ProstCodec;
use yandex_cloud_auth::{Credentials, System, testing::TestEnvironment, tower::AuthLayer};
use yandex_cloud_emulator::Emulator;

#[derive(prost::Message)]
struct Asked(
    #[prost(string, tag = 1)] String,
    #[prost(message, optional, tag = 2)] Option<Options>,
    #[prost(message, repeated, tag = 3)] Vec<Said>,
);
#[derive(prost::Message)]
struct Options(#[prost(bool, tag = 1)] bool);
#[derive(prost::Message)]
struct Said(#[prost(string, tag = 1)] String, #[prost(string, tag = 2)] String);
#[derive(prost::Message)]
struct Answer(#[prost(message, repeated, tag = 1)] Vec<Alternative>);
#[derive(prost::Message)]
struct Alternative(#[prost(message, optional, tag = 1)] Option<Said>);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cloud = Emulator::start().await?;
    let machine = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials = Credentials::automatic().with_system(System::real().with_environment(machine));
    let endpoint = Endpoint::from_shared(cloud.api_url())?;
    let mut client = Grpc::new(AuthLayer::new(credentials).allow_loopback().channel(&endpoint)?);
    client.ready().await?;
    let method = "/yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion";
    let model = format!("gpt://{}/yandexgpt", cloud.folder_id());
    let asked = Request::new(Asked(model, Some(Options(true)), vec![Said("user".into(), "Hello!".into())]));
    let mut answers = client.server_streaming(asked, method.parse()?, ProstCodec::default()).await?;
    while let Some(Answer(alternatives)) = answers.get_mut().message().await? {
        println!("{:?}", alternatives[0].0);
    }
    Ok(())
}
