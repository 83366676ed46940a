//! One HTTP exchange: a request with its whole body in, an answer of bounded size out.
//!
//! The contract is small so that any client can stand behind it: it follows no redirect, keeps no cookie, adds
//! no credential, and says at which step it failed, because a metadata probe has to tell "nobody is there" from
//! "somebody is there and silent".

#[cfg(feature = "transport")]
mod dial;
#[cfg(feature = "transport")]
mod exchange;
#[cfg(feature = "transport")]
mod hyper;
#[cfg(feature = "transport")]
mod proxy;
#[cfg(feature = "transport")]
mod tls;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{BoxFuture, Environment};

#[cfg(feature = "transport")]
pub use self::hyper::HyperTransport;

/// Bounds and rules for one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// How long a connection may take: name resolution, TCP and TLS.
    pub connect_timeout: Duration,
    /// How many bytes of answer are read at the most; a longer one is [`HttpFault::TooLarge`].
    pub max_body: usize,
    /// Never through a proxy, whatever the environment says.
    pub direct: bool,
}

impl HttpOptions {
    /// 5 s to connect, 1 MiB of answer, proxies as the environment says.
    #[must_use]
    pub fn new() -> Self {
        Self { connect_timeout: Duration::from_secs(5), max_body: 1 << 20, direct: false }
    }

    /// With another limit for connecting.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// With another bound for the answer, in bytes.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Past every proxy.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.direct = true;
        self
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The step at which an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpFault {
    /// No connection within [`HttpOptions::connect_timeout`].
    ConnectTimeout,
    /// The connection was refused.
    ConnectRefused,
    /// No route: network or host unreachable, or not permitted.
    Unreachable,
    /// The name could not be resolved.
    NameResolution,
    /// TLS failed: an unknown issuer, a wrong name, a broken handshake.
    Tls,
    /// The proxy refused or failed.
    Proxy,
    /// The connection broke, or the answer was cut short, after connecting.
    Interrupted,
    /// The answer is not HTTP.
    Malformed,
    /// The answer is larger than [`HttpOptions::max_body`].
    TooLarge,
    /// The request could not be sent as it is: no http address, or no runtime to run it.
    Request,
}

impl HttpFault {
    /// Whether nobody was reached: there was no connection to lose.
    #[must_use]
    pub fn is_before_connection(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::ConnectRefused | Self::Unreachable | Self::NameResolution)
    }
}

/// Why an exchange failed. The message carries neither header nor body.
#[derive(Clone, Debug)]
pub struct HttpError {
    fault: HttpFault,
    message: String,
}

impl HttpError {
    /// An error at one step, with a short lower-case message.
    #[must_use]
    pub fn new(fault: HttpFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into() }
    }

    /// The step.
    #[must_use]
    pub fn fault(&self) -> HttpFault {
        self.fault
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for HttpError {}

/// Sends one request and returns the answer, whatever its status.
///
/// Implementations follow no redirect, and stop all work when the returned future is dropped: that is how the
/// total time is bounded.
pub trait HttpTransport: Send + Sync + 'static {
    /// One exchange.
    ///
    /// # Errors
    /// [`HttpError`] where there is no whole answer. An answer with an error status is an answer.
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
        options: HttpOptions,
    ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, HttpError>>;

    /// The same transport for another environment, where it depends on one (proxies, CA files).
    fn in_environment(&self, environment: &Arc<dyn Environment>) -> Option<Arc<dyn HttpTransport>> {
        let _ = environment;
        None
    }
}

#[cfg(any(test, feature = "testing"))]
pub use self::double::{TestHttp, TestReply};

#[cfg(any(test, feature = "testing"))]
mod double {
    use std::future::Future;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::super::BoxFuture;
    use super::{HttpError, HttpFault, HttpOptions, HttpTransport};

    /// What [`TestHttp`] answers to one request.
    #[derive(Clone, Debug)]
    pub enum TestReply {
        /// A status, headers and a body.
        Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
        /// A failure.
        Fail(HttpFault),
        /// Nothing, ever.
        Silence,
    }

    impl TestReply {
        /// A status and a body.
        #[must_use]
        pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
            Self::Answer(status, Vec::new(), body.into())
        }
    }

    /// What decides the reply: the request, the options, and how many came before.
    type Rule =
        dyn Fn(&http::Request<Vec<u8>>, HttpOptions, usize) -> BoxFuture<'static, TestReply> + Send + Sync;

    /// A transport that answers by a function and remembers what was asked. Clones share it.
    ///
    /// ```
    /// use yandex_cloud_auth::testing::{TestHttp, TestReply};
    /// let http = TestHttp::new(|request, _count| match request.uri().path() {
    ///     "/endpoints" => TestReply::status(200, r#"{"endpoints":[]}"#),
    ///     _ => TestReply::status(404, ""),
    /// });
    /// assert_eq!(http.requests(), Vec::<String>::new());
    /// ```
    #[derive(Clone)]
    pub struct TestHttp {
        rule: Arc<Rule>,
        log: Arc<Mutex<Vec<String>>>,
    }

    impl TestHttp {
        /// Answers by `rule`, which sees the request and how many came before it.
        #[must_use]
        pub fn new(
            rule: impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static,
        ) -> Self {
            Self::with_options(move |request, _, count| {
                let reply = rule(request, count);
                async move { reply }
            })
        }

        /// Answers by an asynchronous `rule`, which sees the options too.
        #[must_use]
        pub fn with_options<F>(
            rule: impl Fn(&http::Request<Vec<u8>>, HttpOptions, usize) -> F + Send + Sync + 'static,
        ) -> Self
        where
            F: Future<Output = TestReply> + Send + 'static,
        {
            let rule: Arc<Rule> =
                Arc::new(move |request, options, count| Box::pin(rule(request, options, count)));
            Self { rule, log: Arc::default() }
        }

        /// A transport for code that must not send anything: every request is "unreachable".
        #[must_use]
        pub fn nobody() -> Self {
            Self::new(|_, _| TestReply::Fail(HttpFault::Unreachable))
        }

        /// Every request so far, as `METHOD URL`.
        #[must_use]
        pub fn requests(&self) -> Vec<String> {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl HttpTransport for TestHttp {
        fn send(
            &self,
            request: http::Request<Vec<u8>>,
            options: HttpOptions,
        ) -> BoxFuture<'_, Result<http::Response<Vec<u8>>, HttpError>> {
            let count = {
                let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push(format!("{} {}", request.method(), request.uri()));
                log.len() - 1
            };
            let reply = (self.rule)(&request, options, count);
            Box::pin(async move {
                match reply.await {
                    TestReply::Answer(status, headers, body) => {
                        let mut answer = http::Response::builder().status(status);
                        for (name, value) in headers {
                            answer = answer.header(name, value);
                        }
                        if body.len() > options.max_body {
                            return Err(HttpError::new(HttpFault::TooLarge, "the answer is too large"));
                        }
                        answer
                            .body(body)
                            .map_err(|error| HttpError::new(HttpFault::Malformed, error.to_string()))
                    }
                    TestReply::Fail(fault) => Err(HttpError::new(fault, format!("{fault:?} (test)"))),
                    TestReply::Silence => std::future::pending().await,
                }
            })
        }
    }
}
