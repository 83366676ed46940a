//! Whether a system has a shared cache, and how its credentials use the tokens there.

use super::super::System;
use super::{CacheStore, StoreWork};

/// What the first token of credentials may be, where the shared cache has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedCacheUse {
    /// Any usable token.
    Normal,
    /// A fresh token, or a new one; a stale one where no other comes.
    RenewStale,
    /// A new one.
    Renew,
}

impl System {
    /// With a cache that all processes of the machine share: one process at a time asks IAM for a token of one identity,
    /// and the others take that token. Off by default.
    ///
    /// Shared are tokens that are exchanged for a secret: those of the methods `oauth-token`, `service-account-key`,
    /// `workload-identity`, `profile`, and `impersonation` via these. An entry can be opened only with that secret. A
    /// store that cannot be used never fails a call.
    ///
    /// ```no_run
    /// use yandex_cloud_auth::system::CacheFolder;
    /// use yandex_cloud_auth::{Credentials, ServiceAccountKeyAuth, System};
    /// let system = System::real().with_shared_cache(CacheFolder::new("/run/user/1000/yc-auth"));
    /// let credentials = Credentials::from(ServiceAccountKeyAuth::from_file("key.json")).with_system(system);
    /// ```
    #[must_use]
    pub fn with_shared_cache(mut self, store: impl CacheStore) -> Self {
        self.shared_cache = Some(StoreWork::new(store));
        self
    }

    /// Fetches the first token of credentials also where the shared cache has one, and replaces that one. If the fetch
    /// fails, the token in the cache stays.
    #[must_use]
    pub fn renewing_shared_tokens(mut self) -> Self {
        self.shared_cache_use = SharedCacheUse::Renew;
        self
    }

    /// Fetches the first token of credentials where the token in the shared cache is stale. If the fetch fails, the stale
    /// token is used. For a process that renews a token in the place of another one.
    #[doc(hidden)]
    #[must_use]
    pub fn renewing_stale_shared_tokens(mut self) -> Self {
        self.shared_cache_use = SharedCacheUse::RenewStale;
        self
    }

    pub(crate) fn shared_cache(&self) -> Option<&StoreWork> {
        self.shared_cache.as_ref()
    }

    pub(crate) fn shared_cache_use(&self) -> SharedCacheUse {
        self.shared_cache_use
    }
}
