//! A token that is revoked while 64 callers use it, over sockets: one fetch, one second sending each, nobody notices.

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
struct Asked(#[prost(string, tag = 1)] String, #[prost(message, repeated, tag = 3)] Vec<Said>);
#[derive(prost::Message)]
struct Said(#[prost(string, tag = 1)] String, #[prost(string, tag = 2)] String);
#[derive(prost::Message)]
struct Answer(#[prost(string, tag = 3)] String);

fn credentials(cloud: &Emulator) -> Credentials {
    let test_system = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    Credentials::automatic().with_system(System::real().with_environment(test_system))
}

/// All callers before the token is revoked, and all of them after.
async fn revoked_in_the_middle<F: Future<Output = ()>>(
    cloud: &Emulator,
    credentials: &Credentials,
    call: impl Fn() -> F,
) {
    join_all((0..CALLERS).map(|_| call())).await;
    let before = cloud.counters().snapshot();
    assert_eq!((before.tokens_issued, before.unauthenticated), (1, 0));

    let header = credentials.header().await.unwrap().unwrap();
    cloud.revoke_iam_token(header.to_str().unwrap().strip_prefix("Bearer ").unwrap()).unwrap();
    // The refusals come when all have sent.
    cloud.faults().add(Fault::latency(Duration::from_millis(100)).on(Service::Ai));
    join_all((0..CALLERS).map(|_| call())).await;

    let after = cloud.counters().snapshot();
    let asked = |counts: &yandex_cloud_emulator::Counts| counts.services[&Service::Ai];
    assert_eq!(after.tokens_issued, 2, "one fetch for all");
    assert!(after.unauthenticated > 1, "more than one was under way");
    assert_eq!(asked(&after) - asked(&before), CALLERS as u64 + after.unauthenticated, "one replay for each");
}

#[test]
fn in_front_of_reqwest() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    on_runtime(async {
        let cloud = Emulator::start().await.unwrap();
        let credentials = credentials(&cloud);
        let http = Client::builder().no_proxy().build().unwrap();
        let client = AuthLayer::new(credentials.clone()).allow_loopback().client(http.clone());
        let url = format!("{}/v1/models", cloud.api_url());
        let call = async || assert_eq!(client.send(http.get(&url)).await.unwrap().status(), 200);
        revoked_in_the_middle(&cloud, &credentials, call).await;
    });
}

#[test]
fn in_front_of_tonic() {
    on_runtime(async {
        let cloud = Emulator::start().await.unwrap();
        let credentials = credentials(&cloud);
        let endpoint = Endpoint::from_shared(cloud.api_url()).unwrap();
        let channel = AuthLayer::new(credentials.clone()).allow_loopback().channel(&endpoint).unwrap();
        let model = format!("gpt://{}/yandexgpt", cloud.folder_id());
        let call = async || {
            let mut client = Grpc::new(channel.clone());
            client.ready().await.unwrap();
            let asked = Asked(model.clone(), vec![Said("user".to_owned(), "hello".to_owned())]);
            let method = "/yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion";
            let codec = ProstCodec::<_, Answer>::default();
            let answer =
                client.server_streaming(tonic::Request::new(asked), method.parse().unwrap(), codec).await;
            assert!(answer.unwrap().into_inner().message().await.unwrap().is_some());
        };
        revoked_in_the_middle(&cloud, &credentials, call).await;
    });
}
