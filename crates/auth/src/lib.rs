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
//! | `service-account-key` | `ServiceAccountKeyAuth` | `YC_SERVICE_ACCOUNT_KEY_FILE` | programs outside Yandex Cloud, with an authorized key of a service account |
//! | `workload-identity` | [`WorkloadIdentityAuth`] | `YC_OIDC_TOKEN_FILE`, `YC_OIDC_TOKEN` | pipelines and pods, with no secret stored |
//! | `token-file` | [`TokenFileAuth`] | `YC_IAM_TOKEN_FILE` | an IAM token that something else keeps fresh in a file |
//! | `metadata` | [`MetadataAuth`] | `YC_METADATA_ADDR` | programs inside Yandex Cloud |
//! | `env-iam-token` | [`EnvIamTokenAuth`] | `YC_TOKEN` | DataSphere, where the variable is kept fresh |
//! | `yandex-cloud-cli` | [`YandexCloudCliAuth`] | `YC_PROFILE` | people at a terminal |
//! | `profile` | `ProfileAuth` | `YC_PROFILE` | people who use yc, in programs that may not start it |
//! | `impersonation` | [`ImpersonationAuth`] | | another service account, by way of other credentials |
//! | `function` | [`FunctionAuth`] | | functions, with the token that each invocation brings |
//! | `none` | [`NoAuth`] | | calls that need no credentials |
//!
//! The first nine are the slots of automatic selection, in its order; the others are for a program to name.
//!
//! What holds, whatever happens: no token is sent past its expiry; no call fails or waits while a usable token exists;
//! one fetch at a time serves all; no failure is final; a secret is never printed, and goes only where it belongs.
//!
//! # Who calls
//! Chosen by what the machine offers, in the order of [`Automatic`]; by a bare string; or by a method. The choice is made
//! once, at the first request, and [`Credentials::report`] says why it fell so.
//!
//! ```
//! use yandex_cloud_auth::testing::TestEnvironment;
//! use yandex_cloud_auth::{Credentials, MetadataAuth, Method, System};
//!
//! Credentials::from_string("t1.fake.token")?; // an IAM token, an OAuth token (`y0_…`), a key's JSON, or an API key
//! let _ = Credentials::from(MetadataAuth::new());
//!
//! # let machine = System::real().with_environment(TestEnvironment::new([("YC_API_KEY", "AQVN-fake")]));
//! let credentials = Credentials::automatic();
//! # let credentials = credentials.with_system(machine);
//! let header = credentials.blocking().header()?; // in async code: `credentials.header().await?`
//! assert_eq!(header.unwrap(), "Api-Key AQVN-fake");
//! assert_eq!(credentials.method(), Some(Method::ApiKey));
//! println!("{}", credentials.report().unwrap());
//! # Ok::<(), yandex_cloud_auth::Error>(())
//! ```
//!
//! Credentials can stand behind others: here a robot, by way of another service account whose key is in a file. Each
//! side keeps its own token fresh; a revoked one is sent by nobody in the process any more.
//!
//! ```no_run
//! # #[cfg(feature = "service-account-key")]
//! # async fn example() -> Result<(), yandex_cloud_auth::Error> {
//! use yandex_cloud_auth::{
//!     Credentials, HeaderOptions, ImpersonationAuth, RevokeOptions, ServiceAccountKeyAuth,
//! };
//!
//! let key = Credentials::from(ServiceAccountKeyAuth::from_file("key.json"));
//! let robot = Credentials::from(ImpersonationAuth::new("ajefakefakefakefakef", key.clone()));
//! let header = robot.header().await?;
//!
//! let identity = robot.identity(HeaderOptions::new()).await?; // no secret in it
//! println!("{:?}, by way of {:?}", identity.subject_id, identity.by_way_of.and_then(|way| way.subject_id));
//! robot.revoke(RevokeOptions::new()).await?; // when the work is done
//! # Ok(()) }
//! ```
//!
//! # In front of a client
//! With the feature `tower`, `AuthLayer` puts the header on every request of reqwest, tonic, async-openai, hyper, or any
//! other tower service, holds it to Yandex Cloud's hosts, and replaces a token that a server refuses. The page of the
//! module `tower` has an example for each, and says where retries and timeouts go.
//!
//! # A token over the years
//! Ask for a header for each request, and keep none: it costs a copy while it is fresh. A stale one is renewed beside the
//! calls. What a program may want besides:
//!
//! ```
//! use std::time::Duration;
//! use yandex_cloud_auth::{ApiKeyAuth, Credentials, HeaderOptions};
//!
//! let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake")?);
//! credentials.prewarm(); // at start: the first call finds a token
//!
//! // For one call: how long to wait, and how long the token has to live.
//! let options = HeaderOptions::new().deadline(Duration::from_secs(2)).min_ttl(Duration::from_secs(60));
//! let sent = credentials.blocking().get(options)?;
//!
//! // A server said 401: drop exactly this token. False here, since an API key has no successor.
//! assert!(!credentials.invalidate(&sent));
//! assert_eq!(credentials.counters().failures, 0);
//! # Ok::<(), yandex_cloud_auth::Error>(())
//! ```
//!
//! [`Credentials::subscribe`] tells of each new token, for a copy that is kept elsewhere; a [`TokenSource`] of your own gets
//! all of this around it.
//!
//! # When it goes wrong
//! There is one [`Error`]: its [`kind`](Error::kind) is for programs, its text is one line with the method, the place and
//! the reason, [`help`](Error::help) says what to do next, and [`report`](Error::report) what a failed selection looked at.
//!
//! ```
//! use yandex_cloud_auth::{ApiKeyAuth, ErrorKind};
//!
//! let error = ApiKeyAuth::new("Bearer t1.fake").unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Invalid);
//! assert!(!error.is_transient());
//! eprintln!("{error}\n{}", error.help().unwrap_or_default()); // without the secret
//! ```
//!
//! # In tests
//! [`System`] is all that the library asks of the machine: environment, clock, HTTP, programs, files. With the feature
//! `testing` the module `testing` has stand-ins for each; the crate `yandex-cloud-emulator` is a whole cloud on loopback.
//!
//! # Features
//! | feature | what it brings |
//! |---|---|
//! | `transport`, on by default | the HTTP client behind methods that fetch; without it [`System`] has to be given one |
//! | `service-account-key`, on by default | `ServiceAccountKeyAuth`, which signs with ring; without it a set `YC_SERVICE_ACCOUNT_KEY_FILE` is an error |
//! | `profile`, on by default | `ProfileAuth`, which reads the configuration of yc |
//! | `tower` | `AuthLayer`, for services over `http::Request` |
//! | `reqwest`, `tonic`, `async-openai` | the same for those clients |
//! | `serde` | `Serialize` for the report |
//! | `testing` | stand-ins for the machine |

pub mod cloud;
mod credentials;
mod error;
mod method;
mod methods;
mod refresh;
mod report;
mod secret;
mod selection;
mod source;
mod sync;
pub mod system;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod token;
#[cfg(feature = "tower")]
pub mod tower;

/// Shared tasks and deadlines for `yandex-ai-studio-sdk`, which keeps to the same rules as this crate. Not part of the
/// public interface: changes without notice.
#[doc(hidden)]
pub mod sdk_internals {
    pub use crate::task::deadline::{Deadline, Timer};
    pub use crate::task::shared_value::SharedValue;
}

pub use self::credentials::{
    Blocking, Credentials, HeaderOptions, ImpersonationAuth, ImpersonationAuthBuilder, RevokeOptions,
    Revoked, Subscription,
};
pub use self::error::{Error, ErrorKind};
pub use self::method::Method;
pub use self::methods::{
    ApiKeyAuth, AuthMethod, CustomAuth, EnvIamTokenAuth, FunctionAuth, IamTokenAuth, Identity, MetadataAuth,
    MetadataAuthBuilder, NoAuth, OAuthTokenAuth, OAuthTokenAuthBuilder, SubjectToken, TokenFileAuth,
    TokenFileAuthBuilder, WorkloadIdentityAuth, WorkloadIdentityAuthBuilder, YandexCloudCliAuth,
    YandexCloudCliAuthBuilder,
};
#[cfg(feature = "profile")]
pub use self::methods::{Profile, ProfileAuth, ProfileAuthBuilder};
#[cfg(feature = "service-account-key")]
pub use self::methods::{ServiceAccountKeyAuth, ServiceAccountKeyAuthBuilder};
pub use self::refresh::cache::Counters;
pub use self::refresh::cached_header::{Scheme, Snapshot};
pub use self::report::{Attempt, Outcome, Report};
pub use self::secret::{Secret, redact};
pub use self::selection::Automatic;
pub use self::source::TokenSource;
pub use self::system::{Endpoints, System};
pub use self::token::Token;
