//! The layer in front of hyper-util's client, over HTTP/1 and over HTTP/2 without TLS.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use test_support::wait::on_runtime;
use tower::{Layer, ServiceExt};
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::tower::{AuthLayer, CloneReplay};
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_emulator::{Emulator, Service};

#[test]
fn a_refused_request_is_replayed_over_http_1_and_http_2() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        on_runtime(async {
            let cloud = Emulator::start().await.unwrap();
            let variables = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
            let credentials =
                Credentials::automatic().with_system(System::real().with_environment(variables));
            let http =
                Client::builder(TokioExecutor::new()).http2_only(version == Version::HTTP_2).build_http();
            let layer = AuthLayer::new(credentials.clone()).allow_loopback().replay(CloneReplay);
            let client = layer.layer(http);
            let header = credentials.header().await.unwrap().unwrap();

            for revoked in [false, true] {
                if revoked {
                    let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
                    cloud.revoke_iam_token(token).unwrap();
                }
                let model = format!("gpt://{}/yandexgpt", cloud.folder_id());
                let messages = serde_json::json!([{ "role": "user", "content": "over hyper" }]);
                let body = serde_json::json!({ "model": model, "messages": messages });
                let request = Request::post(format!("{}/v1/chat/completions", cloud.api_url()))
                    .header("content-type", "application/json")
                    .body(Full::new(Bytes::from(body.to_string())))
                    .unwrap();
                let response = client.clone().oneshot(request).await.unwrap();
                assert_eq!((response.status().as_u16(), response.version()), (200, version));
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert!(String::from_utf8_lossy(&body).contains("you said: over hyper"));
            }
            let counts = cloud.counters();
            assert_eq!((counts.unauthenticated(), counts.requests(Service::Ai)), (1, 3));
            assert_eq!(counts.tokens_issued(), 2);
        });
    }
}
