//! `oauth-token`: an OAuth token of a Yandex account, exchanged for IAM tokens.
//!
//! For tokens issued before 2026-06-01: IAM refuses newer ones (docs, "OAuth token"). The token gives access
//! to the whole account of a person, so prefer an API key, the metadata service, or the yc CLI with a browser login.
//!
//! A token in a file is read again for each exchange.
//!
//! Variables: `YC_OAUTH_TOKEN`, or `YC_OAUTH_TOKEN_FILE` with the path of a file; `YC_API_ENDPOINT` for the discovery
//! endpoint. Errors: `Invalid` for a value that is not an OAuth token, if both variables are set, or if the file does not
//! exist; `Refused` if IAM refuses, `Blocked` if the token would go to a foreign host.

use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use super::options::duration_options;
use super::sealed::{Sealed, with_warning};
use super::value_source::{Found, ValueSource, read};
use super::{Detection, Identity, Method, Provider, TokenSource};
use crate::Error;
use crate::cloud::iam::{self, Iam, NOT_IAM};
use crate::cloud::installation::Installation;
use crate::log::log;
use crate::recognize;
use crate::secret::Secret;
#[cfg(feature = "shared-cache")]
use crate::shared_cache::CacheIdentity;
use crate::system::{BoxFuture, System};
use crate::token::{MAX_AGE, Token};

/// An OAuth token of a Yandex account.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, OAuthTokenAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// let header = Credentials::from(OAuthTokenAuth::new("y0_fake-oauth-token")?).header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OAuthTokenAuth {
    options: OAuthTokenAuthBuilder,
}

/// The options of [`OAuthTokenAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct OAuthTokenAuthBuilder {
    source: ValueSource,
    timeout: Duration,
    max_age: Duration,
}

impl OAuthTokenAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_OAUTH_TOKEN";

    /// The variable with the path of a file that holds the token.
    pub const FILE_VARIABLE: &'static str = "YC_OAUTH_TOKEN_FILE";

    /// A given token, without white space and quotes around it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value is not an OAuth token. The error does not show the value.
    pub fn new(token: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::builder(token)?.build())
    }

    /// The token in a file, such as a secret of Docker or systemd. The file is read for each exchange.
    #[must_use]
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::builder_from_file(path).build()
    }

    /// The token in `YC_OAUTH_TOKEN`, or in the file that `YC_OAUTH_TOKEN_FILE` names. The variables are read once, at
    /// first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self::builder_from_env().build()
    }

    /// A given token, with options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn builder(token: impl AsRef<str>) -> Result<OAuthTokenAuthBuilder, Error> {
        let source = ValueSource::given(token.as_ref(), recognize::oauth_token, Method::OAuthToken)?;
        Ok(OAuthTokenAuthBuilder::new(source))
    }

    /// The token in a file, with options.
    pub fn builder_from_file(path: impl Into<PathBuf>) -> OAuthTokenAuthBuilder {
        OAuthTokenAuthBuilder::new(ValueSource::file(path, "OAuth token file"))
    }

    /// The token in the variables of [`from_env`](Self::from_env), with options.
    pub fn builder_from_env() -> OAuthTokenAuthBuilder {
        OAuthTokenAuthBuilder::new(ValueSource::environment(Self::VARIABLE, Self::FILE_VARIABLE))
    }
}

impl OAuthTokenAuthBuilder {
    fn new(source: ValueSource) -> Self {
        Self { source, timeout: iam::TIMEOUT, max_age: MAX_AGE }
    }

    duration_options! {
        timeout: "How long discovery and exchange may take together; 10 s.",
        max_age: "How long an IAM token is used before the next exchange; 1 h."
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> OAuthTokenAuth {
        OAuthTokenAuth { options: self }
    }
}

impl OAuthTokenAuth {
    fn exchange(&self, system: &System) -> Result<Exchange, Error> {
        let OAuthTokenAuthBuilder { source, timeout, max_age } = &self.options;
        let token = source.find(system, recognize::oauth_token)?;
        warn_once();
        let iam = Iam::new(&Installation::of(system)?, *timeout, "the OAuth token")?;
        Ok(Exchange { token, iam, max_age: *max_age })
    }

    /// If a variable is set, the slot is selected or invalid, never absent: without the file the program must not get
    /// another identity.
    async fn probe(&self, system: &System) -> Result<Detection, Error> {
        let exchange = self.exchange(system)?;
        let reason = match &exchange.token {
            Found::Secret(_) => "set".to_owned(),
            Found::File(file) => {
                read(file, system, recognize::oauth_token).await?;
                let warning = file.mode_warning(system).await;
                with_warning("set, and the file holds an OAuth token", warning.as_deref())
            }
        };
        let provider = Provider::Source(Arc::new(exchange));
        Ok(Detection::Found { provider, first: None, reason })
    }
}

/// What to use instead of an OAuth token.
const REPLACEMENTS: &str = "use an API key (YC_API_KEY), an authorized key (YC_SERVICE_ACCOUNT_KEY_FILE), workload \
                            identity (YC_OIDC_TOKEN_FILE), the metadata service of a machine, or the yc CLI with a \
                            browser login (`yc init --username=…` or `yc init --federation-id=…`)";

/// Warns once in a process about OAuth tokens.
pub(super) fn warn_once() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        log(|| tracing::warn!(
            "an OAuth token gives access to the whole account, and IAM exchanges only tokens issued before 2026-06-01; \
             {REPLACEMENTS}; revoke a leaked token at https://id.yandex.com/personal/data-access"
        ));
    });
}

impl Sealed for OAuthTokenAuth {
    fn method(&self) -> Method {
        Method::OAuthToken
    }

    fn location(&self, system: &System) -> String {
        self.options.source.location(system)
    }

    fn identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async {
            Identity::of(self.method())
                .remark("a Yandex account: the owner of an OAuth token cannot be determined")
        })
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::new(self.exchange(system)?)))
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}

/// The source of tokens: an OAuth token that was read once, or its file.
struct Exchange {
    token: Found,
    iam: Iam,
    max_age: Duration,
}

impl Exchange {
    async fn oauth_token(&self, system: &System) -> Result<Secret, Error> {
        match &self.token {
            Found::Secret(token) => Ok(token.clone()),
            Found::File(file) => read(file, system, recognize::oauth_token).await,
        }
    }
}

/// The entry of an OAuth token: its owner is not known, so the token alone names the entry.
#[cfg(feature = "shared-cache")]
pub(super) fn cache_identity(token: &Secret, method: Method, endpoint: String) -> CacheIdentity {
    let credential = zeroize::Zeroizing::new(token.expose().as_bytes().to_vec());
    CacheIdentity { method, endpoint, audience: None, identity: None, credential }
}

impl TokenSource for Exchange {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let token = self.oauth_token(system).await?;
            self.iam.exchange_oauth(&token, system).await.map_err(explain)
        })
    }

    #[cfg(feature = "shared-cache")]
    fn cache_identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Option<CacheIdentity>> {
        Box::pin(async {
            let endpoint = Installation::of(system).ok()?.cache_name()?;
            let token = self.oauth_token(system).await.ok()?;
            Some(cache_identity(&token, Method::OAuthToken, endpoint))
        })
    }

    fn timeout(&self) -> Duration {
        self.iam.timeout()
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}

/// A refusal, with what to do about it. The cases differ only in the message of IAM: the code is the same.
pub(super) fn explain(error: Error) -> Error {
    if !error.is_refusal() {
        return error;
    }
    let message = error.reason().to_ascii_lowercase();
    let cause = match message.contains("is not supported for iam token exchange") {
        true => "IAM refuses OAuth tokens issued since 2026-06-01",
        false => {
            "the OAuth token is wrong, expired or revoked, and IAM does not exchange tokens issued since 2026-06-01"
        }
    };
    // Another server knows neither the path nor the token.
    let address = if matches!(error.status(), Some(404 | 405)) {
        format!("{NOT_IAM}; otherwise ")
    } else {
        String::new()
    };
    error.with_help(format!("{address}{cause}; {REPLACEMENTS}"))
}
