//! What the layer needs of a request and of its answer, so that one service serves `http`'s and those of clients that
//! have their own.

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};

use super::destination::{Rules, Verdict};
use super::timeout;
use crate::Error;

/// A request that the layer can authorise: [`http::Request`], and with the feature `reqwest` reqwest's own.
pub trait AuthRequest: sealed::Outgoing {}

/// The answer to one.
pub trait AuthResponse: sealed::Answer {}

impl<B> AuthRequest for Request<B> {}
impl<T> AuthResponse for Response<T> {}

/// The traits from the inside: sealed, so that they can grow.
pub(super) mod sealed {
    use std::time::Duration;

    use http::{HeaderMap, StatusCode};

    use super::super::destination::{Rules, Verdict};
    use crate::Error;

    pub trait Outgoing {
        fn headers(&self) -> &HeaderMap;

        fn headers_mut(&mut self) -> &mut HeaderMap;

        /// Whether the header may go where it goes.
        fn judge(&self, rules: &Rules) -> Result<Verdict, Error>;

        /// How long all of it may take, where it carries a bound.
        fn time_left(&self) -> Option<Duration>;

        /// Makes it carry what is left of its bound.
        fn set_time_left(&mut self, span: Duration);
    }

    pub trait Answer {
        fn status(&self) -> StatusCode;

        fn headers(&self) -> &HeaderMap;

        /// Whether the header may have gone to whoever gave it. That may be another than was asked, which a client that
        /// follows redirects knows.
        fn is_by_addressee(&self, rules: &Rules) -> bool;
    }
}

impl<B> sealed::Outgoing for Request<B> {
    #[inline]
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    #[inline]
    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    #[inline]
    fn judge(&self, rules: &Rules) -> Result<Verdict, Error> {
        rules.judge(self.uri())
    }

    #[inline]
    fn time_left(&self) -> Option<Duration> {
        timeout::of_grpc(self.headers())
    }

    fn set_time_left(&mut self, span: Duration) {
        timeout::set_grpc(self.headers_mut(), span);
    }
}

impl<T> sealed::Answer for Response<T> {
    #[inline]
    fn status(&self) -> StatusCode {
        self.status()
    }

    #[inline]
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn is_by_addressee(&self, _: &Rules) -> bool {
        true
    }
}
