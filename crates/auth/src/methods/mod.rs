//! The methods, one file each, all with the same structure.
//!
//! A method knows where its value comes from, what can be wrong with the value, and how one token is fetched with it.
//! It knows nothing about caching, retries or selection. `impersonation` is in `credentials/`, because it holds
//! [`Credentials`](crate::Credentials).

mod account;
mod api_key;
mod custom;
mod env_iam_token;
mod file;
mod function;
mod iam_token;
mod identity;
#[cfg(feature = "service-account-key")]
mod key_file;
mod metadata;
mod none;
mod oauth_token;
#[cfg(feature = "profile")]
mod profile;
pub(crate) mod sealed;
#[cfg(feature = "service-account-key")]
mod service_account_key;
mod token_file;
#[cfg(not(feature = "service-account-key"))]
mod unbuilt;
mod workload_identity;
mod yandex_cloud_cli;

pub(crate) use self::account::Account;
pub use self::api_key::ApiKeyAuth;
pub use self::custom::CustomAuth;
pub use self::env_iam_token::EnvIamTokenAuth;
pub use self::function::FunctionAuth;
pub use self::iam_token::IamTokenAuth;
pub use self::identity::Identity;
pub use self::metadata::{MetadataAuth, MetadataAuthBuilder};
pub use self::none::NoAuth;
pub use self::oauth_token::{OAuthTokenAuth, OAuthTokenAuthBuilder};
#[cfg(feature = "profile")]
pub use self::profile::{Profile, ProfileAuth, ProfileAuthBuilder};
pub(crate) use self::sealed::{Detection, Provider};
#[cfg(feature = "service-account-key")]
pub use self::service_account_key::{ServiceAccountKeyAuth, ServiceAccountKeyAuthBuilder};
pub use self::token_file::{TokenFileAuth, TokenFileAuthBuilder};
#[cfg(not(feature = "service-account-key"))]
pub(crate) use self::unbuilt::Unbuilt;
pub use self::workload_identity::{SubjectToken, WorkloadIdentityAuth, WorkloadIdentityAuthBuilder};
pub use self::yandex_cloud_cli::{YandexCloudCliAuth, YandexCloudCliAuthBuilder};

use crate::secret::{Secret, Shape, masked, redact};
use crate::source::TokenSource;
use crate::system::System;
use crate::{Error, ErrorKind, Method};

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
