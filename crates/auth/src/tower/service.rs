//! The service: a header on each request, before the client is called.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::destination::Verdict;
use super::error::AuthServiceError;
use super::future::{Again, ResponseFuture, Sent};
use super::layer::Config;
use super::replay::{NoReplay, Replay};
use super::request::{AuthRequest, AuthResponse};
use super::timeout::Limit;
use crate::{Error, Method};

/// A client whose requests are authorised; made by [`AuthLayer`](super::AuthLayer).
#[derive(Clone)]
pub struct AuthService<S, R = NoReplay> {
    pub(super) inner: S,
    pub(super) config: Arc<Config>,
    pub(super) replay: R,
}

impl<S, R> AuthService<S, R> {
    pub(super) fn new(inner: S, config: Arc<Config>, replay: R) -> Self {
        Self { inner, config, replay }
    }

    /// The client.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The client, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The client alone.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: fmt::Debug, R> fmt::Debug for AuthService<S, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AuthService")
            .field("inner", &self.inner)
            .field("layer", &self.config)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// What becomes of a request: whether it gets a header at all. Without one it goes as it is.
    #[inline]
    pub(super) fn wants_header(&self, request: &impl AuthRequest) -> Result<bool, Error> {
        // A look at each name is quicker than a hash: requests have few.
        if request.headers().keys().any(|name| *name == AUTHORIZATION) {
            return Ok(false);
        }
        match request.judge(&self.rules) {
            Ok(verdict) => Ok(verdict == Verdict::Send),
            Err(_) if self.credentials.method() == Some(Method::None) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl<S, R, Q> Service<Q> for AuthService<S, R>
where
    S: Service<Q> + Clone,
    S::Response: AuthResponse,
    R: Replay<Q>,
    Q: AuthRequest,
{
    type Response = S::Response;
    type Error = AuthServiceError<S::Error>;
    type Future = ResponseFuture<S, R, Q>;

    #[inline]
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(AuthServiceError::of_service)
    }

    #[inline]
    fn call(&mut self, mut request: Q) -> Self::Future {
        match self.config.wants_header(&request) {
            Ok(true) => {}
            Ok(false) => return ResponseFuture::sending(self.inner.call(request), None),
            Err(error) => return ResponseFuture::failed(error),
        }
        match self.config.credentials.get_cached() {
            Some(Ok(ready)) => {
                let Some(generation) = ready.generation() else {
                    return ResponseFuture::sending(self.inner.call(request), None);
                };
                // The service that was made ready is the one that is called; a clone of it is for a second sending.
                let mut again = None;
                if R::KEEPS {
                    (request, again) = keep(&self.config, self.replay.clone(), &self.inner, request);
                }
                ready.put_on(request.headers_mut());
                drop(ready);
                let answer = self.inner.call(request);
                let sent = Sent { config: Arc::clone(&self.config), generation, again };
                ResponseFuture::sending(answer, Some(sent))
            }
            Some(Err(error)) => ResponseFuture::failed(error),
            None => {
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(Arc::clone(&self.config), self.replay.clone(), ready, request)
            }
        }
    }
}

/// Keeps what a second sending needs, and notes how long the request has.
#[inline]
pub(super) fn keep<S: Clone, Q: AuthRequest, R: Replay<Q>>(
    config: &Config,
    replay: R,
    service: &S,
    request: Q,
) -> (Q, Option<Again<S, R, R::Kept>>) {
    if config.replay_limit == 0 {
        return (request, None);
    }
    let (request, kept) = replay.keep(request, config.replay_limit);
    let again = kept.map(|kept| Again { kept, service: service.clone(), limit: Limit::of(&request), replay });
    (request, again)
}
