//! `ydb`, whose token only its client sees: a call of a fake YDB stands for the header. Not for ten thousand callers: the
//! HTTP/2 server of the fake ends the connection of so many calls of this client with `ENHANCE_YOUR_CALM`.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::OnceCell;
use ydb::{Client, ClientBuilder, ServiceAccountCredentials};

use super::{Header, Peer, private_key};

#[derive(Clone)]
pub struct Ydb {
    fake: Arc<str>,
    client: Arc<OnceCell<Client>>,
}

impl Peer for Ydb {
    const NAME: &'static str = "ydb, a call";
    const AT_FAKE: &'static str = "ydb";
    // Renewed after a tenth of the life.
    const STALE: (u64, Duration) = (20, Duration::from_secs(3));
    const LIFE_FOR_60_S: u64 = 600;

    fn new(fake: &str) -> Self {
        Self { fake: fake.into(), client: Arc::default() }
    }

    async fn header(&self) -> Header {
        // The client fetches its first token before it exists.
        let build = || async {
            let credentials = ServiceAccountCredentials::new("fake", "fake", private_key());
            let credentials = credentials.with_url(format!("{}/{}/iam/v1/tokens", self.fake, Self::AT_FAKE));
            let endpoint = self.fake.replace("http://", "grpc://");
            let builder =
                ClientBuilder::new_from_connection_string(format!("{endpoint}/local?use_discovery=false"))?;
            builder.with_credentials(credentials).build().await
        };
        let client = self.client.get_or_try_init(build).await.map_err(|error| error.to_string())?;
        let made = client.scheme_client().make_directory("/local/fake".to_owned()).await;
        made.map(|()| HeaderValue::from_static("called")).map_err(|error| error.to_string())
    }
}
