//! Replays recorded traffic of the real service, so that a client is tested against real responses.
//!
//! The Python SDK's tests keep two kinds of recordings. A [`Recording`] is read from either:
//!
//! | file | content |
//! |---|---|
//! | `*.yaml`, `*.yml` | HTTP requests and responses, as vcrpy writes them |
//! | `*.json` | gRPC messages as proto3 JSON; each call is converted to the REST call that it maps to |
//!
//! A [`ReplayServer`] listens on loopback. It expects the recorded requests in the recorded order, and sends the
//! recorded responses in chunks of random sizes. [`ReplayServer::finish`] reports every difference from the recording.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use yandex_cloud_replay::{Recording, ReplayServer};
//!
//! let recording = r#"{"interactions": [{
//!     "request": {"cls": "TokenizeRequest", "message": {"modelUri": "gpt://b1g/yandexgpt/latest", "text": "hi"}},
//!     "response": {"cls": "TokenizeResponse", "message": {"tokens": [{"id": "1", "text": "<s>"}]}}
//! }]}"#;
//! let recording = Recording::from_json("tokenize", recording)?;
//! let server = ReplayServer::start(&recording, 42).await?;
//! // A test points its client at `server.url()` and sends the recorded requests. This example sends none:
//! let error = server.finish().unwrap_err();
//! assert!(error.to_string().contains("POST /foundationModels/v1/tokenize was not sent"));
//! # Ok(()) }
//! ```
//!
//! # What the server compares
//! - the method, the path and the query;
//! - the body, as a JSON value if the recorded body is JSON;
//! - the content type, and the headers that change the meaning of a request, if they were recorded.
//!
//! The server ignores the host, because one server stands for all services. It ignores credentials, because
//! recordings contain none.
//!
//! # What the server changes in a response
//! - In responses of endpoint discovery, every address becomes the address of this server. The client's next request
//!   then comes to this server.
//! - Headers that describe the recorded connection are removed.
//!
//! # The public interface
//! - [`Recording`], [`RecordingError`]: a recording and why a file cannot be read as one.
//! - [`Interaction`], [`Request`], [`Response`], [`BodyKind`]: the content of a recording.
//! - [`ReplayServer`], [`ReplayError`]: the server and the differences that it found.

mod chunks;
mod differences;
mod grpc_json;
mod interaction;
mod recording;
mod server;
mod vcrpy;
mod yaml;

pub use interaction::{BodyKind, Interaction, Request, Response};
pub use recording::{Recording, RecordingError};
pub use server::{ReplayError, ReplayServer};
