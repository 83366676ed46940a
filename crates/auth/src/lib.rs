//! Authentication for Yandex Cloud and AI Studio.
//!
//! A program says how it wants to be known, or lets the library choose, and asks for the `Authorization` header of each
//! request. The token behind it is fetched, kept fresh and replaced without the program waiting for it.
//!
//! ```no_run
//! # async fn example() -> Result<(), yandex_cloud_auth::Error> {
//! use yandex_cloud_auth::Credentials;
//!
//! let credentials = Credentials::automatic();
//! if let Some(header) = credentials.header().await? {
//!     // request.headers_mut().insert(http::header::AUTHORIZATION, header);
//! }
//! # Ok(()) }
//! ```
//!
//! | method | type | variable | for |
//! |---|---|---|---|
//! | `api-key` | [`ApiKeyAuth`] | `YC_API_KEY` | services, with a key of a service account |
//! | `iam-token` | [`IamTokenAuth`] | `YC_IAM_TOKEN` | jobs shorter than the life of a token |
//! | `oauth-token` | [`OAuthTokenAuth`] | `YC_OAUTH_TOKEN` | people with an OAuth token from before 2026-06-01 |
//! | `metadata` | [`MetadataAuth`] | `YC_METADATA_ADDR` | programs inside Yandex Cloud |
//! | `env-iam-token` | [`EnvIamTokenAuth`] | `YC_TOKEN` | DataSphere, where the variable is kept fresh |
//! | `yandex-cloud-cli` | [`YandexCloudCliAuth`] | `YC_PROFILE` | people at a terminal |
//! | `none` | [`NoAuth`] | | calls that need no credentials |
//!
//! What holds, whatever happens: no token is sent past its expiry; no call fails or waits while a usable token exists;
//! one fetch at a time serves all; no failure is final; a secret is never printed, and goes only where it belongs.

pub mod cloud;
mod credentials;
mod error;
mod methods;
mod refresh;
mod secret;
mod selection;
pub mod system;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod token;
#[cfg(feature = "tower")]
pub mod tower;

pub use self::credentials::{Blocking, Credentials, HeaderOptions, Subscription};
pub use self::error::{Error, ErrorKind};
pub use self::methods::{
    ApiKeyAuth, AuthMethod, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, MetadataAuthBuilder, Method, NoAuth,
    OAuthTokenAuth, OAuthTokenAuthBuilder, TokenSource, YandexCloudCliAuth, YandexCloudCliAuthBuilder,
};
pub use self::refresh::cache::Counters;
pub use self::refresh::ready::{Scheme, Snapshot};
pub use self::secret::presentable;
pub use self::selection::{Attempt, Automatic, Outcome, Report};
pub use self::system::System;
pub use self::token::Token;

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
