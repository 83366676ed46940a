//! A transport for tests: responses come from a function of the request.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::BoxFuture;
use super::{HttpError, HttpFault, HttpOptions, HttpTransport};

/// How [`TestHttp`] responds to one request.
#[derive(Clone, Debug)]
pub enum TestReply {
    /// Responds with a status, headers and a body.
    Response(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Fails.
    Fail(HttpFault),
    /// Never completes.
    Silence,
}

impl TestReply {
    /// Responds with a status and a body.
    #[must_use]
    pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Response(status, Vec::new(), body.into())
    }
}

/// Makes the reply from the request, the options, and the number of earlier requests.
type Rule =
    dyn Fn(&http::Request<Vec<u8>>, HttpOptions, usize) -> BoxFuture<'static, TestReply> + Send + Sync;

/// A transport whose responses come from a function, and that records the requests. Clones share the record.
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
    /// Responds by `rule`, which gets the request and the number of earlier requests.
    #[must_use]
    pub fn new(rule: impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static) -> Self {
        Self::with_options(move |request, _, count| {
            let reply = rule(request, count);
            async move { reply }
        })
    }

    /// Responds by an asynchronous `rule`, which gets the options too.
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

    /// A transport for code that must not send anything: every request fails as unreachable.
    #[must_use]
    pub fn unreachable() -> Self {
        Self::new(|_, _| TestReply::Fail(HttpFault::Unreachable))
    }

    /// All requests so far, as `METHOD URL`.
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
                TestReply::Response(status, headers, body) => {
                    let mut response = http::Response::builder().status(status);
                    for (name, value) in headers {
                        response = response.header(name, value);
                    }
                    if body.len() > options.max_body {
                        return Err(HttpError::new(HttpFault::TooLarge, "the response is too large"));
                    }
                    response
                        .body(body)
                        .map_err(|error| HttpError::new(HttpFault::Malformed, error.to_string()))
                }
                TestReply::Fail(fault) => Err(HttpError::new(fault, format!("{fault:?} (test)"))),
                TestReply::Silence => std::future::pending().await,
            }
        })
    }
}
