//! A fetch through the shared cache, where the system has one and the source has an identity for it.

use super::Credentials;
use super::selected::{Backend, fetch_once, fetch_unshared};
use crate::log::log;
use crate::methods::Provider;
use crate::refresh::cached_header::Snapshot;
use crate::refresh::fetch::{CurrentToken, Fetched, Request};
use crate::refresh::revoked;
use crate::refresh::schedule::{Freshness, Schedule};
use crate::report::NOTICE;
use crate::secret::Secret;
use crate::shared_cache::{CacheIdentity, Call, Limits, Lookup, NewEntry, Wanted, remove_token};
use crate::source::TokenSource;
use crate::sync::Arc;
use crate::system::{Now, Progress, SharedCacheUse, StoreWork, System};
use crate::task::run_detached::run_detached;
use crate::token::Token;
use crate::{Error, Method};

/// A token of the shared cache, or of the source.
pub(super) async fn fetch(
    source: &Arc<dyn TokenSource>,
    method: Method,
    request: &Request,
    system: &System,
    progress: &Progress,
) -> Result<Fetched, Error> {
    let Some((work, identity)) = identity(source, system).await else {
        return fetch_unshared(source, method, system, progress).await;
    };
    let max_age = source.max_age();
    let wanted = match &request.current {
        CurrentToken::Absent => match system.shared_cache_use() {
            SharedCacheUse::Normal => Wanted::Usable,
            SharedCacheUse::RenewStale => Wanted::Fresh { other_than: None },
            SharedCacheUse::Renew => Wanted::Renewed,
        },
        CurrentToken::Usable(secret) => Wanted::Fresh { other_than: Some(secret) },
        CurrentToken::Refused(secret) => Wanted::Replacement { of: secret },
    };
    let call = Call::new(work, &identity, wanted, revoked::contains, system);
    if let Wanted::Replacement { of } = wanted {
        call.refuse(of).await;
    }
    let jitter = system.clock().random();
    let describe = |token: &Token, began: Now| {
        let life = token.life.length(began.wall).ok()??;
        let (fresh, usable) = Schedule::durations(life, max_age, jitter);
        let expires_at = token.life.end(began.wall, Some(life));
        Some(NewEntry { secret: token.secret.clone(), began: began.wall, fresh, usable, life, expires_at })
    };
    let limits = Limits { callers: request.time_left, fetch: source.timeout() };
    let fetch = async |limit| fetch_once(source, limit, system, progress).await;
    Ok(match call.run(limits, fetch, describe).await? {
        Lookup::Fetched(token, began) => Fetched::Token { method, token, began, max_age },
        Lookup::Entry { token, age } => {
            let now = system.clock().now();
            let NewEntry { secret, fresh, usable, life, expires_at, .. } = token;
            let schedule = Schedule::resumed(now, age, fresh, usable, life);
            Fetched::Shared { method, secret, schedule, expires_at, now }
        }
    })
}

/// Removes a revoked token from the shared cache, whichever credential made the token.
pub(super) async fn forget(revoked: &Secret, system: &System) {
    let Some(work) = system.shared_cache() else { return };
    let of_work = revoked.clone();
    let removed = work.run(system, move |store| remove_token(store, &of_work)).await;
    if let Err(error) = removed {
        log(|| {
            tracing::warn!(
                target: NOTICE,
                "the revoked token is still in the shared cache, because the folder cannot be changed: {error}"
            );
        });
    }
}

/// The cache of the system, and what the tokens of the source stand under.
pub(super) async fn identity<'a>(
    source: &Arc<dyn TokenSource>,
    system: &'a System,
) -> Option<(&'a StoreWork, CacheIdentity)> {
    let work = system.shared_cache()?;
    // Half of the time: the credential may be in a file that hangs.
    let identity = system.within(source.timeout() / 2, source.cache_identity(system)).await??;
    Some((work, identity))
}

impl Credentials {
    /// What the shared cache keeps the tokens under; `None` for tokens that are not shared. Selects first.
    pub(super) async fn cache_identity(&self) -> Option<CacheIdentity> {
        self.select().await.ok()?;
        self.token_source()?.cache_identity(&self.inner.system).await
    }

    /// The source of the selected method, if tokens are fetched.
    pub(super) fn token_source(&self) -> Option<&Arc<dyn TokenSource>> {
        match self.backend() {
            Some(Backend::Cached(Provider::Source(source))) => Some(source),
            _ => None,
        }
    }

    /// Whether this token is stale and nobody renews it: no process holds the lock of its entry, and no attempt has
    /// failed a moment ago. For a program that ends before it could renew the token itself. False without a shared cache.
    #[doc(hidden)]
    pub async fn needs_shared_renewal(&self, snapshot: &Snapshot) -> bool {
        let system = self.inner.system.clone();
        if snapshot.0.freshness(&system.clock().now()) == Freshness::Fresh || system.shared_cache().is_none()
        {
            return false;
        }
        let Some(source) = self.token_source().cloned() else { return false };
        let of_work = system.clone();
        let work = async move {
            let Some((work, identity)) = identity(&source, &of_work).await else { return false };
            let call =
                Call::new(work, &identity, Wanted::Fresh { other_than: None }, revoked::contains, &of_work);
            call.is_renewal_due().await
        };
        run_detached(&system, work).await.unwrap_or(false)
    }
}
