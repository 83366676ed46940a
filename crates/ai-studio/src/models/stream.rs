//! A streamed response of a native model.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde_json::Value;

use crate::client::BodyStream;
use crate::envelope::Envelope;
use crate::error::{Error, ErrorKind};
use crate::stream::json_objects::JsonObjects;
use crate::stream::{Decoder, Frame, ItemStream, cut};
use crate::types::native::CompletionResponse;

/// A streamed response of a native model. It is a [`Stream`], and has a [`next`](Self::next) of its own.
///
/// Each item is the whole response so far, not only its new part. The stream ends after a final response. Every other
/// end is an error: a cut connection, an error of the server, an object that cannot be read or is larger than 16 MiB,
/// or more than 256 MiB in all. No item follows an error. The SDK never repeats the request of a stream. Dropping the
/// stream closes the connection.
///
/// ```no_run
/// # use yandex_ai_studio_sdk::{AiStudio, Error};
/// # async fn example(sdk: AiStudio) -> Result<(), Error> {
/// let mut stream = sdk.models().completions("yandexgpt").run_stream("hello").await?;
/// while let Some(response) = stream.next().await {
///     println!("{}", response?.text());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a stream reads items only when polled"]
pub struct CompletionStream(ItemStream<CompletionDecoder>);

impl CompletionStream {
    pub(crate) fn new(body: BodyStream) -> Self {
        Self(ItemStream::new(body))
    }

    /// The response so far; `None` after the final response.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the stream was cut, [`ErrorKind::Timeout`] where the deadline of the call
    /// passed, [`ErrorKind::Unreadable`] where the body is not a stream of responses or is too large, and the error
    /// that the server sends inside the stream.
    ///
    /// # Cancel safety
    /// Cancel safe: the next call continues.
    pub async fn next(&mut self) -> Option<Result<CompletionResponse, Error>> {
        self.0.next().await
    }

    /// Waits for the final response.
    ///
    /// # Errors
    /// As [`next`](Self::next). A partial response is always an error.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream and loses the received items.
    pub async fn finish(self) -> Result<CompletionResponse, Error> {
        self.0.finish().await
    }
}

impl Stream for CompletionStream {
    type Item = Result<CompletionResponse, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_next(context)
    }
}

/// Decodes responses, and keeps the last one.
#[derive(Debug, Default)]
struct CompletionDecoder {
    objects: JsonObjects,
    last: Option<CompletionResponse>,
}

impl Decoder for CompletionDecoder {
    type Item = CompletionResponse;
    type Response = CompletionResponse;

    fn push(&mut self, bytes: &[u8]) {
        self.objects.push(bytes);
    }

    fn next(&mut self, _ended: bool) -> Option<Result<Frame<CompletionResponse>, Error>> {
        let response = match self.objects.next()? {
            Ok(object) => read(object),
            Err(error) => Err(error.into()),
        };
        if let Ok(response) = &response {
            self.last = Some(response.clone());
        }
        Some(response.map(Frame::Item))
    }

    fn check_end(&self) -> Result<(), Error> {
        let is_final = self.last.as_ref().is_some_and(CompletionResponse::is_final);
        if is_final && !self.objects.is_inside() { Ok(()) } else { Err(cut()) }
    }

    fn into_response(self) -> Result<CompletionResponse, Error> {
        self.last.ok_or_else(|| Error::new(ErrorKind::Unreadable, "the stream contains no response"))
    }
}

fn read(object: &[u8]) -> Result<CompletionResponse, Error> {
    let unreadable = |why: &str| {
        Error::new(ErrorKind::Unreadable, format!("an object of the stream is not a response: {why}"))
    };
    let value: Value = serde_json::from_slice(object).map_err(|error| unreadable(&error.to_string()))?;
    Envelope::read(value).ok_or_else(|| unreadable("it is not an object"))?.into_result()
}
