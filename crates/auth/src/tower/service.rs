//! The service: it adds the header to each request before it calls the client.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::destination::Decision;
use super::error::AuthServiceError;
use super::future::{InFlight, ResponseFuture, Retry};
use super::layer::Config;
use super::replay::{NoReplay, Replay};
use super::request::{AuthRequest, AuthResponse};
use crate::refresh::cached_header::VersionedHeader;
use crate::{Error, Method};

/// A client whose requests are authorized, made by [`AuthLayer`](super::AuthLayer).
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

    /// The client behind the layer.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The client behind the layer, mutable.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The client, without the layer.
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

impl<S, R> AuthService<S, R> {
    /// Sends a request that has the header.
    #[inline]
    fn dispatch<Q>(
        &mut self,
        request: Q,
        generation: u64,
        retry: Option<Retry<S, R, R::Saved>>,
    ) -> ResponseFuture<S, R, Q>
    where
        S: Service<Q>,
        R: Replay<Q>,
    {
        let response = self.inner.call(request);
        let in_flight = InFlight { config: Arc::clone(&self.config), generation, retry };
        ResponseFuture::sending(response, Some(in_flight))
    }
}

impl Config {
    /// Whether the request gets the header. If not, it is sent unchanged.
    #[inline]
    pub(super) fn wants_header(&self, request: &impl AuthRequest) -> Result<bool, Error> {
        // Requests have few headers, so comparing each name is faster than hashing.
        if request.headers().keys().any(|name| *name == AUTHORIZATION) {
            return Ok(false);
        }
        match request.check_destination(&self.rules) {
            Ok(decision) => Ok(decision == Decision::Attach),
            // Without a header there is nothing to protect.
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
        self.inner.poll_ready(context).map_err(AuthServiceError::from_service)
    }

    #[inline]
    fn call(&mut self, mut request: Q) -> Self::Future {
        match self.config.wants_header(&request) {
            Ok(true) => {}
            Ok(false) => return ResponseFuture::sending(self.inner.call(request), None),
            Err(error) => return ResponseFuture::failed(error),
        }
        let mut retry = None;
        // The header goes straight from the copy of the thread into the request, because each step between would be one
        // more copy.
        if let Some(copy) = self.config.credentials.thread_copy() {
            if !copy.has_header() {
                return ResponseFuture::sending(self.inner.call(request), None);
            }
            // `poll_ready` made `self.inner` ready, so this call uses it. A replay uses a clone.
            if R::SAVES {
                (request, retry) = save(&self.config, self.replay.clone(), &self.inner, request);
            }
            if let Some(header) = copy.header() {
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            let generation = copy.generation;
            drop(copy);
            return self.dispatch(request, generation, retry);
        }
        match self.config.credentials.read_shared(VersionedHeader::of) {
            Some(Ok(None)) => ResponseFuture::sending(self.inner.call(request), None),
            Some(Ok(Some(VersionedHeader { header, generation }))) => {
                if R::SAVES {
                    (request, retry) = save(&self.config, self.replay.clone(), &self.inner, request);
                }
                request.headers_mut().insert(AUTHORIZATION, header);
                self.dispatch(request, generation, retry)
            }
            Some(Err(error)) => ResponseFuture::failed(error),
            None => {
                // The clone becomes ready when there is a header. `self.inner` stays ready for the next call.
                let service = self.inner.clone();
                ResponseFuture::waiting(Arc::clone(&self.config), self.replay.clone(), service, request)
            }
        }
    }
}

/// Saves what a replay needs, and the deadline of the request.
#[inline]
pub(super) fn save<S: Clone, Q: AuthRequest, R: Replay<Q>>(
    config: &Config,
    replay: R,
    service: &S,
    request: Q,
) -> (Q, Option<Retry<S, R, R::Saved>>) {
    if config.replay_limit == 0 {
        return (request, None);
    }
    let (request, saved) = replay.save(request, config.replay_limit);
    let retry = saved.map(|saved| Retry {
        saved,
        service: service.clone(),
        deadline: config.deadline_of(&request),
        replay,
    });
    (request, retry)
}
