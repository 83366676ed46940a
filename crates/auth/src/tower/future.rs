//! One call through the layer, as a state machine. The ready path is one state and boxes nothing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::AUTHORIZATION;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::error::AuthServiceError;
use super::layer::Config;
use super::replay::Replay;
use super::request::{AuthRequest, AuthResponse};
use super::service::save;
use super::timeout::RequestDeadline;
use crate::Error;
use crate::refresh::cached_header::VersionedHeader;
use crate::system::BoxFuture;

/// Waits for a header.
pub(super) type HeaderFuture = BoxFuture<'static, Result<Option<VersionedHeader>, Error>>;

pin_project! {
    /// The future of a response.
    ///
    /// Dropping it drops the request. A fetch that it waits for continues for other callers.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, R, Q>
    where
        S: Service<Q>,
        R: Replay<Q>,
    {
        #[pin]
        state: State<S, R, Q, S::Response, S::Future, R::Saved>,
    }
}

pin_project! {
    // `A` is the response, `F` its future, `V` what was saved of the request.
    #[project = StateProjection]
    enum State<S, R, Q, A, F, V> {
        /// The request waits for the first header.
        Queueing { queued: Option<Box<Queued<S, R, Q>>> },
        /// There is the first header; the service has to become ready.
        Admitting { queued: Option<Box<Admitted<S, R, Q>>> },
        /// The request was sent.
        Sending { #[pin] response: F, in_flight: Option<InFlight<S, R, V>> },
        /// The server refused the token; the call waits for a fresh one.
        Refreshing { refused: Option<Box<Refused<S, R, A, V>>> },
        /// There is a fresh header; the service has to become ready again.
        Readying { service: S, replay: Option<Box<(Q, A)>> },
        /// The replay was sent. Its response is returned, whatever it is.
        Resending { #[pin] response: F },
        /// There is no header.
        Failed { error: Option<Error> },
        Done,
    }
}

/// A request that waits for the first header.
struct Queued<S, R, Q> {
    header: HeaderFuture,
    deadline: Option<RequestDeadline>,
    config: Arc<Config>,
    replay: R,
    service: S,
    request: Q,
}

/// A request that has its header and waits for the service. The service was not reserved before: a client has a bounded
/// number of places, and requests that wait for a token would hold the places of others.
struct Admitted<S, R, Q> {
    queued: Queued<S, R, Q>,
    header: Option<VersionedHeader>,
}

/// What is known of a request in flight.
pub(super) struct InFlight<S, R, V> {
    pub(super) config: Arc<Config>,
    /// The generation of the token in the request.
    pub(super) generation: u64,
    pub(super) retry: Option<Retry<S, R, V>>,
}

/// What a replay needs.
pub(super) struct Retry<S, R, V> {
    pub(super) saved: V,
    pub(super) service: S,
    pub(super) replay: R,
    pub(super) deadline: Option<RequestDeadline>,
}

/// A refused request. Its response is returned if there is no replay.
struct Refused<S, R, A, V> {
    header: HeaderFuture,
    config: Arc<Config>,
    generation: u64,
    retry: Retry<S, R, V>,
    response: A,
}

impl<S, R, Q> ResponseFuture<S, R, Q>
where
    S: Service<Q>,
    R: Replay<Q>,
{
    #[inline]
    pub(super) fn sending(response: S::Future, in_flight: Option<InFlight<S, R, R::Saved>>) -> Self {
        Self { state: State::Sending { response, in_flight } }
    }

    #[cold]
    pub(super) fn failed(error: Error) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    #[cold]
    pub(super) fn waiting(config: Arc<Config>, replay: R, service: S, request: Q) -> Self
    where
        Q: AuthRequest,
    {
        let deadline = config.deadline_of(&request);
        let header = config.wait_for_header(deadline);
        let queued = Queued { header, deadline, config, replay, service, request };
        Self { state: State::Queueing { queued: Some(Box::new(queued)) } }
    }
}

impl<S, R, Q: AuthRequest> Queued<S, R, Q> {
    /// Sends the request with the header. The service is ready.
    fn send(self, header: Option<VersionedHeader>) -> State<S, R, Q, S::Response, S::Future, R::Saved>
    where
        S: Service<Q> + Clone,
        R: Replay<Q>,
    {
        let Self { deadline, config, replay, mut service, mut request, .. } = self;
        config.shorten_timeout(&mut request, deadline);
        let Some(VersionedHeader { header, generation }) = header else {
            return State::Sending { response: service.call(request), in_flight: None };
        };
        let (mut request, retry) = save(&config, replay, &service, request);
        request.headers_mut().insert(AUTHORIZATION, header);
        // The request now carries the time that was left after the wait. The deadline is that from before the wait.
        let retry = retry.map(|retry| Retry { deadline, ..retry });
        let in_flight = InFlight { config, generation, retry };
        State::Sending { response: service.call(request), in_flight: Some(in_flight) }
    }
}

impl<S, R, Q> Future for ResponseFuture<S, R, Q>
where
    S: Service<Q> + Clone,
    S::Response: AuthResponse,
    R: Replay<Q>,
    Q: AuthRequest,
{
    type Output = Result<S::Response, AuthServiceError<S::Error>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Queueing { queued } => {
                    let Some(waiting) = queued.as_mut() else { return Poll::Pending };
                    let header = ready!(waiting.header.as_mut().poll(context));
                    match (header, queued.take()) {
                        (Ok(header), Some(queued)) => {
                            State::Admitting { queued: Some(Box::new(Admitted { queued: *queued, header })) }
                        }
                        (Err(error), _) => State::Failed { error: Some(error) },
                        (Ok(_), None) => return Poll::Pending,
                    }
                }
                StateProjection::Admitting { queued } => {
                    let Some(waiting) = queued.as_mut() else { return Poll::Pending };
                    if let Err(error) = ready!(waiting.queued.service.poll_ready(context)) {
                        return finish(state, Err(AuthServiceError::from_service(error)));
                    }
                    let Some(admitted) = queued.take() else { return Poll::Pending };
                    admitted.queued.send(admitted.header)
                }
                StateProjection::Sending { response, in_flight } => {
                    let response = match ready!(response.poll(context)) {
                        Ok(response) => response,
                        Err(error) => return finish(state, Err(AuthServiceError::from_service(error))),
                    };
                    let refused = in_flight.take_if(|in_flight| in_flight.config.is_refusal(&response));
                    let Some(in_flight) = refused else { return finish(state, Ok(response)) };
                    match start_refresh(response, in_flight) {
                        Ok(refused) => State::Refreshing { refused: Some(Box::new(refused)) },
                        Err(response) => return finish(state, Ok(response)),
                    }
                }
                StateProjection::Refreshing { refused } => {
                    let Some(waiting) = refused.as_mut() else { return Poll::Pending };
                    let header = ready!(waiting.header.as_mut().poll(context));
                    let Some(refused) = refused.take() else { return Poll::Pending };
                    let Refused { config, generation, retry, response, .. } = *refused;
                    let Retry { saved, service, replay, deadline } = retry;
                    let newer = header.ok().flatten().filter(|newer| newer.generation != generation);
                    let again = newer.and_then(|newer| Some((replay.replay(saved)?, newer.header)));
                    let Some((mut request, header)) = again else { return finish(state, Ok(response)) };
                    request.headers_mut().insert(AUTHORIZATION, header);
                    config.shorten_timeout(&mut request, deadline);
                    State::Readying { service, replay: Some(Box::new((request, response))) }
                }
                StateProjection::Readying { service, replay } => {
                    let ready = ready!(service.poll_ready(context));
                    let Some((request, response)) = replay.take().map(|replay| *replay) else {
                        return Poll::Pending;
                    };
                    if ready.is_err() {
                        return finish(state, Ok(response));
                    }
                    // Releases the connection of the first response before the replay needs one.
                    drop(response);
                    tracing::debug!("a server refused the token; the request is sent again with a newer one");
                    State::Resending { response: service.call(request) }
                }
                StateProjection::Resending { response } => {
                    let response = ready!(response.poll(context));
                    return finish(state, response.map_err(AuthServiceError::from_service));
                }
                StateProjection::Failed { error } => {
                    let Some(error) = error.take() else { return Poll::Pending };
                    return finish(state, Err(error.into()));
                }
                StateProjection::Done => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

/// Ends the call. Drops its parts before the caller gets the output.
#[inline]
fn finish<S, R, Q, A, F, V, O>(mut state: Pin<&mut State<S, R, Q, A, F, V>>, output: O) -> Poll<O> {
    state.set(State::Done);
    Poll::Ready(output)
}

impl<S, R, Q> fmt::Debug for ResponseFuture<S, R, Q>
where
    S: Service<Q>,
    R: Replay<Q>,
{
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ResponseFuture")
    }
}

/// Invalidates the refused token and starts to wait for a fresh one. Returns the response if the request cannot be made
/// again.
#[cold]
fn start_refresh<S, R: Replay<Q>, Q, A>(
    response: A,
    in_flight: InFlight<S, R, R::Saved>,
) -> Result<Refused<S, R, A, R::Saved>, A> {
    let InFlight { config, generation, retry } = in_flight;
    config.invalidate(generation);
    match retry {
        Some(retry) if retry.replay.can_replay(&retry.saved) => {
            let header = config.wait_for_header(retry.deadline);
            Ok(Refused { header, config, generation, retry, response })
        }
        _ => {
            // Too late for this request, but the next one should find a fresh token.
            config.credentials.prewarm();
            Err(response)
        }
    }
}
