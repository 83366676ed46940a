//! An operation at the server: a call whose answer is fetched later.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::client::{Call, Client, Service, TIMEOUT};
use crate::error::{Error, ErrorKind};
use crate::models::answer::{CompletionAnswer, OperationState};
use crate::wire::Wire;

/// How often to ask, and for how long: the Python SDK's.
const INTERVAL: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(3600);

/// The code of gRPC for what was cancelled.
const CANCELLED: i64 = 1;

/// The server is not asked more often than this, whatever the interval.
const LEAST: Duration = Duration::from_millis(100);

/// An operation that ends in an answer. Awaiting it waits for the answer.
///
/// It runs at the server, whatever becomes of this handle: dropping it only ends the waiting, and
/// [`attach_deferred`](crate::models::Completions::attach_deferred) takes it up again by its id, in this process or
/// another. [`cancel`](Self::cancel) is what ends it.
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
#[must_use = "awaiting it gives the answer"]
pub struct Operation {
    client: Client,
    id: String,
    interval: Duration,
    limit: Duration,
}

impl Operation {
    pub(crate) fn new(client: Client, id: String) -> Self {
        Self { client, id, interval: INTERVAL, limit: LIMIT }
    }

    /// Its id, by which it can be taken up again.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How long to wait between two questions; 10 s unless it is said, and 100 ms at the least.
    pub fn poll_interval(mut self, span: Duration) -> Self {
        self.interval = span.max(LEAST);
        self
    }

    /// How long to wait for the answer; an hour unless it is said. The operation goes on after that.
    pub fn poll_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// How far it is: asks once.
    ///
    /// # Errors
    /// As the call goes; that the operation failed is no error here.
    pub async fn status(&self) -> Result<OperationState, Error> {
        let answer = self.client.ask(self.call("")?, self.client.deadline(TIMEOUT)).await;
        answer.map_err(unknown)
    }

    /// The answer where there is one by now, `None` where it still runs: asks once.
    ///
    /// # Errors
    /// [`ErrorKind::Operation`] where it failed; else as the call goes.
    pub async fn poll(&self) -> Result<Option<CompletionAnswer>, Error> {
        let answer = self.client.ask_in_context(self.call("")?, self.client.deadline(TIMEOUT)).await;
        let (state, journey): (OperationState, _) = answer.map_err(unknown)?;
        if state.is_running() {
            return Ok(None);
        }
        self.outcome(&state).map(Some).map_err(|error| error.with_context(journey.context()))
    }

    /// Waits for the answer, asking from time to time.
    ///
    /// # Errors
    /// [`ErrorKind::Operation`] where it failed, [`ErrorKind::Timeout`] where it takes longer than
    /// [`poll_timeout`](Self::poll_timeout); else as a call goes.
    ///
    /// # Cancel safety
    /// Dropping the future ends the waiting alone.
    pub async fn wait(&self) -> Result<CompletionAnswer, Error> {
        let mut limit = pin!(self.client.sleep(self.limit));
        let mut answer = pin!(self.wait_for_ever());
        poll_fn(|context| {
            if let Poll::Ready(outcome) = answer.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            limit.as_mut().poll(context).map(|()| Err(self.took_too_long()))
        })
        .await
    }

    async fn wait_for_ever(&self) -> Result<CompletionAnswer, Error> {
        loop {
            if let Some(answer) = self.poll().await? {
                return Ok(answer);
            }
            self.client.sleep(self.interval).await;
        }
    }

    /// Asks the server to end it, and tells how far it is.
    ///
    /// # Errors
    /// As the call goes.
    pub async fn cancel(&self) -> Result<OperationState, Error> {
        // A GET it is: see `OperationService.Cancel` of Yandex Cloud's public API.
        let answer = self.client.ask(self.call(":cancel")?, self.client.deadline(TIMEOUT)).await;
        answer.map_err(unknown)
    }

    fn call(&self, verb: &str) -> Result<Call, Error> {
        let id = &self.id;
        let is_fit = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '~');
        if id.is_empty() || !id.chars().all(is_fit) || id.chars().all(|letter| letter == '.') {
            return Err(Error::new(ErrorKind::Invalid, format!("{id:?} is not the id of an operation"))
                .with_help("`Operation::id` tells the id of one that was begun"));
        }
        Ok(Call::get(Service::Operations, format!("/operations/{id}{verb}")))
    }

    /// What came of an operation that ended.
    fn outcome(&self, state: &OperationState) -> Result<CompletionAnswer, Error> {
        let id = &self.id;
        if state.is_failed() {
            let error = state.error.clone().unwrap_or_default();
            let reason = format!("the operation {id} failed with code {}: {}", error.code, error.message);
            return Err(Error::new(ErrorKind::Operation, reason).with_help(match error.code {
                CANCELLED => "it was cancelled: begin another where the answer is still wanted",
                _ => "the server's words say why: mend what they name, or begin another later",
            }));
        }
        match &state.response {
            Some(response) => answer_in(response).ok_or_else(|| {
                Error::new(
                    ErrorKind::Unreadable,
                    format!("the operation {id} ended in something else than an answer"),
                )
                .with_help("look at the id: it may be that of an operation of another kind")
            }),
            None => Err(Error::new(
                ErrorKind::Operation,
                format!("the operation {id} ended with neither an answer nor an error"),
            )
            .with_help("begin another; where it happens again, tell Yandex Cloud's support the id")),
        }
    }

    fn took_too_long(&self) -> Error {
        let (id, limit) = (&self.id, self.limit.as_secs_f64());
        Error::new(ErrorKind::Timeout, format!("the operation {id} has not ended in {limit} s"))
            .with_help("it goes on at the server: take it up again by its id, with `attach_deferred`")
    }
}

/// What 404 means is another thing here than where a model is asked.
fn unknown(error: Error) -> Error {
    match error.status() {
        Some(StatusCode::NOT_FOUND) => error.with_help(
            "look at the id of the operation, and at the endpoint: it is known where it was begun, and not for ever",
        ),
        _ => error,
    }
}

/// An answer, and not some other message: an operation's response tells its type.
fn answer_in(response: &Value) -> Option<CompletionAnswer> {
    let kind = response.get("@type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.ends_with(".CompletionResponse")) {
        return None;
    }
    CompletionAnswer::read(response.clone()).ok().map(|read| read.value)
}

impl IntoFuture for Operation {
    type Output = Result<CompletionAnswer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.wait().await })
    }
}
