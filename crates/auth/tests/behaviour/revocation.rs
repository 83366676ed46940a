//! A token that is revoked while 64 callers use it, over sockets: one fetch, one replay for each caller, and no error.

use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Client;
use test_support::wait::on_runtime;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_emulator::{Emulator, Fault, Service};

const CALLERS: usize = 64;

#[derive(prost::Message)]
struct Prompt(#[prost(string, tag = 1)] String, #[prost(message, repeated, tag = 3)] Vec<Message>);
#[derive(prost::Message)]
struct Message(#[prost(string, tag = 1)] String, #[prost(string, tag = 2)] String);
#[derive(prost::Message)]
struct Completion(#[prost(string, tag = 3)] String);

fn credentials(cloud: &Emulator) -> Credentials {
    let test_system = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    Credentials::automatic().with_system(System::real().with_environment(test_system))
}

/// Runs all calls before the token is revoked, and all calls after.
async fn revoke_between_calls<F: Future<Output = ()>>(
    cloud: &Emulator,
    credentials: &Credentials,
    call: impl Fn() -> F,
) {
    join_all((0..CALLERS).map(|_| call())).await;
    let before = cloud.counters().snapshot();
    assert_eq!((before.tokens_issued, before.unauthenticated), (1, 0));

    let header = credentials.header().await.unwrap().unwrap();
    cloud.revoke_iam_token(header.to_str().unwrap().strip_prefix("Bearer ").unwrap()).unwrap();
    // The responses are late, so all callers send the revoked token.
    cloud.faults().add(Fault::latency(Duration::from_millis(100)).on(Service::Ai));
    join_all((0..CALLERS).map(|_| call())).await;

    let after = cloud.counters().snapshot();
    let requests = |counts: &yandex_cloud_emulator::Counts| counts.services[&Service::Ai];
    assert_eq!(after.tokens_issued, 2, "all callers share one fetch");
    assert!(after.unauthenticated > 1, "more than one call was refused");
    assert_eq!(
        requests(&after) - requests(&before),
        CALLERS as u64 + after.unauthenticated,
        "each refused call is sent once more"
    );
}

#[test]
fn reqwest_calls_survive_a_revocation() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    on_runtime(async {
        let cloud = Emulator::start().await.unwrap();
        let credentials = credentials(&cloud);
        let http = Client::builder().no_proxy().build().unwrap();
        let client = AuthLayer::new(credentials.clone()).allow_loopback().client(http.clone());
        let url = format!("{}/v1/models", cloud.api_url());
        let call = async || assert_eq!(client.send(http.get(&url)).await.unwrap().status(), 200);
        revoke_between_calls(&cloud, &credentials, call).await;
    });
}

#[test]
fn tonic_calls_survive_a_revocation() {
    on_runtime(async {
        let cloud = Emulator::start().await.unwrap();
        let credentials = credentials(&cloud);
        let endpoint = Endpoint::from_shared(cloud.api_url()).unwrap();
        let channel = AuthLayer::new(credentials.clone()).allow_loopback().channel(&endpoint).unwrap();
        let model = format!("gpt://{}/yandexgpt", cloud.folder_id());
        let call = async || {
            let mut client = Grpc::new(channel.clone());
            client.ready().await.unwrap();
            let prompt = Prompt(model.clone(), vec![Message("user".to_owned(), "hello".to_owned())]);
            let method = "/yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion";
            let codec = ProstCodec::<_, Completion>::default();
            let response =
                client.server_streaming(tonic::Request::new(prompt), method.parse().unwrap(), codec).await;
            assert!(response.unwrap().into_inner().message().await.unwrap().is_some());
        };
        revoke_between_calls(&cloud, &credentials, call).await;
    });
}
