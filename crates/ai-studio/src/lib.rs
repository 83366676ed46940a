//! A client for Yandex AI Studio: chat, embeddings, responses and native models.
//!
//! One object, [`AiStudio`], takes the options of the Python SDK under the same names. [`yandex_cloud_auth`] authorises
//! the calls: it selects a method of authentication, keeps the token fresh, and sends it only to trusted hosts.
//!
//! ```
//! use yandex_ai_studio_sdk::AiStudio;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let (folder_id, api_key) = (cloud.folder_id(), cloud.api_key());
//! let sdk = AiStudio::builder()
//! #   .endpoint(cloud.api_url())
//!     .folder_id(folder_id) // "b1g…"
//!     .auth(api_key) // "AQVN…"
//!     .build()?;
//! let response = sdk.chat().completions("yandexgpt").temperature(0.3).run("hello").await?;
//! println!("{}", response.text());
//! # Ok(()) }
//! ```
//!
//! # The public interface
//! | item | purpose |
//! |---|---|
//! | [`AiStudio`], [`AiStudioBuilder`] | the client and its options |
//! | [`AiStudio::chat`]: [`Chat`], module [`chat`] | completions, embeddings and models of the OpenAI-compatible API |
//! | [`AiStudio::models`]: [`Models`], module [`models`] | completions, operations, tokenizer and embeddings of the native API |
//! | `AiStudio::responses`: `OpenAiClient`, `OpenAiConfig` (feature `responses`) | a ready `async-openai` client |
//! | `AiStudio::channel`: `Channel` (feature `grpc`) | an authorised `tonic` channel for your gRPC stubs |
//! | [`AiStudio::http`] | an authorised `reqwest` client for any other REST API |
//! | [`AiStudio::blocking`]: [`Blocking`], [`Iter`] | blocking calls, for code without an executor |
//! | [`Message`], [`IntoMessages`] | the input of a model |
//! | [`Tool`], [`ToolChoice`], [`ResponseFormat`] | functions and JSON responses |
//! | [`auth`], [`IntoAuth`] | the methods of authentication |
//! | [`RetryPolicy`], [`Verify`] | repeated calls; trusted certificate authorities |
//! | [`FolderReport`], [`FolderAttempt`] | where the folder was found |
//! | [`Error`], [`ErrorKind`] | the one error |
//! | [`Extra`], [`Int64`] | unknown fields, and 64-bit integers, of JSON messages |
//!
//! The SDK guarantees:
//! - A call has one deadline for everything: the token, all attempts, and the whole response.
//! - A stream is never repeated after its first byte.
//! - The `Authorization` header goes only to Yandex Cloud's hosts and to hosts that the code names, over TLS; and to a
//!   loopback host where the endpoint or the service map names one.
//! - An error says which call failed, why, and what to do next.
//!
//! # Authentication
//! Without [`auth`](AiStudioBuilder::auth) the SDK selects a method in the order of [`Automatic`](auth::Automatic):
//! variables, the metadata service, the yc CLI. `auth` takes a string, a method, or credentials that other clients
//! share; see [`IntoAuth`]. The first call selects the method and fetches a token; from then on the library keeps it
//! fresh.
//!
//! ```no_run
//! use yandex_ai_studio_sdk::AiStudio;
//! use yandex_ai_studio_sdk::auth::{Credentials, MetadataAuth};
//!
//! # async fn example() -> Result<(), yandex_ai_studio_sdk::Error> {
//! AiStudio::builder().auth("t1.…"); // an IAM token; `y0_…` is an OAuth token, `AQVN…` an API key
//! AiStudio::builder().auth(MetadataAuth::new());
//!
//! let credentials = Credentials::automatic();
//! let sdk = AiStudio::builder().auth(credentials.clone()).build()?;
//! sdk.chat().models().await?;
//! if let Some(report) = credentials.report() {
//!     println!("{report}"); // the sources, the selected method, and the reasons
//! }
//! # Ok(()) }
//! ```
//!
//! # The folder
//! A model belongs to a folder: [`folder_id`](AiStudioBuilder::folder_id), else `YC_FOLDER_ID`, else the folder of the
//! metadata service, else that of the yc profile. [`AiStudio::folder_report`] says where the SDK found the folder. A
//! model URI (`gpt://<folder>/yandexgpt/rc`) needs no folder.
//!
//! # Conversations
//! A call takes a text, `(role, text)`, a [`Message`], an earlier response, or a list of these; see [`IntoMessages`].
//!
//! ```
//! use yandex_ai_studio_sdk::Message;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let model = sdk.chat().completions("yandexgpt").max_tokens(500);
//! let response = model.run([("system", "reply in one word"), ("user", "what has a bill and lays eggs?")]).await?;
//! let more = model.run([Message::from(&response), Message::user("and where does it live?")]).await?;
//! assert!(more.text().ends_with("where does it live?")); // a parrot
//! # Ok(()) }
//! ```
//!
//! # Streams
//! A chunk of the chat has the new part of the response. [`response`](chat::ChatStream::response) returns the response
//! so far, and [`finish`](chat::ChatStream::finish) waits for the rest. Each item of a native stream is the whole
//! response so far, as in the Python SDK. Both types implement `futures::Stream`. A cut stream is an error, never a
//! short response.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let mut stream = sdk.chat().completions("yandexgpt").run_stream("hello").await?;
//! while let Some(chunk) = stream.next().await {
//!     print!("{}", chunk?.text());
//! }
//! println!(" ({:?})", stream.response().finish_reason());
//! # Ok(()) }
//! ```
//!
//! # Functions
//! The model returns a call of a function. The program runs the function and sends the result back.
//!
//! ```
//! use serde_json::json;
//! use yandex_ai_studio_sdk::{Message, Tool};
//!
//! #[derive(serde::Deserialize)]
//! struct Sum { numbers: Vec<i64> }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let schema = json!({
//!     "type": "object", "required": ["numbers"],
//!     "properties": { "numbers": { "type": "array", "items": { "type": "integer" } } },
//! });
//! let sum = Tool::function("sum").description("adds numbers").parameters(schema).strict(true);
//! let model = sdk.chat().completions("yandexgpt").tools([sum]);
//!
//! let mut conversation = vec![Message::user("what is the sum of 5 and 4?")];
//! let mut response = model.run(&conversation).await?;
//! while !response.tool_calls().is_empty() {
//!     conversation.push(Message::from(&response));
//!     for call in response.tool_calls() {
//!         let Sum { numbers } = call.parse()?;
//!         let result = numbers.iter().sum::<i64>().to_string();
//!         conversation.push(Message::tool_result(&call.id, result));
//!     }
//!     response = model.run(&conversation).await?;
//! }
//! assert!(response.text().ends_with("the tool said: 9"));
//! # Ok(()) }
//! ```
//!
//! # JSON responses
//! ```
//! use yandex_ai_studio_sdk::ResponseFormat;
//!
//! #[derive(serde::Deserialize)]
//! struct Animal { name: String }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let schema = serde_json::json!({
//!     "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } },
//! });
//! let format = ResponseFormat::json_schema("animal", schema).strict(true);
//! let model = sdk.chat().completions("yandexgpt").response_format(format);
//! let animal: Animal = model.run("which animal has a bill and lays eggs?").await?.parse()?;
//! println!("{}", animal.name);
//! # Ok(()) }
//! ```
//!
//! # Embeddings
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let doc = sdk.chat().text_embeddings("text-search-doc").run("a platypus lays eggs").await?;
//! let query = sdk.chat().text_embeddings("text-search-query").run("who lays eggs?").await?;
//! let likeness: f64 = doc.vector().iter().zip(query.vector()).map(|(a, b)| a * b).sum();
//! println!("{likeness}");
//! # Ok(()) }
//! ```
//!
//! # Operations
//! An operation generates the response on the server. Any process can fetch the response later by the id of the
//! operation.
//!
//! ```
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let model = sdk.models().completions("yandexgpt");
//! let operation = model.run_deferred("hello").await?;
//! let id = operation.id().to_owned(); // store the id
//!
//! let operation = model.attach_deferred(id).poll_interval(Duration::from_millis(100));
//! println!("{}", operation.wait().await?.text());
//! # Ok(()) }
//! ```
//!
//! # Responses
//! `AiStudio::responses` returns an `async_openai` client with the credentials, addresses and retry policy of the SDK:
//!
//! ```
//! # #[cfg(feature = "responses")] mod example {
//! use async_openai::types::responses::CreateResponseArgs;
//!
//! # #[tokio::main(flavor = "current_thread")] pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let model = format!("gpt://{}/yandexgpt/latest", sdk.folder_id().await?);
//! let request = CreateResponseArgs::default().model(model).input("hello").build()?;
//! let response = sdk.responses().await?.responses().create(request).await?;
//! println!("{:?}", response.output_text());
//! # Ok(()) } }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     #[cfg(feature = "responses")] example::main()?;
//! #     Ok(())
//! # }
//! ```
//!
//! # Blocking calls
//! [`AiStudio::blocking`] waits for any call, and iterates over any stream, on the calling thread:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start_in_thread()?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let blocking = sdk.blocking()?;
//! let model = sdk.chat().completions("yandexgpt");
//! println!("{}", blocking.wait(model.run("hello"))?.text());
//! for chunk in blocking.iter(blocking.wait(model.run_stream("hello"))?) {
//!     print!("{}", chunk?.text());
//! }
//! # Ok(()) }
//! ```
//!
//! # Errors
//! There is one [`Error`]. [`kind`](Error::kind) is for programs. The text is one line with the call, the message of
//! the server, and the ids that support asks for. [`help`](Error::help) says what to do next.
//!
//! ```
//! use yandex_ai_studio_sdk::ErrorKind;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth("AQVN-fake-and-unknown").build()?;
//! let error = sdk.chat().completions("yandexgpt").run("hello").await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Refused);
//! assert_eq!(error.status().unwrap(), 401);
//! eprintln!("{error}");
//! eprintln!("{}", error.help().unwrap_or_default());
//! # Ok(()) }
//! ```
//!
//! The [`RetryPolicy`] repeats a call after 429, 502, 503 and a lost connection: at most five attempts, within the
//! deadline of the call. The deadline is 180 s for a call that generates text and 60 s otherwise; `timeout` of a model
//! changes it. It covers everything: the token, the address, all attempts, and a stream to its end.
//!
//! ```
//! use std::time::Duration;
//! use yandex_ai_studio_sdk::{AiStudio, RetryPolicy};
//!
//! # fn main() -> Result<(), yandex_ai_studio_sdk::Error> {
//! let sdk = AiStudio::builder().auth("AQVN-fake").retry_policy(RetryPolicy::new().max_attempts(3)).build()?;
//! let model = sdk.chat().completions("yandexgpt").timeout(Duration::from_secs(20));
//! # let _ = model;
//! # Ok(()) }
//! ```
//!
//! A call may be dropped at any time, by `tokio::time::timeout` or `select!`: the SDK stays usable, and a token fetch
//! continues for the other calls. The server may still process the request, and bill it.
//!
//! The SDK logs to [`tracing`](https://docs.rs/tracing) and prints nothing.
//!
//! # Calls without a method of their own
//! - For a new parameter use [`extra_query`](chat::ChatCompletions::extra_query).
//! - For a request of your own use [`Chat::send`], [`Models::completion`] and their siblings. Fields that this version
//!   does not know are in `extra` of requests and responses; no field is lost.
//! - For another REST API use [`AiStudio::http`], for another gRPC service `AiStudio::channel`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let model = sdk.chat().completions("yandexgpt").extra_query(serde_json::json!({ "top_k": 3 }));
//! let response = model.run("hello").await?;
//! assert!(response.extra.is_empty()); // the response has no unknown field
//!
//! # let url = format!("{}/v1/models", cloud.api_url());
//! let http = sdk.http().await?;
//! let models = http.send(http.get_ref().get(url)).await?; // any URL of Yandex Cloud
//! assert!(models.status().is_success());
//! # Ok(()) }
//! ```
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | `grpc`, on by default | `AiStudio::channel`, with `tonic` |
//! | `responses`, on by default | `AiStudio::responses`, with `async-openai` |

mod auth_option;
mod blocking;
mod builder;
#[cfg(feature = "grpc")]
mod channel;
pub mod chat;
mod client;
mod envelope;
mod error;
mod folder;
mod messages;
mod model_uri;
pub mod models;
#[cfg(feature = "responses")]
mod responses;
mod retry;
mod sdk;
mod services;
mod stream;
mod types;
mod verify;
mod wire;

/// The crate of the methods of authentication. In the Python SDK, too, they are in the module `auth`.
pub use yandex_cloud_auth as auth;

pub use self::auth_option::IntoAuth;
pub use self::blocking::{Blocking, Iter};
pub use self::builder::AiStudioBuilder;
#[cfg(feature = "grpc")]
pub use self::channel::Channel;
pub use self::error::{Error, ErrorKind};
pub use self::folder::{FolderAttempt, FolderReport};
#[cfg(feature = "responses")]
pub use self::responses::{OpenAiClient, OpenAiConfig};
pub use self::retry::RetryPolicy;
pub use self::sdk::AiStudio;
pub use self::verify::Verify;

pub use self::chat::Chat;
pub use self::messages::{IntoMessages, Message};
pub use self::models::Models;
pub use self::types::tools::{ResponseFormat, Tool, ToolChoice};
pub use self::wire::{Extra, Int64};
