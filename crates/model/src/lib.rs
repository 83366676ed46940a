//! The sources of `yandex-cloud-auth`, compiled for model checking. No file of the library is copied or changed.
//!
//! Three names have another meaning here, and everything else is what ships: `crate::sync` is `src/sync.rs` of this
//! package, `arc_swap` is the package in `cell/`, and `thread_local!` is that of the scheduler.

#![allow(
    clippy::duplicate_mod,
    dead_code,
    unused_imports,
    reason = "the build has few features, and the library's own build has the warnings"
)]

#[macro_use]
mod thread_local;

#[path = "../../auth/src/cloud/mod.rs"]
mod cloud;
#[path = "../../auth/src/credentials/mod.rs"]
mod credentials;
#[path = "../../auth/src/error.rs"]
mod error;
#[path = "../../auth/src/log.rs"]
mod log;
#[path = "../../auth/src/method.rs"]
mod method;
#[path = "../../auth/src/methods/mod.rs"]
mod methods;
#[path = "../../auth/src/recognize/mod.rs"]
mod recognize;
#[path = "../../auth/src/refresh/mod.rs"]
mod refresh;
#[path = "../../auth/src/report.rs"]
mod report;
#[path = "../../auth/src/sdk_internals.rs"]
pub mod sdk_internals;
#[path = "../../auth/src/secret/mod.rs"]
mod secret;
#[path = "../../auth/src/selection/mod.rs"]
mod selection;
#[path = "../../auth/src/shared_cache/mod.rs"]
pub mod shared_cache;
#[path = "../../auth/src/source.rs"]
mod source;
pub mod sync;
#[path = "../../auth/src/system/mod.rs"]
pub mod system;
#[path = "../../auth/src/task/mod.rs"]
mod task;
#[path = "../../auth/src/testing.rs"]
pub mod testing;
#[path = "../../auth/src/token.rs"]
mod token;

pub mod inside;
pub mod lock_files;

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
pub use self::refresh::cache::Counters;
pub use self::refresh::cached_header::{Scheme, Snapshot};
pub use self::report::{Attempt, Outcome, Report};
pub use self::secret::{Secret, redact};
pub use self::selection::Automatic;
pub use self::source::TokenSource;
pub use self::system::{Endpoints, System};
pub use self::token::Token;
