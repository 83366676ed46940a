//! A library for AWS. Its credentials are a key that signs each request: the session token stands for the header here.

use std::sync::Arc;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::{
    Identity, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

use super::{Header, Peer, bearer};

/// What a client of AWS does before it signs a request: its cache of identities, over the provider of a container.
#[derive(Clone)]
pub struct Aws(Arc<Parts>);

struct Parts {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
    config: ConfigBag,
}

impl Aws {
    pub async fn identity(&self) -> Result<Identity, String> {
        let Parts { cache, resolver, components, config } = &*self.0;
        let identity = cache.resolve_cached_identity(resolver.clone(), components, config).await;
        identity.map_err(|error| error.to_string())
    }
}

impl Peer for Aws {
    const NAME: &'static str = "aws-config";
    // Renewed five to ten seconds before the end.
    const STALE: (u64, Duration) = (4, Duration::ZERO);
    const LIFE_FOR_60_S: u64 = 70;

    fn new(_: &str) -> Self {
        // The address is in a variable of a container, which `main` sets for this process.
        let http = aws_smithy_http_client::Builder::new().build_http();
        let provider = ProviderConfig::without_region().with_http_client(http);
        let provider = EcsCredentialsProvider::builder().configure(&provider).build();
        let resolver = SharedIdentityResolver::new(SharedCredentialsProvider::new(provider));
        let components = RuntimeComponentsBuilder::for_tests()
            .with_time_source(Some(aws_smithy_async::time::SystemTimeSource::new()))
            .with_sleep_impl(Some(aws_smithy_async::rt::sleep::TokioSleep::new()))
            .build()
            .unwrap();
        let cache = IdentityCache::lazy().build();
        Self(Arc::new(Parts { cache, resolver, components, config: ConfigBag::base() }))
    }

    async fn header(&self) -> Header {
        let identity = self.identity().await?;
        let credentials: &Credentials = identity.data().ok_or("no key")?;
        bearer(credentials.session_token().ok_or("no token")?)
    }
}
