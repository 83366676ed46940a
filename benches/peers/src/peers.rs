//! Each library with credentials at the fake, behind one function: the header of a request.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use gcp_auth::TokenProvider;
use google_cloud_auth::credentials::CacheableResource;
use http::{Extensions, HeaderValue};
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{Credentials, MetadataAuth, System};

/// What a caller of a library gets.
pub type Header = Result<HeaderValue, String>;

/// A library with one set of credentials.
#[allow(async_fn_in_trait, reason = "no user outside of this program")]
pub trait Peer: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    /// New credentials at the fake. Inside a runtime, because some libraries need one.
    fn new(fake: &str) -> Self;

    /// The header, as a program would make it.
    fn header(&self) -> impl Future<Output = Header> + Send;
}

fn bearer(token: &str) -> Header {
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|error| error.to_string())?;
    header.set_sensitive(true);
    Ok(header)
}

#[derive(Clone)]
pub struct Ours(pub Credentials);

impl Peer for Ours {
    const NAME: &'static str = "yandex-cloud-auth";

    fn new(fake: &str) -> Self {
        let address = fake.strip_prefix("http://").unwrap();
        let environment = TestEnvironment::new([("YC_METADATA_ADDR", address)]);
        Self(Credentials::from(MetadataAuth::new()).with_system(System::real().with_environment(environment)))
    }

    async fn header(&self) -> Header {
        self.0.header().await.map(Option::unwrap).map_err(|error| error.to_string())
    }
}

#[derive(Clone)]
pub struct Google(google_cloud_auth::credentials::Credentials);

impl Peer for Google {
    const NAME: &'static str = "google-cloud-auth";

    fn new(fake: &str) -> Self {
        let builder = google_cloud_auth::credentials::mds::Builder::default().with_endpoint(fake);
        Self(builder.build().unwrap())
    }

    async fn header(&self) -> Header {
        match self.0.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data["authorization"].clone()),
            Ok(CacheableResource::NotModified) => Err("not modified".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[derive(Clone)]
pub struct Gcp(Arc<gcp_auth::CustomServiceAccount>);

impl Peer for Gcp {
    const NAME: &'static str = "gcp_auth";

    fn new(fake: &str) -> Self {
        // A fake key, made by `run` for this run.
        let key = std::fs::read_to_string(std::env::var_os("PEERS_KEY").unwrap()).unwrap();
        let json = serde_json::json!({
            "type": "service_account", "project_id": "fake", "private_key_id": "fake", "private_key": key,
            "client_email": "fake@example.com", "client_id": "fake", "auth_uri": fake, "token_uri": format!("{fake}/token"),
            "auth_provider_x509_cert_url": fake, "client_x509_cert_url": fake,
        });
        Self(Arc::new(gcp_auth::CustomServiceAccount::from_json(&json.to_string()).unwrap()))
    }

    async fn header(&self) -> Header {
        match self.0.token(&["https://example.com/scope"]).await {
            Ok(token) => bearer(token.as_str()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[derive(Clone)]
pub struct Azure(Arc<azure_identity::ManagedIdentityCredential>);

impl Peer for Azure {
    const NAME: &'static str = "azure_identity";

    fn new(_: &str) -> Self {
        // The address is in a variable of App Service, which `main` sets for this process.
        Self(azure_identity::ManagedIdentityCredential::new(None).unwrap())
    }

    async fn header(&self) -> Header {
        match self.0.get_token(&["https://example.com/.default"], None).await {
            Ok(token) => bearer(token.token.secret()),
            Err(error) => Err(error.to_string()),
        }
    }
}
