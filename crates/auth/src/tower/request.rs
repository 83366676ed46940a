//! What the layer needs of a request and of its answer, so that one service serves `http`'s and those of clients that
//! have their own.

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};

use super::destination::Destination;
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

    use super::super::destination::Destination;
    use crate::Error;

    pub trait Outgoing {
        fn headers(&self) -> &HeaderMap;

        fn headers_mut(&mut self) -> &mut HeaderMap;

        /// Where it goes, as far as it says so.
        fn destination(&self) -> Result<Destination<'_>, Error>;

        /// How long all of it may take, where it carries a bound.
        fn time_left(&self) -> Option<Duration>;

        /// Makes it carry what is left of its bound.
        fn set_time_left(&mut self, span: Duration);
    }

    pub trait Answer {
        fn status(&self) -> StatusCode;

        fn headers(&self) -> &HeaderMap;

        /// Who gave it, where that may be another than was asked: a client that follows redirects knows.
        fn origin(&self) -> Option<Destination<'_>>;
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
    fn destination(&self) -> Result<Destination<'_>, Error> {
        Ok(Destination::Uri(self.uri()))
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

    fn origin(&self) -> Option<Destination<'_>> {
        None
    }
}
