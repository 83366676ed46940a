//! The methods: one file each, all with the same skeleton.
//!
//! A method knows where its value comes from, what can be wrong with it, and how a token is fetched with it. It
//! knows nothing of caching or retrying.

mod api_key;
mod custom;
#[cfg(not(feature = "service-account-key"))]
mod disabled_method;
mod env_iam_token;
mod function;
mod iam_token;
mod identity;
mod impersonation;
mod metadata;
mod none;
mod oauth_token;
#[cfg(feature = "profile")]
mod profile;
pub(crate) mod sealed;
mod secret_file;
mod service_account_id;
#[cfg(feature = "service-account-key")]
mod service_account_key;
mod token_file;
mod workload_identity;
mod yandex_cloud_cli;

use std::fmt;
use std::time::Duration;

pub use self::api_key::ApiKeyAuth;
pub(crate) use self::custom::Own;
#[cfg(not(feature = "service-account-key"))]
pub(crate) use self::disabled_method::DisabledMethod;
pub use self::env_iam_token::EnvIamTokenAuth;
pub use self::function::FunctionAuth;
pub use self::iam_token::IamTokenAuth;
pub use self::identity::Identity;
pub use self::impersonation::{ImpersonationAuth, ImpersonationAuthBuilder};
pub use self::metadata::{MetadataAuth, MetadataAuthBuilder};
pub use self::none::NoAuth;
pub use self::oauth_token::{OAuthTokenAuth, OAuthTokenAuthBuilder};
#[cfg(feature = "profile")]
pub use self::profile::{Profile, ProfileAuth, ProfileAuthBuilder};
pub(crate) use self::sealed::{Detection, Provider};
#[cfg(feature = "service-account-key")]
pub use self::service_account_key::{ServiceAccountKeyAuth, ServiceAccountKeyAuthBuilder};
pub use self::token_file::{TokenFileAuth, TokenFileAuthBuilder};
pub use self::workload_identity::{SubjectToken, WorkloadIdentityAuth, WorkloadIdentityAuthBuilder};
pub use self::yandex_cloud_cli::{YandexCloudCliAuth, YandexCloudCliAuthBuilder};

use crate::cloud::installation::Installation;
use crate::secret::{Secret, Shape, masked, redact};
use crate::system::{BoxFuture, System};
use crate::token::{MAX_AGE, Token};
use crate::{Error, ErrorKind};

/// One way to authenticate. Its name is the same in errors, logs, reports and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// An API key of a service account: [`ApiKeyAuth`].
    ApiKey,
    /// An IAM token that stands in a variable and is kept fresh there: [`EnvIamTokenAuth`].
    EnvIamToken,
    /// The token that the runtime of a function hands over with each invocation: [`FunctionAuth`].
    Function,
    /// A given IAM token: [`IamTokenAuth`].
    IamToken,
    /// The metadata service of a virtual machine, function, container or pod: [`MetadataAuth`].
    Metadata,
    /// No credentials at all: [`NoAuth`].
    None,
    /// An OAuth token of a Yandex account, exchanged for IAM tokens: [`OAuthTokenAuth`].
    OAuthToken,
    /// A service account, by way of other credentials: [`ImpersonationAuth`].
    Impersonation,
    /// A profile of yc, read from its file: `ProfileAuth`, with the feature `profile`.
    Profile,
    /// An authorized key of a service account: `ServiceAccountKeyAuth`, with the feature `service-account-key`.
    ServiceAccountKey,
    /// An IAM token in a file that something else keeps fresh: [`TokenFileAuth`].
    TokenFile,
    /// A token of another issuer, exchanged for one of a service account: [`WorkloadIdentityAuth`].
    WorkloadIdentity,
    /// The yc CLI: [`YandexCloudCliAuth`].
    YandexCloudCli,
    /// A [`TokenSource`] of the program's own.
    Custom,
}

impl Method {
    /// Its stable name.
    ///
    /// ```
    /// assert_eq!(yandex_cloud_auth::Method::OAuthToken.name(), "oauth-token");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::EnvIamToken => "env-iam-token",
            Self::Function => "function",
            Self::IamToken => "iam-token",
            Self::Metadata => "metadata",
            Self::None => "none",
            Self::OAuthToken => "oauth-token",
            Self::Impersonation => "impersonation",
            Self::Profile => "profile",
            Self::ServiceAccountKey => "service-account-key",
            Self::TokenFile => "token-file",
            Self::WorkloadIdentity => "workload-identity",
            Self::YandexCloudCli => "yandex-cloud-cli",
            Self::Custom => "custom",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Fetches an IAM token, once. Never caches, never retries: credentials do that around it.
///
/// A source of your own becomes credentials with [`Credentials::from_source`](crate::Credentials::from_source), or a
/// slot of automatic selection with [`Automatic::replace_source`](crate::Automatic::replace_source).
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
    /// Fetches a token. Runs where fetches run (see [`Spawner`](crate::system::Spawner)), and may use tokio there.
    /// Dropped when its time is up or the last handle of its credentials goes away.
    ///
    /// It must not block: by default one thread runs the fetches and the deadlines of all credentials in the process,
    /// so while it is blocked no other token arrives, and no deadline of other credentials' calls is kept, nor its own
    /// [`timeout`](Self::timeout). Work that blocks belongs into `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// Of a [kind](ErrorKind) that says whether it is worth another try: `Unavailable` is, the others are not.
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>>;

    /// How long a fetch may take in all; 30 s unless it says otherwise.
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// How long a token is used without another look at the source; 1 h unless it says otherwise.
    fn max_age(&self) -> Duration {
        MAX_AGE
    }

    /// The installation that the tokens belong to. Not for sources of your own, which belong to that of their system.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where an address cannot be read.
    #[doc(hidden)]
    fn installation(&self, system: &System) -> Result<Installation, Error> {
        Installation::of(system)
    }
}

/// A method of this crate: what [`Credentials`](crate::Credentials) can be made from, and what a slot of
/// [`Automatic`](crate::Automatic) can hold. Sealed; for a source of your own see [`TokenSource`].
pub trait AuthMethod: sealed::Sealed {}

impl<M: sealed::Sealed> AuthMethod for M {}

/// A secret that is given, or named by the variable that holds it.
#[derive(Clone, Debug)]
enum Value {
    Given(Secret),
    Variable(String),
}

impl Value {
    fn given(raw: &str, method: Method) -> Result<Self, Error> {
        Secret::parse(raw).map(Self::Given).map_err(|reason| invalid(reason).of(method))
    }

    fn location(&self) -> String {
        match self {
            Self::Given(_) => "given value".to_owned(),
            Self::Variable(name) => name.clone(),
        }
    }

    /// The secret, read from its variable where it is in one.
    fn read(&self, system: &System, fits: fn(Shape) -> Result<(), Error>) -> Result<Secret, Error> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Variable(name) => read_variable(system, name, fits),
        }
    }
}

fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, reason).with_help("give the bare value, on one line, as it was issued")
}

fn read_variable(system: &System, name: &str, fits: fn(Shape) -> Result<(), Error>) -> Result<Secret, Error> {
    if !is_name(name) {
        return Err(Error::new(ErrorKind::Invalid, "this cannot be the name of a variable")
            .at(shown_name(name))
            .with_help("give the name of a variable (letters, digits and `_`), not its value"));
    }
    let Some(value) = system.variable(name)? else {
        return Err(Error::new(ErrorKind::NotConfigured, "the variable is not set")
            .at(name)
            .with_help(format!("set {name}, or choose another method")));
    };
    let secret = Secret::parse(&value).map_err(|reason| invalid(reason).at(name))?;
    fits(Shape::of(secret.expose())).map_err(|error| error.at(name))?;
    Ok(secret)
}

/// Whether a variable can be called so, as shells allow it.
fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// The name of a variable, fit to show. What is no name may be a token of no known shape.
fn shown_name(name: &str) -> String {
    if is_name(name) { redact(name, &[]) } else { masked(name) }
}

/// An IAM token from a variable, refused where it is plainly something else.
pub(crate) fn read_iam_token(system: &System, name: &str) -> Result<Secret, Error> {
    read_variable(system, name, iam_token_fits)
}

fn iam_token_fits(shape: Shape) -> Result<(), Error> {
    match shape {
        Shape::OAuthToken => {
            Err(Error::new(ErrorKind::Invalid, "the value is an OAuth token (`y0_…`), not an IAM token")
                .with_help("put it into YC_OAUTH_TOKEN, where it is exchanged for IAM tokens"))
        }
        Shape::IamToken | Shape::Unknown => Ok(()),
    }
}
