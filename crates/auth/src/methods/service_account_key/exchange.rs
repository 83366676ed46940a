//! The exchange of a key for an IAM token: a signed JWT goes to IAM.

use std::time::Duration;

use super::key_file::ServiceAccountKey;
use super::loader::KeyLoader;
use crate::Error;
use crate::cloud::iam::{Iam, NOT_IAM};
#[cfg(feature = "shared-cache")]
use crate::cloud::installation::Installation;
use crate::cloud::jwt::{self, Claims};
use crate::cloud::timestamp::rfc3339;
use crate::methods::TokenSource;
use crate::system::{BoxFuture, ClockDifference, System};
use crate::token::Token;
#[cfg(feature = "shared-cache")]
use crate::{Method, shared_cache::CacheIdentity};

/// How long a JWT is valid. A JWT is used at once; the rest is for clocks that differ.
pub(super) const JWT_LIFE: Duration = Duration::from_secs(600);

/// The source of tokens: a key, and the IAM that exchanges its JWTs.
pub(super) struct Exchange {
    pub(super) key: KeyLoader,
    pub(super) iam: Iam,
    pub(super) audience: Option<String>,
    pub(super) jwt_life: Duration,
    pub(super) max_age: Duration,
}

impl TokenSource for Exchange {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let key = self.key.key(system).await?;
            exchange(&key, &self.iam, self.audience.as_deref(), self.jwt_life, system).await
        })
    }

    #[cfg(feature = "shared-cache")]
    fn cache_identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Option<CacheIdentity>> {
        Box::pin(async {
            let (account, id, credential) = self.key.cache_parts(system).await?;
            Some(CacheIdentity {
                method: Method::ServiceAccountKey,
                endpoint: Installation::of(system).ok()?.cache_name()?,
                audience: self.audience.clone(),
                identity: Some(format!("{account}/{id}")),
                credential,
            })
        })
    }

    fn timeout(&self) -> Duration {
        self.iam.timeout()
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}

/// Exchanges a JWT of the key in a profile of yc.
#[cfg(feature = "profile")]
pub(in crate::methods) async fn exchange_key(
    key: &ServiceAccountKey,
    iam: &Iam,
    system: &System,
) -> Result<Token, Error> {
    exchange(key, iam, None, JWT_LIFE, system).await
}

async fn exchange(
    key: &ServiceAccountKey,
    iam: &Iam,
    audience: Option<&str>,
    life: Duration,
    system: &System,
) -> Result<Token, Error> {
    let sign = |url: String, now: Duration| {
        let claims = Claims {
            key_id: &key.id,
            issuer: &key.service_account_id,
            audience: audience.unwrap_or(&url),
            now,
            life,
        };
        jwt::sign(&claims, &key.pair)
    };
    let token = iam.exchange_jwt(sign, system).await;
    token.map_err(|(error, difference)| with_causes(error, key, system.clock().now().wall, difference))
}

/// A refusal, with what to do about it.
///
/// One message of IAM is known, that of a missing `kid` (dotnet-sdk#34); no documentation lists the messages for other
/// JWTs. So the message only decides which cause comes first, and every help lists all causes. A known difference of
/// the clocks comes first too, although a JWT that was dated by the server's clock was refused as well.
fn with_causes(
    error: Error,
    key: &ServiceAccountKey,
    now: Duration,
    difference: Option<ClockDifference>,
) -> Error {
    if !error.is_refusal() {
        return error;
    }
    if matches!(error.status(), Some(404 | 405)) {
        return error.with_help(NOT_IAM);
    }
    let message = error.reason().to_ascii_lowercase();
    let mentions = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let ServiceAccountKey { id, service_account_id: account, .. } = key;
    let deleted = format!(
        "the key {id} was deleted, or belongs to another region \
         (`yc iam key list --service-account-id {account}` lists the keys)"
    );
    let mut clock = match difference {
        Some(difference) => difference.to_string(),
        None => "the clock of this machine is wrong".to_owned(),
    };
    if let Some(now) = i64::try_from(now.as_secs()).ok().and_then(rfc3339) {
        clock.push_str(&format!(" (it shows {now})"));
    }
    let mixed =
        "`id` and `private_key` belong to different keys (create a new key: `yc iam key create`)".to_owned();
    let causes = if difference.is_some()
        || mentions(&["expired", "'exp'", "'iat'", "not yet", "in the future", "clock"])
    {
        [clock, deleted, mixed]
    } else if mentions(&["signature", "'iss'", "missing"]) {
        [mixed, deleted, clock]
    } else {
        [deleted, mixed, clock]
    };
    error.with_help(format!("check these causes in this order: {}", causes.join("; ")))
}
