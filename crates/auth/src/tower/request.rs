//! What the layer needs of a request and of a response, so that one service works with the types of `http` and of
//! reqwest.

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};

use super::destination::{Decision, Rules};
use super::timeout;
use crate::Error;

/// A request that the layer can authorize: [`http::Request`], and with the feature `reqwest` reqwest's own.
pub trait AuthRequest: sealed::RequestAccess {}

/// A response that the layer can inspect: [`http::Response`], and with the feature `reqwest` reqwest's own.
pub trait AuthResponse: sealed::ResponseAccess {}

impl<B> AuthRequest for Request<B> {}
impl<T> AuthResponse for Response<T> {}

/// The methods of the traits. Sealed, so that methods can be added.
pub(super) mod sealed {
    use std::time::Duration;

    use http::{HeaderMap, StatusCode};

    use super::super::destination::{Decision, Rules};
    use crate::Error;

    pub trait RequestAccess {
        fn headers(&self) -> &HeaderMap;

        fn headers_mut(&mut self) -> &mut HeaderMap;

        /// Decides whether the request gets the header, by its destination.
        fn check_destination(&self, rules: &Rules) -> Result<Decision, Error>;

        /// The timeout that the request carries.
        fn time_left(&self) -> Option<Duration>;

        /// Replaces the timeout that the request carries.
        fn set_time_left(&mut self, timeout: Duration);
    }

    pub trait ResponseAccess {
        fn status(&self) -> StatusCode;

        fn headers(&self) -> &HeaderMap;

        /// Whether the server that responded may have the header. After a redirect it may be another server.
        fn is_from_allowed_host(&self, rules: &Rules) -> bool;
    }
}

impl<B> sealed::RequestAccess for Request<B> {
    #[inline]
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    #[inline]
    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    #[inline]
    fn check_destination(&self, rules: &Rules) -> Result<Decision, Error> {
        rules.check_destination(self.uri())
    }

    #[inline]
    fn time_left(&self) -> Option<Duration> {
        timeout::grpc_timeout(self.headers())
    }

    fn set_time_left(&mut self, timeout: Duration) {
        timeout::set_grpc_timeout(self.headers_mut(), timeout);
    }
}

impl<T> sealed::ResponseAccess for Response<T> {
    #[inline]
    fn status(&self) -> StatusCode {
        self.status()
    }

    #[inline]
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn is_from_allowed_host(&self, _: &Rules) -> bool {
        true
    }
}
