//! An answer of a native model as it grows.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde_json::Value;

use crate::client::Incoming;
use crate::error::{Error, ErrorKind};
use crate::in_band::InBand;
use crate::lines::Objects;
use crate::models::answer::CompletionAnswer;

/// An answer of a native model as it grows: a [`Stream`] that also has a [`next`](Self::next) of its own.
///
/// Each item is all of the answer so far, not what is new in it. The stream ends after an answer that is final.
/// Everything else is an error, after which nothing comes: a cut, an error of the server's, something that cannot be
/// read or is larger than 16 MiB, more than 256 MiB in all. Nothing is ever asked for again. Dropping it ends the
/// connection.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let mut stream = sdk.models().completions("yandexgpt").run_stream("hello").await?;
/// while let Some(answer) = stream.next().await {
///     println!("{}", answer?.text());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "answers come as they are asked for"]
pub struct CompletionStream {
    incoming: Incoming,
    objects: Objects,
    answer: Option<CompletionAnswer>,
    over: bool,
    /// Why nothing more comes, where it is not that the answer is final.
    failure: Option<Error>,
}

impl CompletionStream {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self { incoming, objects: Objects::default(), answer: None, over: false, failure: None }
    }

    /// The answer as far as it has grown; `None` once it was final.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the stream was cut, [`ErrorKind::Timeout`] where the time of the call is over,
    /// [`ErrorKind::Unreadable`] where something else came or too much, and what the server tells inside of the stream.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next one goes on.
    pub async fn next(&mut self) -> Option<Result<CompletionAnswer, Error>> {
        std::future::poll_fn(|context| self.poll_answer(context)).await
    }

    /// Waits for the final answer.
    ///
    /// # Errors
    /// As [`next`](Self::next): a part of an answer is none.
    ///
    /// # Cancel safety
    /// Dropping the future ends the stream, and loses what has come.
    pub async fn finish(mut self) -> Result<CompletionAnswer, Error> {
        while let Some(answer) = self.next().await {
            answer?;
        }
        // It may have been told before, to somebody who did not listen.
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let last = self.answer.take();
        last.ok_or_else(|| self.incoming.error(ErrorKind::Unreadable, "the stream has no answer in it"))
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<CompletionAnswer, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let outcome = ready!(self.poll_outcome(context)).transpose();
        match &outcome {
            Some(Ok(answer)) => self.answer = Some(answer.clone()),
            Some(Err(error)) => {
                self.over = true;
                self.failure = Some(error.clone());
            }
            None => self.over = true,
        }
        Poll::Ready(outcome)
    }

    fn poll_outcome(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<CompletionAnswer>, Error>> {
        loop {
            match self.objects.next() {
                Some(Ok(object)) => return Poll::Ready(read(object, &self.incoming).map(Some)),
                Some(Err(broken)) => {
                    return Poll::Ready(Err(self.broken(broken.reason())));
                }
                None => {}
            }
            match ready!(self.incoming.poll_piece(context)) {
                Some(Ok(bytes)) => self.objects.push(&bytes),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(if self.is_complete() { Ok(None) } else { Err(self.cut()) }),
            }
        }
    }

    fn is_complete(&self) -> bool {
        !self.objects.is_inside() && self.answer.as_ref().is_some_and(CompletionAnswer::is_final)
    }

    fn broken(&self, reason: &str) -> Error {
        self.incoming
            .error(ErrorKind::Unreadable, reason)
            .with_help("something else than the service answers there, or the service has changed")
    }

    fn cut(&self) -> Error {
        self.incoming
            .error(ErrorKind::Unavailable, "the stream was cut before the end of the answer")
            .with_help("what came is a part of the answer; ask again for all of it")
    }
}

impl Stream for CompletionStream {
    type Item = Result<CompletionAnswer, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_answer(context)
    }
}

fn read(object: &[u8], incoming: &Incoming) -> Result<CompletionAnswer, Error> {
    let unreadable = |why: &str| {
        incoming.error(ErrorKind::Unreadable, format!("an object of the stream is not an answer: {why}"))
    };
    let value: Value = serde_json::from_slice(object).map_err(|error| unreadable(&error.to_string()))?;
    match InBand::read(value) {
        Some(InBand::Answer(answer)) => Ok(answer),
        Some(InBand::Error(kind, reason)) => Err(incoming.error(kind, reason)),
        None => Err(unreadable("it is not an object")),
    }
}
