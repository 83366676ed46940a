//! This library.

use std::time::Duration;

use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{Credentials, MetadataAuth, System};

use super::{Header, Peer};

#[derive(Clone)]
pub struct Ours(pub Credentials);

impl Peer for Ours {
    const NAME: &'static str = "yandex-cloud-auth";
    // Renewed after 13.5 to 15 seconds, and used for 18.
    const STALE: (u64, Duration) = (20, Duration::from_millis(16_500));
    const LIFE_FOR_60_S: u64 = 80;

    fn new(fake: &str) -> Self {
        let address = fake.strip_prefix("http://").unwrap();
        let environment = TestEnvironment::new([("YC_METADATA_ADDR", address)]);
        Self(Credentials::from(MetadataAuth::new()).with_system(System::real().with_environment(environment)))
    }

    async fn header(&self) -> Header {
        self.0.header().await.map(Option::unwrap).map_err(|error| error.to_string())
    }
}
