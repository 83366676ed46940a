//! The methods, one file each, all with the same structure.
//!
//! A method knows where its value comes from, what can be wrong with the value, and how one token is fetched with it.
//! It knows nothing about caching, retries or selection. `impersonation` is in `credentials/`, because it holds
//! [`Credentials`](crate::Credentials).

mod api_key;
mod custom;
#[cfg(not(feature = "service-account-key"))]
mod disabled_method;
mod env_iam_token;
mod function;
mod iam_token;
mod identity;
mod metadata;
mod none;
mod oauth_token;
pub(crate) mod options;
#[cfg(feature = "profile")]
mod profile;
pub(crate) mod sealed;
mod secret_file;
mod service_account_id;
#[cfg(feature = "service-account-key")]
mod service_account_key;
mod token_file;
mod value;
mod value_source;
mod workload_identity;
mod yandex_cloud_cli;

pub use self::api_key::ApiKeyAuth;
pub use self::custom::CustomAuth;
#[cfg(not(feature = "service-account-key"))]
pub(crate) use self::disabled_method::DisabledMethod;
pub use self::env_iam_token::EnvIamTokenAuth;
pub use self::function::FunctionAuth;
pub use self::iam_token::IamTokenAuth;
pub use self::identity::{Identity, IdentityField};
pub use self::metadata::{MetadataAuth, MetadataAuthBuilder};
pub use self::none::NoAuth;
pub use self::oauth_token::{OAuthTokenAuth, OAuthTokenAuthBuilder};
#[cfg(feature = "profile")]
pub use self::profile::{Profile, ProfileAuth, ProfileAuthBuilder};
pub(crate) use self::sealed::{Detection, Provider};
pub(crate) use self::service_account_id::ServiceAccountId;
#[cfg(feature = "service-account-key")]
pub use self::service_account_key::{ServiceAccountKeyAuth, ServiceAccountKeyAuthBuilder};
pub use self::token_file::{TokenFileAuth, TokenFileAuthBuilder};
pub use self::workload_identity::{ClaimsRecord, SubjectClaims};
pub use self::workload_identity::{SubjectToken, WorkloadIdentityAuth, WorkloadIdentityAuthBuilder};
pub use self::yandex_cloud_cli::{YandexCloudCliAuth, YandexCloudCliAuthBuilder};

use self::value::{Value, named_variable, read_iam_token, shown_name};
use crate::Method;
use crate::source::TokenSource;

/// The variable with the home folder of the user.
const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// A method of this crate, for [`Credentials`](crate::Credentials) or a slot of [`Automatic`](crate::Automatic).
/// Sealed: a source of your own implements [`TokenSource`] and becomes a method with [`CustomAuth`].
pub trait AuthMethod: sealed::Sealed {}

impl<M: sealed::Sealed> AuthMethod for M {}
