//! `yandex-cloud-sdk`, whose header only its channels see: a gRPC call of a service on loopback stands for the header.
//! This library in the same way, to compare.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use tokio::sync::OnceCell;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::transport::Endpoint;
use yandex_cloud_auth::tower::{AuthChannel, AuthLayer};
use yandex_cloud_sdk::{AuthChannel as SdkChannel, AuthorizedKey, Client, Service as SdkService};

use super::{Header, Ours, Peer, private_key};

/// A call without a message. The result is no header, and says that the call has succeeded.
async fn call<S>(mut channel: S, fake: &str) -> Header
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: std::fmt::Debug,
{
    let request = Request::post(format!("{fake}/fake.Service/Call"));
    let request =
        request.header("content-type", "application/grpc").header("te", "trailers").body(Body::empty());
    std::future::poll_fn(|context| channel.poll_ready(context))
        .await
        .map_err(|error| format!("{error:?}"))?;
    let response = channel.call(request.unwrap()).await.map_err(|error| format!("{error:?}"))?;
    let (head, body) = response.into_parts();
    if let Some(message) = head.headers.get("grpc-message") {
        return Err(message.to_str().unwrap_or_default().to_owned());
    }
    // To the end: h2 ends a connection with a thousand streams that are dropped.
    body.collect().await.map_err(|error| error.to_string())?;
    Ok(HeaderValue::from_static("called"))
}

#[derive(Clone)]
pub struct OursOverGrpc {
    fake: Arc<str>,
    channel: AuthChannel,
}

impl Peer for OursOverGrpc {
    const NAME: &'static str = "yandex-cloud-auth, a gRPC call";
    const AT_FAKE: &'static str = Ours::NAME;
    const STALE: (u64, Duration) = Ours::STALE;
    const LIFE_FOR_60_S: u64 = Ours::LIFE_FOR_60_S;

    fn new(fake: &str) -> Self {
        let layer = AuthLayer::new(Ours::new(fake).0).allow_loopback();
        let channel = layer.channel(&Endpoint::from_shared(fake.to_owned()).unwrap()).unwrap();
        Self { fake: fake.into(), channel }
    }

    async fn header(&self) -> Header {
        call(self.channel.clone(), &self.fake).await
    }
}

#[derive(Clone)]
pub struct YandexCloudSdk {
    fake: Arc<str>,
    client: Client,
    channel: Arc<OnceCell<SdkChannel>>,
}

impl Peer for YandexCloudSdk {
    const NAME: &'static str = "yandex-cloud-sdk, a gRPC call";
    const AT_FAKE: &'static str = "yandex-cloud-sdk";
    // Renewed five minutes before the end.
    const STALE: (u64, Duration) = (200, Duration::ZERO);
    const LIFE_FOR_60_S: u64 = 360;

    fn new(fake: &str) -> Self {
        let key =
            serde_json::json!({ "id": "fake", "service_account_id": "fake", "private_key": private_key() });
        let builder = Client::builder().authorized_key(AuthorizedKey::from_json(key.to_string()).unwrap());
        // Another text is another channel, as in the cloud: a channel has places for 1,024 calls, and a fetch would wait
        // for a place that only the calls which wait for the fetch give back.
        let client = builder.endpoint(SdkService::Iam, format!("{fake}/")).build().unwrap();
        Self { fake: fake.into(), client, channel: Arc::default() }
    }

    async fn header(&self) -> Header {
        let connect = || self.client.channel(&self.fake);
        let channel = self.channel.get_or_try_init(connect).await.map_err(|error| error.to_string())?;
        call(channel.clone(), &self.fake).await
    }
}
