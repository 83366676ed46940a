//! An answer of the chat as it comes, chunk by chunk.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde_json::Value;

use crate::chat::answer::{ChatAnswer, ChatChunk};
use crate::chat::assembly;
use crate::client::Incoming;
use crate::error::{Error, ErrorKind};
use crate::in_band::error_in;
use crate::sse::Events;
use crate::wire::Wire;

/// An answer of the chat, in chunks: a [`Stream`] that also has a [`next`](Self::next) of its own.
///
/// It ends where the server says that the answer is complete. Everything else is an error, after which nothing comes:
/// a cut, an error of the server's, an event that cannot be read or is larger than 16 MiB, more than 256 MiB in all.
/// Nothing is ever asked for again, so nothing comes twice. Dropping it ends the connection.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let mut stream = sdk.chat().completions("yandexgpt").run_stream("hello").await?;
/// while let Some(chunk) = stream.next().await {
///     print!("{}", chunk?.text());
/// }
/// println!(": {:?}", stream.answer().finish_reason());
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "chunks come as they are asked for"]
pub struct ChatStream {
    incoming: Incoming,
    events: Events,
    state: State,
    answer: ChatAnswer,
    /// Why nothing more comes, where it is not that the answer is complete.
    failure: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Coming,
    /// The bytes have ended; the end is still to be judged.
    Ended,
    Over,
}

impl ChatStream {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self {
            incoming,
            events: Events::default(),
            state: State::Coming,
            answer: ChatAnswer::default(),
            failure: None,
        }
    }

    /// The next chunk; `None` once the answer is complete.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the stream was cut, [`ErrorKind::Timeout`] where the time of the call is over,
    /// [`ErrorKind::Unreadable`] where something else came or too much, and what the server tells inside of the stream.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next one goes on.
    pub async fn next(&mut self) -> Option<Result<ChatChunk, Error>> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// The answer as far as it has come: all chunks so far, put together.
    #[must_use]
    pub fn answer(&self) -> &ChatAnswer {
        &self.answer
    }

    /// Waits for the rest, and puts all of it together, what was taken by [`next`](Self::next) too.
    ///
    /// # Errors
    /// As [`next`](Self::next): a part of an answer is none.
    ///
    /// # Cancel safety
    /// Dropping the future ends the stream, and loses what has come.
    pub async fn finish(mut self) -> Result<ChatAnswer, Error> {
        while let Some(chunk) = self.next().await {
            chunk?;
        }
        // It may have been told before, to somebody who did not listen.
        self.failure.map_or(Ok(self.answer), Err)
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<ChatChunk, Error>>> {
        if self.state == State::Over {
            return Poll::Ready(None);
        }
        let outcome = ready!(self.poll_outcome(context));
        match outcome {
            Ok(Some(chunk)) => {
                assembly::add(&mut self.answer, &chunk);
                Poll::Ready(Some(Ok(chunk)))
            }
            Ok(None) => {
                self.state = State::Over;
                // The last bytes of the body, so that the connection can be used again; they come with the event.
                let _ = self.incoming.poll_piece(context);
                Poll::Ready(None)
            }
            Err(error) => {
                self.state = State::Over;
                self.failure = Some(error.clone());
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn poll_outcome(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<ChatChunk>, Error>> {
        loop {
            let event = match self.state {
                State::Coming => self.events.next(),
                State::Ended | State::Over => self.events.end(),
            };
            match event {
                Some(Ok(data)) if data.trim_start().starts_with("[DONE]") => return Poll::Ready(Ok(None)),
                // Some servers send nothing now and then, to keep a connection alive.
                Some(Ok(data)) if data.trim().is_empty() => {}
                Some(Ok(data)) => return Poll::Ready(self.read(&data).map(Some)),
                Some(Err(broken)) => {
                    return Poll::Ready(Err(self.broken(broken.reason())));
                }
                None if self.state == State::Coming => match ready!(self.incoming.poll_piece(context)) {
                    Some(Ok(bytes)) => self.events.push(&bytes),
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => self.state = State::Ended,
                },
                None => {
                    return Poll::Ready(if self.is_complete() { Ok(None) } else { Err(self.incomplete()) });
                }
            }
        }
    }

    fn read(&self, data: &str) -> Result<ChatChunk, Error> {
        let value: Value = match serde_json::from_str(data) {
            Ok(value) => value,
            Err(_) if self.state == State::Ended => return Err(self.cut()),
            Err(error) => return Err(self.unreadable(&error.to_string())),
        };
        if let Some((kind, reason)) = error_in(&value) {
            return Err(self.incoming.error(kind, reason));
        }
        match ChatChunk::read(value) {
            Ok(chunk) => Ok(chunk.value),
            Err(_) => Err(self.unreadable("it is not an object")),
        }
    }

    /// Whether the server has told of everything it began how it ended.
    fn is_complete(&self) -> bool {
        let choices = &self.answer.choices;
        !choices.is_empty() && choices.iter().all(|choice| choice.finish_reason.is_some())
    }

    /// Why there is no complete answer: something else came, or it was cut.
    fn incomplete(&self) -> Error {
        let stray = self.events.stray();
        if stray.is_empty() || !self.answer.choices.is_empty() {
            return self.cut();
        }
        let value = serde_json::from_slice(stray).unwrap_or_default();
        let (kind, reason) = error_in(&value).unwrap_or_else(|| {
            let begin = String::from_utf8_lossy(stray.get(..100).unwrap_or(stray));
            (ErrorKind::Unreadable, format!("what came is not a stream of events: {begin}"))
        });
        self.incoming.error(kind, reason)
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

    fn unreadable(&self, why: &str) -> Error {
        self.incoming.error(ErrorKind::Unreadable, format!("an event of the stream is not a chunk: {why}"))
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatChunk, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(context)
    }
}
