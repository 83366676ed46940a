//! A streamed response of the chat, chunk by chunk.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde_json::Value;

use crate::client::BodyStream;
use crate::envelope::error_in;
use crate::error::{Error, ErrorKind};
use crate::stream::sse::Events;
use crate::stream::{Decoder, Frame, ItemStream, cut};
use crate::types::chat::{ChatChunk, ChatResponse};
use crate::wire::Wire;

/// A response of the chat in chunks. It is a [`Stream`], and has a [`next`](Self::next) of its own.
///
/// The stream ends where the service says that the response is complete. Every other end is an error: a cut connection,
/// an error of the server, an event that cannot be read or is larger than 16 MiB, or more than 256 MiB in all. No chunk
/// follows an error. The SDK never repeats the request of a stream, so no chunk arrives twice. Dropping the stream
/// closes the connection.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let mut stream = sdk.chat().completions("yandexgpt").run_stream("hello").await?;
/// while let Some(chunk) = stream.next().await {
///     print!("{}", chunk?.text());
/// }
/// println!(": {:?}", stream.response().finish_reason());
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a stream reads chunks only when polled"]
pub struct ChatStream(ItemStream<ChatDecoder>);

impl ChatStream {
    pub(crate) fn new(body: BodyStream) -> Self {
        Self(ItemStream::new(body))
    }

    /// The next chunk; `None` after the end of the response.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the stream was cut, [`ErrorKind::Timeout`] where the deadline of the call
    /// passed, [`ErrorKind::Unreadable`] where the body is not a stream of chunks or is too large, and the error that
    /// the server sends inside the stream.
    ///
    /// # Cancel safety
    /// Cancel safe: the next call continues.
    pub async fn next(&mut self) -> Option<Result<ChatChunk, Error>> {
        self.0.next().await
    }

    /// The response so far, assembled from all received chunks.
    #[must_use]
    pub fn response(&self) -> &ChatResponse {
        &self.0.decoder().response
    }

    /// Waits for the remaining chunks, and returns the whole response. It includes the chunks of earlier calls of
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// As [`next`](Self::next). A partial response is always an error.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream and loses the received chunks.
    pub async fn finish(self) -> Result<ChatResponse, Error> {
        self.0.finish().await
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatChunk, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_next(context)
    }
}

/// Decodes chunks, and assembles the response.
#[derive(Debug, Default)]
struct ChatDecoder {
    events: Events,
    response: ChatResponse,
}

impl Decoder for ChatDecoder {
    type Item = ChatChunk;
    type Response = ChatResponse;

    fn push(&mut self, bytes: &[u8]) {
        self.events.push(bytes);
    }

    fn next(&mut self, ended: bool) -> Option<Result<Frame<ChatChunk>, Error>> {
        loop {
            let data = match if ended { self.events.end()? } else { self.events.next()? } {
                Ok(data) => data,
                Err(error) => return Some(Err(error.into())),
            };
            if data.trim_start().starts_with("[DONE]") {
                return Some(Ok(Frame::End));
            }
            // Some servers send empty events to keep the connection alive.
            if !data.trim().is_empty() {
                return Some(self.chunk(&data, ended).map(Frame::Item));
            }
        }
    }

    /// Some servers omit `[DONE]`; then the response is complete when every choice has a finish reason.
    fn check_end(&self) -> Result<(), Error> {
        let choices = &self.response.choices;
        if !choices.is_empty() && choices.iter().all(|choice| choice.finish_reason.is_some()) {
            return Ok(());
        }
        let stray = self.events.stray();
        if stray.is_empty() || !choices.is_empty() {
            return Err(cut());
        }
        let value = serde_json::from_slice(stray).unwrap_or_default();
        let (kind, reason) = error_in(&value).unwrap_or_else(|| {
            let start = String::from_utf8_lossy(stray.get(..100).unwrap_or(stray));
            (ErrorKind::Unreadable, format!("the response is not a stream of events: {start}"))
        });
        Err(Error::new(kind, reason))
    }

    fn into_response(self) -> Result<ChatResponse, Error> {
        Ok(self.response)
    }
}

impl ChatDecoder {
    fn chunk(&mut self, data: &str, ended: bool) -> Result<ChatChunk, Error> {
        let unreadable = |why: &str| {
            Error::new(ErrorKind::Unreadable, format!("an event of the stream is not a chunk: {why}"))
        };
        let value: Value = match serde_json::from_str(data) {
            Ok(value) => value,
            // The last event of a body may be a part of an event.
            Err(_) if ended => return Err(cut()),
            Err(error) => return Err(unreadable(&error.to_string())),
        };
        if let Some((kind, reason)) = error_in(&value) {
            return Err(Error::new(kind, reason));
        }
        let chunk = ChatChunk::read(value).map_err(|_| unreadable("it is not an object"))?.value;
        self.response.add_chunk(&chunk);
        Ok(chunk)
    }
}
