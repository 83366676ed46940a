//! `oauth-token`: an OAuth token of a Yandex account, exchanged for IAM tokens.
//!
//! For tokens issued before 2026-06-01: IAM refuses newer ones (docs, "OAuth token"). The token stands for the whole
//! account of a person, so prefer an API key, the metadata service, or the yc CLI with a browser login.
//!
//! Variables: `YC_OAUTH_TOKEN`; `YC_API_ENDPOINT` for the discovery endpoint. Errors: `Invalid` for a value that is
//! no OAuth token, `Refused` where IAM says no, `Blocked` where the token would go to a foreign host.

use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use super::sealed::Sealed;
use super::{Method, Supply, TokenSource, Value};
use crate::cloud::address::{Address, Given};
use crate::cloud::endpoints::{Endpoint, discover};
use crate::cloud::iam::exchange_oauth;
use crate::secret::{Secret, Shape};
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

/// What can vary about [`OAuthTokenAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct OAuthTokenAuthBuilder {
    value: Value,
    endpoint: Option<Given>,
    iam_endpoint: Option<Given>,
    plaintext: bool,
    timeout: Duration,
    max_age: Duration,
}

impl OAuthTokenAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_OAUTH_TOKEN";

    /// A given token, trimmed.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where it cannot be sent, or is an IAM token. The value is not shown.
    pub fn new(token: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::builder(token)?.build())
    }

    /// The token in `YC_OAUTH_TOKEN`, read at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self::builder_from_env().build()
    }

    /// A given token, with options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn builder(token: impl AsRef<str>) -> Result<OAuthTokenAuthBuilder, Error> {
        let value = Value::given(token.as_ref(), Method::OAuthToken)?;
        if let Value::Given(secret) = &value {
            fits(Shape::of(secret.expose())).map_err(|error| error.of(Method::OAuthToken))?;
        }
        Ok(OAuthTokenAuthBuilder::new(value))
    }

    /// The token in `YC_OAUTH_TOKEN`, with options.
    pub fn builder_from_env() -> OAuthTokenAuthBuilder {
        OAuthTokenAuthBuilder::new(Value::Variable(Self::VARIABLE.to_owned()))
    }
}

impl OAuthTokenAuthBuilder {
    fn new(value: Value) -> Self {
        Self {
            value,
            endpoint: None,
            iam_endpoint: None,
            plaintext: false,
            timeout: Duration::from_secs(10),
            max_age: MAX_AGE,
        }
    }

    /// The discovery endpoint, `host[:port]` or a URL; else `YC_API_ENDPOINT`, else the public one. Naming it here
    /// allows the token to go there, and to the hosts below it.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(Given::new(endpoint));
        self
    }

    /// The address of IAM, without discovery. Naming it here allows the token to go there.
    pub fn iam_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.iam_endpoint = Some(Given::new(endpoint));
        self
    }

    /// Lets the token travel without TLS to a host that is not this machine. Whoever can listen there owns the account.
    pub fn danger_allow_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// How long discovery and exchange may take together; 10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long an IAM token is used without another exchange; 1 h.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> OAuthTokenAuth {
        OAuthTokenAuth { options: self }
    }
}

fn fits(shape: Shape) -> Result<(), Error> {
    match shape {
        Shape::IamToken => {
            Err(Error::new(ErrorKind::Invalid, "the value is an IAM token (`t1.…`), not an OAuth token")
                .with_help("put it into YC_IAM_TOKEN, where it is used as it is"))
        }
        Shape::OAuthToken | Shape::Unknown => Ok(()),
    }
}

/// Says once in a process what an OAuth token is.
fn warn_once() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "an OAuth token gives away the whole account, and IAM exchanges only those issued before 2026-06-01; \
             use an API key, the metadata service or the yc CLI instead; a leaked token is withdrawn at \
             https://id.yandex.com/personal/data-access"
        );
    });
}

impl Sealed for OAuthTokenAuth {
    fn method(&self) -> Method {
        Method::OAuthToken
    }

    fn place(&self, _system: &System) -> String {
        self.options.value.place()
    }

    fn supply(&self, system: &System) -> Result<Supply, Error> {
        let secret = self.options.value.read(system, fits)?;
        let exchange = Exchange::new(secret, self.options.clone(), system)?;
        Ok(Supply::Source(std::sync::Arc::new(exchange)))
    }
}

/// The source: a token and an endpoint that have been read, once, and the address of IAM once it is known.
struct Exchange {
    secret: Secret,
    options: OAuthTokenAuthBuilder,
    endpoint: Endpoint,
    /// Where discovery found IAM, while nobody asks there: who asks takes it, and puts it back when it was answered. So
    /// it is forgotten however the asking ends without an answer, dropped too.
    iam: Mutex<Option<Address>>,
}

impl Exchange {
    fn new(secret: Secret, options: OAuthTokenAuthBuilder, system: &System) -> Result<Self, Error> {
        warn_once();
        let given = options.iam_endpoint.as_deref().or(options.endpoint.as_deref());
        let endpoint = Endpoint::resolve(given, system)?;
        endpoint.check(options.plaintext)?;
        endpoint.warn_if_foreign("the OAuth token goes there");
        Ok(Self { secret, options, endpoint, iam: Mutex::new(None) })
    }

    /// The address of IAM: given, known, discovered, or the documented one of a public endpoint that is down; and
    /// whether it is worth knowing.
    async fn locate(&self, system: &System) -> Result<(Address, bool), Error> {
        let endpoint = &self.endpoint;
        if self.options.iam_endpoint.is_some() {
            return Ok((endpoint.address.clone(), false));
        }
        let known = self.known().take();
        if let Some(known) = known {
            return Ok((known, true));
        }
        let half = self.options.timeout / 2;
        match discover(system, endpoint, "iam", self.options.plaintext, half).await {
            Ok(found) => Ok((found, true)),
            Err(error) if error.kind() == ErrorKind::Blocked => Err(error),
            Err(error) => match endpoint.address.documented_iam() {
                Some(documented) => {
                    tracing::debug!(%error, iam = %documented, "endpoint discovery is down; the documented address is used");
                    Ok((documented, false))
                }
                None => Err(error),
            },
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Address>> {
        self.iam.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenSource for Exchange {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let (iam, worth_knowing) = self.locate(system).await?;
            let token = exchange_oauth(system, &iam, &self.secret, self.options.timeout).await;
            if worth_knowing && !token.as_ref().is_err_and(Error::is_transient) {
                *self.known() = Some(iam);
            }
            token
        })
    }

    fn timeout(&self) -> Duration {
        self.options.timeout
    }

    fn max_age(&self) -> Duration {
        self.options.max_age
    }
}
