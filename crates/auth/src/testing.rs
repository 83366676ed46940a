//! Stand-ins for the machine: a clock that moves when told, an environment, HTTP, programs and files of one's own.
//!
//! For tests of programs that use this library, as for its own. Put them into a [`System`](crate::System).
//!
//! ```
//! use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};
//! use yandex_cloud_auth::{Credentials, Method, System};
//!
//! let token = r#"{ "access_token": "t1.fake.token", "expires_in": 3600, "token_type": "Bearer" }"#;
//! let http = TestHttp::new(move |_, _| TestReply::status(200, token));
//! let environment = TestEnvironment::new([("YC_METADATA_ADDR", "127.0.0.1:1")]);
//! let machine = System::real().with_environment(environment).with_http(http.clone());
//!
//! let credentials = Credentials::automatic().with_system(machine);
//! assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
//! assert_eq!(credentials.method(), Some(Method::Metadata));
//! assert!(!http.requests().is_empty());
//! # Ok::<(), yandex_cloud_auth::Error>(())
//! ```

pub use crate::system::doubles::{
    TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun,
};
