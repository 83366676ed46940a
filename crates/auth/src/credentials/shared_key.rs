//! Ephemeral keys of Object Storage in the shared cache: one key for all processes that ask for the same.
//!
//! The entry is sealed with the credential that made the IAM token, as that of the token is.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::object_storage::EphemeralAccessKeyOptions;
use super::{Credentials, shared};
use crate::Error;
use crate::cloud::iam::ephemeral_key::EphemeralAccessKey;
use crate::refresh::cached_header::Snapshot;
use crate::refresh::revoked;
use crate::secret::Secret;
use crate::shared_cache::{CacheIdentity, Call, Limits, Lookup, NewEntry, Wanted};
use crate::sync::Arc;
use crate::system::{Now, SharedCacheUse};
use crate::task::run_detached::run_detached;

/// The rest of a key's life in which it is not shared any more. Clients ask again in the last 15 min.
const REST: Duration = Duration::from_secs(20 * 60);

/// The rest of a key's life in which it is not even a last resort.
const UNUSABLE: Duration = Duration::from_secs(60);

impl Credentials {
    /// A key of the shared cache, or a new one; `None` where the tokens of these credentials are not shared.
    pub(super) async fn shared_key(
        &self,
        usable: &Snapshot,
        options: &EphemeralAccessKeyOptions,
        limit: Duration,
    ) -> Option<Result<EphemeralAccessKey, Error>> {
        self.inner.system.shared_cache()?;
        let source = Arc::clone(self.token_source()?);
        let (credentials, usable, options) = (self.clone(), usable.clone(), options.clone());
        let work = async move {
            let system = &credentials.inner.system;
            let (work, identity) = shared::identity(&source, system).await?;
            let identity = of_key(identity, &options);
            let wanted = match system.shared_cache_use() {
                SharedCacheUse::Renew => Wanted::Renewed,
                SharedCacheUse::Normal | SharedCacheUse::RenewStale => Wanted::Fresh { other_than: None },
            };
            // The entry was authenticated, and `from_entry` checks its parts.
            let call = Call::new(work, &identity, wanted, revoked::contains, system)
                .reading(|text| Some(Secret::from_checked(text)));
            let fetch = async |limit| credentials.new_key(&usable, &options, limit).await;
            let describe = |key: &EphemeralAccessKey, began: Now| to_entry(key, &options, began);
            let limits = Limits { callers: limit, fetch: limit };
            Some(match call.run(limits, fetch, describe).await {
                Ok(Lookup::Fetched(key, _)) => Ok(key),
                Ok(Lookup::Entry { token, .. }) => match from_entry(&token) {
                    Some(key) => Ok(key),
                    None => credentials.new_key(&usable, &options, limit).await,
                },
                Err(error) => Err(error),
            })
        };
        match run_detached(&self.inner.system, work).await {
            Ok(key) => key,
            Err(error) => Some(Err(error)),
        }
    }
}

/// What the key stands under: beside the identity, all that the request says.
fn of_key(identity: CacheIdentity, options: &EphemeralAccessKeyOptions) -> CacheIdentity {
    let policy = options.policy.as_ref().map(|policy| {
        let hash = digest(&SHA256, policy.as_bytes());
        format!(", policy {}", URL_SAFE_NO_PAD.encode(hash))
    });
    let (session, seconds) = (&options.session_name, options.duration.as_secs());
    let key = format!("key of Object Storage, session {session}, {seconds} s{}", policy.unwrap_or_default());
    let audience = identity.audience.as_ref().map(|audience| format!(" for {audience}")).unwrap_or_default();
    CacheIdentity { audience: Some(key + &audience), ..identity }
}

/// The entry of a key; `None` for a key that ends too early to be shared.
fn to_entry(key: &EphemeralAccessKey, options: &EphemeralAccessKeyOptions, began: Now) -> Option<NewEntry> {
    let end = key.expires_at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    // The clock of IAM may be ahead: the key does not live longer than requested.
    let life = end.saturating_sub(began.wall).min(options.duration);
    let fresh = life.checked_sub(REST)?;
    // No part has a space.
    let parts = [key.access_key_id.as_str(), key.secret.expose(), key.session_token.expose()];
    let text = Zeroizing::new(parts.join(" "));
    Some(NewEntry {
        secret: Secret::from_checked(&text),
        began: began.wall,
        fresh,
        usable: life.saturating_sub(UNUSABLE),
        life,
        expires_at: Some(key.expires_at),
    })
}

fn from_entry(entry: &NewEntry) -> Option<EphemeralAccessKey> {
    let mut parts = entry.secret.expose().split(' ');
    let [id, secret, session_token] = [parts.next()?, parts.next()?, parts.next()?];
    Some(EphemeralAccessKey {
        access_key_id: id.to_owned(),
        secret: Secret::parse(secret).ok()?,
        session_token: Secret::parse(session_token).ok()?,
        expires_at: entry.expires_at?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_all_of_the_key() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_003_600);
        let began = Now { wall: Duration::from_secs(1_800_000_000), monotonic: Duration::ZERO };
        let key = EphemeralAccessKey {
            access_key_id: "ajefake0key".to_owned(),
            secret: Secret::parse("YCfake-secret+/=").unwrap(),
            session_token: Secret::parse(&format!("s1.fake.session+/={}", "a".repeat(270))).unwrap(),
            expires_at: end,
        };
        let options = EphemeralAccessKeyOptions::new("a").unwrap();
        let entry = to_entry(&key, &options, began).unwrap();
        assert_eq!((entry.fresh, entry.life), (Duration::from_secs(2400), Duration::from_secs(3600)));
        let same = from_entry(&entry).unwrap();
        assert_eq!(same.access_key_id, key.access_key_id);
        assert_eq!((same.secret, same.session_token), (key.secret.clone(), key.session_token.clone()));
        assert_eq!(same.expires_at, end);
        // IAM's clock is a day ahead, then a day behind.
        let ahead = EphemeralAccessKey { expires_at: end + Duration::from_secs(86_400), ..key.clone() };
        assert_eq!(to_entry(&ahead, &options, began).unwrap().life, Duration::from_secs(3600));
        let behind = EphemeralAccessKey { expires_at: end - Duration::from_secs(86_400), ..key };
        assert!(to_entry(&behind, &options, began).is_none());
    }
}
