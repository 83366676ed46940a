//! How a token comes to credentials: fetched by a [`TokenSource`], or read for every request from a [`LiveToken`].

use std::time::Duration;

use crate::cloud::installation::Installation;
#[cfg(feature = "shared-cache")]
use crate::shared_cache::CacheIdentity;
use crate::sync::Arc;
use crate::system::{BoxFuture, Now, System};
use crate::token::{MAX_AGE, Token};
use crate::{Error, ErrorKind};

/// Fetches an IAM token, once. Never caches and never retries: credentials do that.
///
/// [`Credentials::from_source`](crate::Credentials::from_source) makes credentials of a source, and
/// [`CustomAuth`](crate::CustomAuth) a slot of automatic selection. For a source that needs neither the system nor
/// limits of its own, [`Credentials::from_fn`](crate::Credentials::from_fn) is shorter.
///
/// ```
/// use yandex_cloud_auth::system::{BoxFuture, System};
/// use yandex_cloud_auth::{Credentials, Error, Token, TokenSource};
///
/// struct Vault;
///
/// impl TokenSource for Vault {
///     fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
///         Box::pin(async { Token::new("t1.fake.token-from-a-vault") })
///     }
/// }
///
/// let credentials = Credentials::from_source(Vault);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token-from-a-vault");
/// # Ok::<(), Error>(())
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// Fetches a token. Runs on the system's [`Spawner`](crate::system::Spawner), where tokio can be used. The future
    /// is dropped when its time is up, or when the last handle of its credentials is dropped.
    ///
    /// It must not block. By default one thread runs the fetches and the deadlines of all credentials in the process:
    /// while that thread is blocked, no other token arrives and no deadline is kept, not even the
    /// [`timeout`](Self::timeout) of this source. Blocking work belongs into `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// The [kind](ErrorKind) says whether a retry makes sense: only `Unavailable` is transient.
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>>;

    /// How long one fetch may take in all; 30 s by default.
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// How long a token is used before the source is asked again; 1 h by default.
    fn max_age(&self) -> Duration {
        MAX_AGE
    }

    /// The installation that the tokens belong to; that of `system` by default. For the methods of this crate alone.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if an address cannot be read.
    #[doc(hidden)]
    fn installation(&self, system: &System) -> Result<Installation, Error> {
        Installation::of(system)
    }

    /// Whose token this is, and the credential that proves it, for the shared cache; `None` for a source whose tokens are
    /// not shared. Reads the credential, and fetches no token of Yandex Cloud. An error is told by the fetch.
    #[cfg(feature = "shared-cache")]
    #[doc(hidden)]
    fn cache_identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Option<CacheIdentity>> {
        Box::pin(std::future::ready(None))
    }

    /// Finds out what [`installation`](Self::installation) needs to know, for a source that asks a program for it. Runs
    /// where fetches run.
    ///
    /// # Errors
    /// The reason why the installation is not known.
    #[doc(hidden)]
    fn learn_installation<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A token that is read for every request and never fetched: something else keeps the token fresh where it is.
pub trait LiveToken: Send + Sync + 'static {
    /// The current token. Returns the same `Arc` for as long as the token is the same, so that its header is made once.
    ///
    /// # Errors
    /// Why there is no token now. The last token is never a fallback.
    fn read(&self, system: &System) -> Result<Arc<LiveValue>, Error>;

    /// The clocks that count the lifetime of the token; those of `system`, the system of the credentials, by default.
    fn now(&self, system: &System) -> Now {
        system.clock().now()
    }

    /// The error for a token that is past its life.
    fn expired(&self) -> Error {
        Error::new(ErrorKind::Expired, "the token has expired")
    }
}

/// What a [`LiveToken`] returns.
pub struct LiveValue {
    pub(crate) token: Token,
    /// Counts the different tokens of the source.
    pub(crate) generation: u64,
    pub(crate) validity: Validity,
}

/// How long a [`LiveValue`] may be sent.
#[derive(Clone, Copy)]
pub(crate) enum Validity {
    /// For as long as the source returns it.
    WhileRead,
    /// For a life counted from the moment the token was received; 12 h where the life is unknown.
    Since { received: Now, life: Option<Duration> },
}
