//! A long-running operation on the server.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use yandex_cloud_auth::sdk_internals::in_seconds;

use crate::client::{Call, CallState, Client, TIMEOUT};
use crate::error::{Error, ErrorKind};
use crate::services::Service;
use crate::types::native::{CompletionResponse, OperationState};
use crate::wire::Wire;

/// The default interval and limit of polling; those of the Python SDK.
const POLL_INTERVAL: Duration = Duration::from_secs(10);
const POLL_TIMEOUT: Duration = Duration::from_secs(3600);

/// The minimum interval of polling, which protects the server from a busy loop.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The gRPC code of a cancelled operation.
const CANCELLED: i64 = 1;

/// An operation that generates a response. Awaiting it waits for the response.
///
/// The operation runs on the server. Dropping this handle only ends the waiting:
/// [`attach_deferred`](crate::models::Completions::attach_deferred) attaches to the operation again by its id, in this
/// process or another. [`cancel`](Self::cancel) ends the operation.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let model = sdk.models().completions("yandexgpt");
/// let operation = model.run_deferred("hello").await?;
/// let id = operation.id().to_owned();
/// println!("{}", operation.await?.text());
///
/// let again = model.attach_deferred(id);
/// assert!(again.status().await?.is_succeeded());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "await the operation for its response"]
pub struct Operation {
    client: Client,
    id: String,
    interval: Duration,
    limit: Duration,
}

impl Operation {
    pub(crate) fn new(client: Client, id: String) -> Self {
        Self { client, id, interval: POLL_INTERVAL, limit: POLL_TIMEOUT }
    }

    /// The id of the operation.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sets the interval of polling; 10 s by default, at least 100 ms.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(MIN_POLL_INTERVAL);
        self
    }

    /// Sets how long to wait for the response; an hour by default. The operation continues after that.
    pub fn poll_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The state of the operation. Sends one call.
    ///
    /// # Errors
    /// Any kind where the call fails. The failure of the operation is not an error here.
    pub async fn status(&self) -> Result<OperationState, Error> {
        self.send("").await.map(|(operation, _)| operation)
    }

    /// The response, or `None` while the operation runs. Sends one call.
    ///
    /// # Errors
    /// [`ErrorKind::Operation`] where the operation failed; any other kind where the call fails.
    pub async fn poll(&self) -> Result<Option<CompletionResponse>, Error> {
        let (operation, state) = self.send("").await?;
        if operation.is_running() {
            return Ok(None);
        }
        self.outcome(&operation).map(Some).map_err(|error| error.with_context(state.context()))
    }

    /// Waits for the response, and polls the server.
    ///
    /// # Errors
    /// [`ErrorKind::Operation`] where the operation failed, [`ErrorKind::Timeout`] where it takes longer than
    /// [`poll_timeout`](Self::poll_timeout); any other kind where a call fails.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future ends only the waiting.
    pub async fn wait(&self) -> Result<CompletionResponse, Error> {
        let mut limit = pin!(self.client.sleep(self.limit));
        let mut response = pin!(self.wait_without_limit());
        poll_fn(|context| {
            if let Poll::Ready(outcome) = response.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            limit.as_mut().poll(context).map(|()| Err(self.timed_out()))
        })
        .await
    }

    async fn wait_without_limit(&self) -> Result<CompletionResponse, Error> {
        loop {
            if let Some(response) = self.poll().await? {
                return Ok(response);
            }
            self.client.sleep(self.interval).await;
        }
    }

    /// Cancels the operation, and returns its state.
    ///
    /// # Errors
    /// Any kind where the call fails.
    pub async fn cancel(&self) -> Result<OperationState, Error> {
        // The method is GET: see `OperationService.Cancel` of Yandex Cloud's public API.
        self.send(":cancel").await.map(|(operation, _)| operation)
    }

    async fn send(&self, verb: &str) -> Result<(OperationState, CallState), Error> {
        let response = self.client.send_json(self.call(verb)?, self.client.timer(TIMEOUT)).await;
        response.map_err(with_own_help)
    }

    fn call(&self, verb: &str) -> Result<Call, Error> {
        let id = &self.id;
        let is_allowed =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '~');
        if id.is_empty() || !id.chars().all(is_allowed) || id.chars().all(|letter| letter == '.') {
            return Err(Error::new(ErrorKind::Invalid, format!("{id:?} is not the id of an operation"))
                .with_help("use the id that `Operation::id` returned"));
        }
        Ok(Call::get(Service::Operations, format!("/operations/{id}{verb}")))
    }

    /// The result of an operation that has ended.
    fn outcome(&self, state: &OperationState) -> Result<CompletionResponse, Error> {
        let id = &self.id;
        if state.is_failed() {
            let error = state.error.clone().unwrap_or_default();
            let reason = format!("the operation {id} failed with code {}: {}", error.code, error.message);
            return Err(Error::new(ErrorKind::Operation, reason).with_help(match error.code {
                CANCELLED => "the operation was cancelled: start another one if you still need the response",
                _ => "the server's message says why: correct the request, or start another operation later",
            }));
        }
        match &state.response {
            Some(response) => read_response(response).ok_or_else(|| {
                Error::new(
                    ErrorKind::Unreadable,
                    format!("the operation {id} ended without a completion response"),
                )
                .with_help("check the id: it may belong to an operation of another type")
            }),
            None => Err(Error::new(
                ErrorKind::Operation,
                format!("the operation {id} ended with neither a response nor an error"),
            )
            .with_help(
                "start another operation; if it happens again, report the id to Yandex Cloud support",
            )),
        }
    }

    fn timed_out(&self) -> Error {
        let (id, limit) = (&self.id, in_seconds(self.limit));
        Error::new(ErrorKind::Timeout, format!("the operation {id} did not end within {limit}")).with_help(
            "the operation continues on the server: attach to it by its id, with `attach_deferred`",
        )
    }
}

/// HTTP 404 here means an unknown operation, not an unknown model.
fn with_own_help(error: Error) -> Error {
    match error.status() {
        Some(StatusCode::NOT_FOUND) => error.with_help(
            "check the id of the operation, and the endpoint: only the endpoint that started the operation knows the id, and only for some time",
        ),
        _ => error,
    }
}

/// The completion response of an operation; `None` where `@type` names another message.
fn read_response(response: &Value) -> Option<CompletionResponse> {
    let kind = response.get("@type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.ends_with(".CompletionResponse")) {
        return None;
    }
    CompletionResponse::read(response.clone()).ok().map(|read| read.value)
}

impl IntoFuture for Operation {
    type Output = Result<CompletionResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.wait().await })
    }
}
