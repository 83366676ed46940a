//! The source of tokens behind a profile: the file, the profile in it, and the exchange that its login needs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::config::{Config, Key, Proof};
#[cfg(feature = "shared-cache")]
use crate::Method;
use crate::cloud::iam::Iam;
use crate::cloud::installation::Installation;
use crate::cloud::metadata::{MetadataAddress, ProbeTimeouts, fetch_token};
use crate::log::log;
use crate::methods::TokenSource;
use crate::methods::oauth_token::{explain, warn_once};
use crate::methods::secret_file::SecretFile;
#[cfg(feature = "shared-cache")]
use crate::shared_cache::CacheIdentity;
use crate::system::{BoxFuture, System};
use crate::token::{Life, Token};
use crate::{Error, ErrorKind};

const MAX_FILE: usize = 1 << 20;

/// The file, and the profile that the first fetch used.
pub(super) struct Source {
    pub(super) file: SecretFile,
    /// The profile of the options or of `YC_PROFILE`; `None` for the current one.
    pub(super) name: Option<String>,
    pub(super) timeout: Duration,
    pub(super) max_age: Duration,
    pub(super) chosen: Mutex<Option<Arc<Chosen>>>,
}

/// The profile of the first fetch. Later fetches use the same profile: another current profile is another identity.
pub(super) struct Chosen {
    name: String,
    /// The endpoint of the profile.
    endpoint: Option<String>,
    /// Set when the login needs an exchange.
    iam: OnceLock<Iam>,
}

impl Chosen {
    /// The installation that the profile logs in to.
    fn installation(&self, system: &System) -> Result<Installation, Error> {
        Installation::of_profile(self.endpoint.as_deref(), system)
    }
}

impl Source {
    /// Reads the file.
    pub(super) async fn config(&self, system: &System) -> Result<Config, Error> {
        let text = self.file.read(system, MAX_FILE, ErrorKind::NotConfigured).await?;
        Config::parse(&text).map_err(|error| error.at(self.file.location()))
    }

    async fn exchange(&self, system: &System) -> Result<Token, Error> {
        let config = self.config(system).await?;
        let (chosen, proof) = self.choose(&config).map_err(|error| error.at(self.file.location()))?;
        match proof {
            Proof::IamToken(secret) => Ok(Token { secret, life: Life::Unknown }),
            Proof::OAuthToken(secret) => {
                warn_once();
                let iam = self.iam(&chosen, "the OAuth token", system)?;
                iam.exchange_oauth(&secret, system).await.map_err(explain)
            }
            Proof::Key(key) => self.exchange_key(&key, &chosen, system).await,
            Proof::Machine { explicit } => machine(explicit, &chosen.name, system).await,
        }
    }

    #[cfg(feature = "service-account-key")]
    async fn exchange_key(&self, key: &Key, chosen: &Chosen, system: &System) -> Result<Token, Error> {
        use crate::methods::service_account_key::{ServiceAccountKey, exchange_key};
        let parsed = ServiceAccountKey::new(&key.id, &key.service_account_id, &key.private_key);
        let key = parsed.map_err(|error| error.at(self.file.location()))?;
        exchange_key(&key, self.iam(chosen, "the JWT", system)?, system).await
    }

    #[cfg(not(feature = "service-account-key"))]
    async fn exchange_key(&self, _key: &Key, _chosen: &Chosen, _system: &System) -> Result<Token, Error> {
        Err(Error::new(
            ErrorKind::Invalid,
            "the profile has the key of a service account, which this build cannot use",
        )
        .at(self.file.location())
        .with_help("build with the feature `service-account-key`, or use the method yandex-cloud-cli"))
    }

    /// The profile of the first fetch, and its current login in the file.
    fn choose(&self, config: &Config) -> Result<(Arc<Chosen>, Proof), Error> {
        // One lock over reading and storing: two first fetches must not take different profiles.
        let mut known = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let name = known.as_ref().map(|chosen| chosen.name.as_str()).or(self.name.as_deref());
        let settings = config.profile(name)?;
        let proof = settings.proof()?;
        let endpoint = settings.text("endpoint")?;
        let chosen = known.get_or_insert_with(|| {
            let endpoint = endpoint.map(str::to_owned);
            Arc::new(Chosen { name: settings.name().to_owned(), endpoint, iam: OnceLock::new() })
        });
        Ok((Arc::clone(chosen), proof))
    }

    fn iam<'a>(&self, chosen: &'a Chosen, what: &str, system: &System) -> Result<&'a Iam, Error> {
        if let Some(iam) = chosen.iam.get() {
            return Ok(iam);
        }
        // Two callers may both make an `Iam`, which does no I/O. The first one stored is used by both.
        let iam = Iam::new(&chosen.installation(system)?, self.timeout, what)?;
        Ok(chosen.iam.get_or_init(|| iam))
    }
}

impl TokenSource for Source {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(self.exchange(system))
    }

    #[cfg(feature = "shared-cache")]
    fn cache_identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Option<CacheIdentity>> {
        Box::pin(async {
            let config = self.config(system).await.ok()?;
            let (chosen, proof) = self.choose(&config).ok()?;
            let endpoint = chosen.installation(system).ok()?.cache_name()?;
            match proof {
                Proof::OAuthToken(token) => {
                    Some(crate::methods::oauth_token::cache_identity(&token, Method::Profile, endpoint))
                }
                Proof::Key(key) => of_key(&key, endpoint),
                Proof::IamToken(_) | Proof::Machine { .. } => None,
            }
        })
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }

    fn installation(&self, system: &System) -> Result<Installation, Error> {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match chosen {
            Some(chosen) => chosen.installation(system),
            None => Installation::of(system),
        }
    }
}

#[cfg(all(feature = "shared-cache", feature = "service-account-key"))]
fn of_key(key: &Key, endpoint: String) -> Option<CacheIdentity> {
    use crate::methods::service_account_key::KeyParts;
    let parts = KeyParts::new(&key.id, &key.service_account_id, &key.private_key).ok()?;
    Some(CacheIdentity {
        method: Method::Profile,
        endpoint,
        audience: None,
        identity: Some(format!("{}/{}", parts.service_account_id, parts.id)),
        credential: parts.digest(),
    })
}

#[cfg(all(feature = "shared-cache", not(feature = "service-account-key")))]
fn of_key(_key: &Key, _endpoint: String) -> Option<CacheIdentity> {
    None
}

/// The token of the machine's service account. `explicit` is false for a profile without a login.
async fn machine(explicit: bool, profile: &str, system: &System) -> Result<Token, Error> {
    let at = MetadataAddress::resolve(None, system)?;
    if let Some(warning) = at.warning() {
        log(|| tracing::warn!("{warning}"));
    }
    fetch_token(system, &at, ProbeTimeouts::DEFAULT).await.map_err(|failure| match explicit {
        true => failure.error,
        false => failure.error.with_help(format!(
            "the profile `{profile}` has no login, which means the service account of the machine; log in with \
             `yc init`, or choose another profile"
        )),
    })
}
