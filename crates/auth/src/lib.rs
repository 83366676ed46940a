//! Authentication for Yandex Cloud and AI Studio: the `Authorization` header of each request, from the method that a
//! program names or that the machine offers. The token behind the header is fetched, kept fresh, and sent nowhere but
//! to Yandex Cloud.
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
//! # The public interface
//! | for | items |
//! |---|---|
//! | credentials | [`Credentials`], [`Blocking`], [`HeaderOptions`] |
//! | what they return | `http::HeaderValue`, [`Secret`], [`Snapshot`], [`Scheme`], [`Subscription`], [`Counters`], [`Identity`], [`IdentityField`], [`RevokeOptions`], [`Revoked`] |
//! | keys of Object Storage | `EphemeralAccessKey`, `EphemeralAccessKeyOptions` |
//! | selection | [`Automatic`], [`Report`], [`Attempt`], [`Outcome`], [`Method`] |
//! | methods | [`AuthMethod`] and the types of [the table below](#methods), with their builders: [`ImpersonationAuthBuilder`], [`MetadataAuthBuilder`], [`OAuthTokenAuthBuilder`], `ProfileAuthBuilder`, `ServiceAccountKeyAuthBuilder`, [`TokenFileAuthBuilder`], [`WorkloadIdentityAuthBuilder`], [`YandexCloudCliAuthBuilder`]; [`SubjectToken`], `Profile` |
//! | a source of your own | [`TokenSource`], [`Token`], [`CustomAuth`] |
//! | errors | [`Error`], [`ErrorKind`], [`redact`] |
//! | the machine | [`System`], [`Endpoints`], and the traits in [`system`] |
//! | HTTP and gRPC clients | `tower::AuthLayer` and the module `tower` |
//! | tests | the module `testing` |
//!
//! # Methods
//! | method | type | variable | for |
//! |---|---|---|---|
//! | `api-key` | [`ApiKeyAuth`] | `YC_API_KEY`, `YC_API_KEY_FILE` | services, with a key of a service account |
//! | `iam-token` | [`IamTokenAuth`] | `YC_IAM_TOKEN` | jobs shorter than the life of a token |
//! | `oauth-token` | [`OAuthTokenAuth`] | `YC_OAUTH_TOKEN`, `YC_OAUTH_TOKEN_FILE` | people with an OAuth token from before 2026-06-01 |
//! | `service-account-key` | `ServiceAccountKeyAuth` | `YC_SERVICE_ACCOUNT_KEY_FILE` | programs outside Yandex Cloud, with an authorized key of a service account |
//! | `workload-identity` | [`WorkloadIdentityAuth`] | `YC_OIDC_TOKEN_FILE`, `YC_OIDC_TOKEN` | pipelines and pods, with no stored secret |
//! | `token-file` | [`TokenFileAuth`] | `YC_IAM_TOKEN_FILE` | an IAM token in a file that another program keeps fresh |
//! | `metadata` | [`MetadataAuth`] | `YC_METADATA_ADDR` | programs inside Yandex Cloud |
//! | `env-iam-token` | [`EnvIamTokenAuth`] | `YC_TOKEN` | DataSphere, which keeps the variable fresh |
//! | `yandex-cloud-cli` | [`YandexCloudCliAuth`] | `YC_PROFILE` | people at a terminal |
//! | `profile` | `ProfileAuth` | `YC_PROFILE` | people who use yc, in programs that may not start it |
//! | `impersonation` | [`ImpersonationAuth`] | | another service account, via other credentials |
//! | `function` | [`FunctionAuth`] | | functions, with the token of each invocation |
//! | `none` | [`NoAuth`] | | calls that need no credentials |
//! | `custom` | [`CustomAuth`] | | a token source of your own |
//!
//! The first nine are the slots of automatic selection, in its order. A program names the others explicitly.
//!
//! # What always holds
//! - No token is sent after its expiry.
//! - No call fails or waits while a usable token exists.
//! - One fetch at a time serves all callers.
//! - No failure is final: a later call tries again.
//! - A secret is never printed, and goes only where it belongs.
//!
//! # How a method is selected
//! By what the machine offers, in the order of [`Automatic`]; by the shape of a bare string; or by a method that the
//! program gives. The selection runs once, at the first request, and [`Credentials::report`] says what it found.
//!
//! ```
//! use yandex_cloud_auth::testing::TestEnvironment;
//! use yandex_cloud_auth::{Credentials, MetadataAuth, Method, System};
//!
//! Credentials::from_string("t1.fake.token")?; // an IAM token, an OAuth token (`y0_…`), a key's JSON, or an API key
//! let _ = Credentials::from(MetadataAuth::new());
//!
//! # let system = System::real().with_environment(TestEnvironment::new([("YC_API_KEY", "AQVN-fake")]));
//! let credentials = Credentials::automatic();
//! # let credentials = credentials.with_system(system);
//! let header = credentials.blocking().header()?; // in async code: `credentials.header().await?`
//! assert_eq!(header.unwrap(), "Api-Key AQVN-fake");
//! assert_eq!(credentials.method(), Some(Method::ApiKey));
//! println!("{}", credentials.report().unwrap());
//! # Ok::<(), yandex_cloud_auth::Error>(())
//! ```
//!
//! A source of your own is an async function. Credentials keep its token fresh like any other.
//!
//! ```
//! use std::time::Duration;
//! use yandex_cloud_auth::{Credentials, Token};
//!
//! let credentials = Credentials::from_fn(|| async {
//!     let token = "t1.fake.token-from-a-vault"; // ask the vault here
//!     Ok(Token::new(token)?.expiring_in(Duration::from_secs(3600)))
//! });
//! let token = credentials.blocking().token()?.unwrap(); // without `Bearer`, for a client that adds it
//! assert_eq!(token.expose_secret(), "t1.fake.token-from-a-vault");
//! # Ok::<(), yandex_cloud_auth::Error>(())
//! ```
//!
//! Credentials can use other credentials. Here a service account is impersonated via another one, whose key is in a
//! file. Both tokens are kept fresh. After a revocation no credentials in the process send the revoked token.
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
//! let identity = robot.identity(HeaderOptions::new()).await?; // contains no secret
//! println!("{:?}, via {:?}", identity.subject_id, identity.via.and_then(|via| via.subject_id));
//! robot.revoke(RevokeOptions::new()).await?; // when the work is done
//! # Ok(()) }
//! ```
//!
//! # In front of a client
//! With the feature `tower`, `AuthLayer` sets the header on every request of reqwest, tonic, async-openai, hyper, or
//! any other tower service. It sends the header only to Yandex Cloud's hosts, and replaces a token that a server
//! refuses. The module `tower` has an example for each client, and says where retries and timeouts go.
//!
//! # A token over the years
//! Ask for a header for each request, and store none: while the token is fresh, a header costs a copy. A stale token is
//! refreshed in the background. Options for special cases:
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
//! // A server responded with 401: drop exactly this token. False here, since an API key has no successor.
//! assert!(!credentials.invalidate(&sent));
//! assert_eq!(credentials.counters().failures, 0);
//! # Ok::<(), yandex_cloud_auth::Error>(())
//! ```
//!
//! [`Credentials::subscribe`] tells of each new token, for a copy that is kept elsewhere.
//!
//! # Errors
//! There is one type, [`Error`]. Its [`kind`](Error::kind) is for programs. Its text is one line with the method, the
//! location and the reason. [`help`](Error::help) says what to do next, and [`report`](Error::report) what a failed
//! selection tried.
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
//! [`System`] is all that the library uses of the machine: environment, clock, HTTP, programs, files. With the feature
//! `testing`, the module `testing` has a double for each of them. The crate `yandex-cloud-emulator` is a Yandex Cloud
//! on loopback.
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `transport`, on by default | the HTTP client for methods that fetch; without it, give [`System`] a client |
//! | `service-account-key`, on by default | `ServiceAccountKeyAuth`, which signs with ring; without it, a set `YC_SERVICE_ACCOUNT_KEY_FILE` is an error |
//! | `profile`, on by default | `ProfileAuth`, which reads the configuration of yc |
//! | `object-storage` | ephemeral access keys of Object Storage, for clients of S3 |
//! | `tower` | `AuthLayer`, for services over `http::Request` |
//! | `reqwest`, `tonic`, `async-openai` | `AuthLayer` for these clients |
//! | `shared-cache` | [`System::with_shared_cache`](crate::System), one token for all processes of a machine |
//! | `serde` | `Serialize` for the report |
//! | `testing` | doubles of the machine |

mod cloud;
mod credentials;
mod error;
mod log;
mod method;
mod methods;
mod recognize;
mod refresh;
mod report;
#[doc(hidden)]
pub mod sdk_internals;
mod secret;
mod selection;
#[cfg(feature = "shared-cache")]
pub mod shared_cache;
mod source;
mod sync;
pub mod system;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod token;
#[cfg(feature = "tower")]
pub mod tower;

#[cfg(feature = "object-storage")]
pub use self::cloud::iam::ephemeral_key::EphemeralAccessKey;
#[cfg(feature = "object-storage")]
pub use self::credentials::EphemeralAccessKeyOptions;
pub use self::credentials::{
    Blocking, Credentials, HeaderOptions, ImpersonationAuth, ImpersonationAuthBuilder, RevokeOptions,
    Revoked, Subscription,
};
pub use self::error::{Error, ErrorKind};
pub use self::method::Method;
pub use self::methods::{
    ApiKeyAuth, AuthMethod, CustomAuth, EnvIamTokenAuth, FunctionAuth, IamTokenAuth, Identity, IdentityField,
    MetadataAuth, MetadataAuthBuilder, NoAuth, OAuthTokenAuth, OAuthTokenAuthBuilder, SubjectToken,
    TokenFileAuth, TokenFileAuthBuilder, WorkloadIdentityAuth, WorkloadIdentityAuthBuilder,
    YandexCloudCliAuth, YandexCloudCliAuthBuilder,
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
