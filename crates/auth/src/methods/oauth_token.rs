//! `oauth-token`: an OAuth token of a Yandex account, exchanged for IAM tokens.
//!
//! For tokens issued before 2026-06-01: IAM refuses newer ones (docs, "OAuth token"). The token gives access
//! to the whole account of a person, so prefer an API key, the metadata service, or the yc CLI with a browser login.
//!
//! Variables: `YC_OAUTH_TOKEN`; `YC_API_ENDPOINT` for the discovery endpoint. Errors: `Invalid` for a value that is
//! not an OAuth token, `Refused` if IAM refuses, `Blocked` if the token would go to a foreign host.

use std::sync::{Arc, Once};
use std::time::Duration;

use super::options::duration_options;
use super::sealed::Sealed;
use super::{Identity, Method, Provider, TokenSource, Value};
use crate::cloud::iam::{self, Iam};
use crate::cloud::installation::Installation;
use crate::recognize;
use crate::secret::Secret;
use crate::system::{BoxFuture, System};
use crate::token::{MAX_AGE, Token};
use crate::{Error, ErrorKind};

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
    value: Value,
    timeout: Duration,
    max_age: Duration,
}

impl OAuthTokenAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_OAUTH_TOKEN";

    /// A given token, without white space and quotes around it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the value is not an OAuth token. The error does not show the value.
    pub fn new(token: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::builder(token)?.build())
    }

    /// The token in `YC_OAUTH_TOKEN`. The variable is read at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self::builder_from_env().build()
    }

    /// A given token, with options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn builder(token: impl AsRef<str>) -> Result<OAuthTokenAuthBuilder, Error> {
        let value = Value::given(token.as_ref(), recognize::oauth_token, Method::OAuthToken)?;
        Ok(OAuthTokenAuthBuilder::new(value))
    }

    /// The token in `YC_OAUTH_TOKEN`, with options.
    pub fn builder_from_env() -> OAuthTokenAuthBuilder {
        OAuthTokenAuthBuilder::new(Value::Variable(Self::VARIABLE.to_owned()))
    }
}

impl OAuthTokenAuthBuilder {
    fn new(value: Value) -> Self {
        Self { value, timeout: iam::TIMEOUT, max_age: MAX_AGE }
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

/// Warns once in a process about OAuth tokens.
pub(super) fn warn_once() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "an OAuth token gives access to the whole account, and IAM exchanges only tokens issued before 2026-06-01; \
             use an API key, the metadata service or the yc CLI instead; revoke a leaked token at \
             https://id.yandex.com/personal/data-access"
        );
    });
}

impl Sealed for OAuthTokenAuth {
    fn method(&self) -> Method {
        Method::OAuthToken
    }

    fn location(&self, _system: &System) -> String {
        self.options.value.location()
    }

    fn identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async {
            Identity::of(self.method())
                .remark("a Yandex account: the owner of an OAuth token cannot be determined")
        })
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        let secret = self.options.value.read(system, recognize::oauth_token)?;
        warn_once();
        let OAuthTokenAuthBuilder { timeout, max_age, .. } = self.options;
        let iam = Iam::new(&Installation::of(system)?, timeout, "the OAuth token")?;
        Ok(Provider::Source(Arc::new(Exchange { secret, iam, max_age })))
    }
}

/// The source of tokens: an OAuth token that was read once.
struct Exchange {
    secret: Secret,
    iam: Iam,
    max_age: Duration,
}

impl TokenSource for Exchange {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async { self.iam.exchange_oauth(&self.secret, system).await.map_err(explain) })
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
    if error.kind() != ErrorKind::Refused {
        return error;
    }
    let message = error.reason().to_ascii_lowercase();
    if message.contains("is not supported for iam token exchange") {
        return error.with_help(
            "IAM refuses OAuth tokens issued since 2026-06-01; use an API key (YC_API_KEY), the metadata service, \
             or the yc CLI with a browser login (`yc init --username=…` or `--federation-id=…`)",
        );
    }
    error.with_help(
        "the OAuth token is wrong, expired or revoked, and IAM does not exchange tokens issued since 2026-06-01: \
         use an API key (YC_API_KEY), the metadata service, or the yc CLI",
    )
}
