//! Three libraries for Google Cloud.

use std::sync::Arc;
use std::time::Duration;

use gcp_auth::TokenProvider;
use google_cloud_auth::credentials::CacheableResource;
use http::Extensions;
use tokio::sync::OnceCell;
use yup_oauth2::ServiceAccountAuthenticator;
use yup_oauth2::authenticator::DefaultAuthenticator;

use super::{Header, Peer, bearer, private_key};

#[derive(Clone)]
pub struct Google(google_cloud_auth::credentials::Credentials);

impl Peer for Google {
    const NAME: &'static str = "google-cloud-auth";
    // A task renews a token with less than four minutes to live each ten seconds. At this moment the task is at work.
    const STALE: (u64, Duration) = (60, Duration::from_millis(9_990));
    const LIFE_FOR_60_S: u64 = 300;

    fn new(fake: &str) -> Self {
        let builder = google_cloud_auth::credentials::mds::Builder::default();
        Self(builder.with_endpoint(format!("{fake}/{}", Self::NAME)).build().unwrap())
    }

    async fn header(&self) -> Header {
        match self.0.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data["authorization"].clone()),
            Ok(CacheableResource::NotModified) => Err("not modified".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The JSON of a service account whose token endpoint is the fake.
fn key(fake: &str, name: &str) -> String {
    serde_json::json!({
        "type": "service_account", "project_id": "fake", "private_key_id": "fake", "private_key": private_key(),
        "client_email": "fake@example.com", "client_id": "fake", "auth_uri": fake,
        "token_uri": format!("{fake}/{name}/token"), "auth_provider_x509_cert_url": fake, "client_x509_cert_url": fake,
    })
    .to_string()
}

const SCOPE: &str = "https://example.com/scope";

#[derive(Clone)]
pub struct Gcp(Arc<gcp_auth::CustomServiceAccount>);

impl Peer for Gcp {
    const NAME: &'static str = "gcp_auth";
    // Renewed 20 seconds before the end.
    const STALE: (u64, Duration) = (15, Duration::ZERO);
    const LIFE_FOR_60_S: u64 = 80;

    fn new(fake: &str) -> Self {
        Self(Arc::new(gcp_auth::CustomServiceAccount::from_json(&key(fake, Self::NAME)).unwrap()))
    }

    async fn header(&self) -> Header {
        match self.0.token(&[SCOPE]).await {
            Ok(token) => bearer(token.as_str()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[derive(Clone)]
pub struct Yup {
    key: Arc<str>,
    built: Arc<OnceCell<DefaultAuthenticator>>,
}

impl Peer for Yup {
    const NAME: &'static str = "yup-oauth2";
    // Renewed a minute before the end.
    const STALE: (u64, Duration) = (50, Duration::ZERO);
    const LIFE_FOR_60_S: u64 = 120;

    fn new(fake: &str) -> Self {
        Self { key: key(fake, Self::NAME).into(), built: Arc::default() }
    }

    async fn header(&self) -> Header {
        // An asynchronous function builds the credentials, without a request.
        let build = || ServiceAccountAuthenticator::builder(serde_json::from_str(&self.key).unwrap()).build();
        let built = self.built.get_or_try_init(build).await.map_err(|error| error.to_string())?;
        let token = built.token(&[SCOPE]).await.map_err(|error| error.to_string())?;
        bearer(token.token().ok_or("no token")?)
    }
}
