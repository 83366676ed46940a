//! One call through the layer, as a state machine: the ready path is a state of its own and boxes nothing.

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
use super::service::keep;
use super::timeout::Limit;
use crate::Error;
use crate::refresh::cached_header::VersionedHeader;
use crate::system::BoxFuture;

/// The wait for a header.
pub(super) type Wait = BoxFuture<'static, Result<Option<VersionedHeader>, Error>>;

pin_project! {
    /// The answer to come.
    ///
    /// Dropping it drops the request; a fetch that it waits for goes on for others.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, R, Q>
    where
        S: Service<Q>,
        R: Replay<Q>,
    {
        #[pin]
        state: State<S, R, Q, S::Response, S::Future, R::Kept>,
    }
}

pin_project! {
    #[project = Step]
    enum State<S, R, Q, A, F, K> {
        /// There is no header yet.
        Waiting { held: Option<Box<Held<S, R, Q>>> },
        /// The request is under way.
        Sending { #[pin] answer: F, sent: Option<Sent<S, R, K>> },
        /// It was refused; a fresh header is on its way.
        Renewing { refused: Option<Box<Refused<S, R, A, K>>> },
        /// There is one; the service gets ready once more.
        Readying { service: S, again: Option<Box<(Q, A)>> },
        /// The second sending, whatever comes of it.
        Resending { #[pin] answer: F },
        /// There is no header to be had.
        Failed { error: Option<Error> },
        Over,
    }
}

/// What waits for its first header.
struct Held<S, R, Q> {
    wait: Wait,
    limit: Option<Limit>,
    config: Arc<Config>,
    replay: R,
    service: S,
    request: Q,
}

/// What is remembered of a request under way.
pub(super) struct Sent<S, R, K> {
    pub(super) config: Arc<Config>,
    /// Which token it was sent with.
    pub(super) generation: u64,
    pub(super) again: Option<Again<S, R, K>>,
}

/// What a second sending needs.
pub(super) struct Again<S, R, K> {
    pub(super) kept: K,
    pub(super) service: S,
    pub(super) replay: R,
    pub(super) limit: Option<Limit>,
}

/// A refused request, its answer kept until there is something better.
struct Refused<S, R, A, K> {
    wait: Wait,
    generation: u64,
    again: Again<S, R, K>,
    answer: A,
}

impl<S, R, Q> ResponseFuture<S, R, Q>
where
    S: Service<Q>,
    R: Replay<Q>,
{
    #[inline]
    pub(super) fn sending(answer: S::Future, sent: Option<Sent<S, R, R::Kept>>) -> Self {
        Self { state: State::Sending { answer, sent } }
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
        let limit = Limit::of(&request);
        let wait = config.get(limit);
        Self {
            state: State::Waiting {
                held: Some(Box::new(Held { wait, limit, config, replay, service, request })),
            },
        }
    }
}

impl<S, R, Q: AuthRequest> Held<S, R, Q> {
    /// Sends it with the header that has come.
    fn send(self, header: Option<VersionedHeader>) -> State<S, R, Q, S::Response, S::Future, R::Kept>
    where
        S: Service<Q> + Clone,
        R: Replay<Q>,
    {
        let Self { limit, config, replay, mut service, mut request, .. } = self;
        if let Some(limit) = limit {
            limit.shorten(&mut request);
        }
        let Some(VersionedHeader { header, generation }) = header else {
            return State::Sending { answer: service.call(request), sent: None };
        };
        let (mut request, again) = keep(&config, replay, &service, request);
        request.headers_mut().insert(AUTHORIZATION, header);
        // What is left of the time was taken before the wait.
        let again = again.map(|again| Again { limit, ..again });
        let sent = Sent { config, generation, again };
        State::Sending { answer: service.call(request), sent: Some(sent) }
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
                Step::Waiting { held } => {
                    let Some(waiting) = held.as_mut() else { return Poll::Pending };
                    let header = ready!(waiting.wait.as_mut().poll(context));
                    match (header, held.take()) {
                        (Ok(header), Some(held)) => held.send(header),
                        (Err(error), _) => State::Failed { error: Some(error) },
                        (Ok(_), None) => return Poll::Pending,
                    }
                }
                Step::Sending { answer, sent } => {
                    let answer = match ready!(answer.poll(context)) {
                        Ok(answer) => answer,
                        Err(error) => return end(state, Err(AuthServiceError::of_service(error))),
                    };
                    let Some(sent) = sent.take_if(|sent| sent.config.is_refusal(&answer)) else {
                        return end(state, Ok(answer));
                    };
                    match refused(answer, sent) {
                        Ok(refused) => State::Renewing { refused: Some(Box::new(refused)) },
                        Err(answer) => return end(state, Ok(answer)),
                    }
                }
                Step::Renewing { refused } => {
                    let Some(waiting) = refused.as_mut() else { return Poll::Pending };
                    let header = ready!(waiting.wait.as_mut().poll(context));
                    let Some(refused) = refused.take() else { return Poll::Pending };
                    let Refused { generation, again, answer, .. } = *refused;
                    let Again { kept, service, replay, limit } = again;
                    let newer = header.ok().flatten().filter(|newer| newer.generation != generation);
                    let again = newer.and_then(|newer| Some((replay.again(kept)?, newer.header)));
                    let Some((mut request, header)) = again else { return end(state, Ok(answer)) };
                    request.headers_mut().insert(AUTHORIZATION, header);
                    if let Some(limit) = limit {
                        limit.shorten(&mut request);
                    }
                    State::Readying { service, again: Some(Box::new((request, answer))) }
                }
                Step::Readying { service, again } => {
                    let ready = ready!(service.poll_ready(context));
                    let Some((request, answer)) = again.take().map(|again| *again) else {
                        return Poll::Pending;
                    };
                    if ready.is_err() {
                        return end(state, Ok(answer));
                    }
                    drop(answer);
                    tracing::debug!(
                        "a server refused the token; the request is sent once more with a newer one"
                    );
                    State::Resending { answer: service.call(request) }
                }
                Step::Resending { answer } => {
                    let answer = ready!(answer.poll(context));
                    return end(state, answer.map_err(AuthServiceError::of_service));
                }
                Step::Failed { error } => {
                    let Some(error) = error.take() else { return Poll::Pending };
                    return end(state, Err(error.into()));
                }
                Step::Over => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

/// The end of a call: what it was made of goes before the caller has the answer.
#[inline]
fn end<S, R, Q, A, F, K, O>(mut state: Pin<&mut State<S, R, Q, A, F, K>>, output: O) -> Poll<O> {
    state.set(State::Over);
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

/// Drops the token that was refused, and begins to wait for another; gives the answer back where that is no use.
#[cold]
fn refused<S, R: Replay<Q>, Q, A>(
    answer: A,
    sent: Sent<S, R, R::Kept>,
) -> Result<Refused<S, R, A, R::Kept>, A> {
    let Sent { config, generation, again } = sent;
    config.drop_refused(generation);
    match again {
        Some(again) if again.replay.can_again(&again.kept) => {
            let wait = config.get(again.limit);
            Ok(Refused { wait, generation, again, answer })
        }
        _ => {
            // Not for this request, but the next one should find a token.
            config.credentials.prewarm();
            Err(answer)
        }
    }
}
