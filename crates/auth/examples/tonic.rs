//! tonic over TLS: a completion. Generated clients take the channel as they take tonic's.
#![allow(clippy::print_stdout, reason = "an example")]

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Request, client::Grpc};
use tonic_prost::ProstCodec;
use yandex_cloud_auth::{Credentials, System, testing::TestEnvironment, tower::AuthLayer};
use yandex_cloud_emulator::Emulator;

#[derive(prost::Message)] // as generated from the .proto files of Yandex Cloud
struct Completion(#[prost(string, tag = 1)] String, #[prost(message, repeated, tag = 3)] Vec<Message>);
#[derive(prost::Message)]
struct Message(#[prost(string, tag = 1)] String, #[prost(string, tag = 2)] String);
#[derive(prost::Message)]
struct Response(#[prost(message, repeated, tag = 1)] Vec<Alternative>);
#[derive(prost::Message)]
struct Alternative(#[prost(message, optional, tag = 1)] Option<Message>);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cloud = Emulator::builder().tls(true).start().await?;
    let variables = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials = Credentials::automatic().with_system(System::real().with_environment(variables));
    // Yandex Cloud: https://llm.api.cloud.yandex.net:443 with `ClientTlsConfig::new().with_native_roots()`.
    let ca = Certificate::from_pem(cloud.ca_pem().ok_or("the emulator has a CA")?);
    let endpoint = Endpoint::from_shared(cloud.api_url())?;
    let endpoint = endpoint.tls_config(ClientTlsConfig::new().ca_certificate(ca))?;
    let mut client = Grpc::new(AuthLayer::new(credentials).allow_loopback().channel(&endpoint)?);
    client.ready().await?;
    let method = "/yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion";
    let model = format!("gpt://{}/yandexgpt", cloud.folder_id());
    let request = Request::new(Completion(model, vec![Message("user".into(), "Hello!".into())]));
    let mut responses = client.server_streaming(request, method.parse()?, ProstCodec::default()).await?;
    while let Some(Response(alternatives)) = responses.get_mut().message().await? {
        println!("{:?}", alternatives[0].0);
    }
    Ok(())
}
