//! Doubles of the machine for tests: a clock that the test moves, an environment, HTTP, programs and files.
//!
//! For tests of programs that use this library. A [`System`](crate::System) takes each of them.
//!
//! ```
//! use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};
//! use yandex_cloud_auth::{Credentials, Method, System};
//!
//! let token = r#"{ "access_token": "t1.fake.token", "expires_in": 3600, "token_type": "Bearer" }"#;
//! let http = TestHttp::new(move |_, _| TestReply::status(200, token));
//! let environment = TestEnvironment::new([("YC_METADATA_ADDR", "127.0.0.1:1")]);
//! let system = System::real().with_environment(environment).with_http(http.clone());
//!
//! let credentials = Credentials::automatic().with_system(system);
//! assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
//! assert_eq!(credentials.method(), Some(Method::Metadata));
//! assert!(!http.requests().is_empty());
//! # Ok::<(), yandex_cloud_auth::Error>(())
//! ```

#[cfg(feature = "shared-cache")]
pub use crate::system::doubles::TestCacheStore;
pub use crate::system::doubles::{
    TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun,
};
