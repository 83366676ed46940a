//! Yandex AI Studio from Rust.
//!
//! One object, [`AiStudio`], takes the options of the Python SDK under the same names, and calls AI Studio with the
//! credentials of [`yandex_cloud_auth`]: chosen by what the machine offers or given, kept fresh, and sent nowhere
//! but where they belong.
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
//! let answer = sdk.chat().completions("yandexgpt").temperature(0.3).run("hello").await?;
//! println!("{}", answer.text());
//! # Ok(()) }
//! ```
//!
//! | what | how |
//! |---|---|
//! | [`AiStudio::chat`] | completions, embeddings, models: the OpenAI-compatible API |
//! | [`AiStudio::models`] | completions, operations, tokenizer, embeddings: the native API |
//! | [`AiStudio::http`] | an authorised `reqwest` client for any other REST API |
//! | `AiStudio::channel` (feature `grpc`) | an authorised `tonic` channel for gRPC stubs of your own |
//! | `AiStudio::responses` (feature `responses`) | a ready `async-openai` client |
//! | [`AiStudio::blocking`] | all of it for code without an executor |
//!
//! What holds, whatever happens: a call has one deadline, over the token, all attempts and the answer; a stream never
//! begins again; the header goes to Yandex Cloud's hosts and those that were named in code, over TLS, and to this
//! machine where it was named; an error says which call it was, why, and what to do.
//!
//! # Who calls
//! Without [`auth`](AiStudioBuilder::auth) it is whom the machine offers: a variable, the metadata service, the yc CLI, in
//! the order of [`Automatic`](auth::Automatic). With it, a string, a method, or credentials that other clients share; see
//! [`IntoAuth`]. Nothing is looked at before the first call, and tokens are kept fresh from there on.
//!
//! ```no_run
//! use yandex_ai_studio_sdk::AiStudio;
//! use yandex_ai_studio_sdk::auth::{Credentials, MetadataAuth};
//!
//! # async fn example() -> Result<(), yandex_ai_studio_sdk::Error> {
//! AiStudio::builder().auth("t1.…"); // an IAM token; `y0_…`: an OAuth token; anything else: an API key
//! AiStudio::builder().auth(MetadataAuth::new());
//!
//! let credentials = Credentials::automatic();
//! let sdk = AiStudio::builder().auth(credentials.clone()).build()?;
//! sdk.chat().models().await?;
//! if let Some(report) = credentials.report() {
//!     println!("{report}"); // what was looked at, what was taken, and why
//! }
//! # Ok(()) }
//! ```
//!
//! # Which folder
//! Models belong to a folder: [`folder_id`](AiStudioBuilder::folder_id), else `YC_FOLDER_ID`, else the machine's, else the
//! yc profile's. [`AiStudio::folder_report`] says where it was found. A model by its whole URI
//! (`gpt://<folder>/yandexgpt/rc`) needs none.
//!
//! # A conversation
//! A call takes a text, `(role, text)`, a [`Message`], an earlier answer, or a list of them; see [`IntoMessages`].
//!
//! ```
//! use yandex_ai_studio_sdk::Message;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let model = sdk.chat().completions("yandexgpt").max_tokens(500);
//! let answer = model.run([("system", "answer in one word"), ("user", "what has a bill and lays eggs?")]).await?;
//! let more = model.run([Message::from(&answer), Message::user("and where does it live?")]).await?;
//! assert!(more.text().ends_with("where does it live?")); // a parrot
//! # Ok(()) }
//! ```
//!
//! # As it is written
//! A chunk of the chat is what is new; [`answer`](chat::ChatStream::answer) is all of it so far, and
//! [`finish`](chat::ChatStream::finish) waits for the rest. A native stream gives the whole answer so far each time, as the
//! Python SDK does. Both are `futures` streams too. A stream that is cut is an error, never a short answer.
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
//! println!(" ({:?})", stream.answer().finish_reason());
//! # Ok(()) }
//! ```
//!
//! # Functions
//! The model says which function it wants called; the program calls it, and answers with the result.
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
//! let sum = Tool::function("sum").description("adds numbers up").parameters(schema).strict(true);
//! let model = sdk.chat().completions("yandexgpt").tools([sum]);
//!
//! let mut conversation = vec![Message::user("what is the sum of 5 and 4?")];
//! let mut answer = model.run(&conversation).await?;
//! while !answer.tool_calls().is_empty() {
//!     conversation.push(Message::from(&answer));
//!     for call in answer.tool_calls() {
//!         let Sum { numbers } = call.parse()?;
//!         let result = numbers.iter().sum::<i64>().to_string();
//!         conversation.push(Message::tool_result(&call.id, result));
//!     }
//!     answer = model.run(&conversation).await?;
//! }
//! assert!(answer.text().ends_with("the tool said: 9"));
//! # Ok(()) }
//! ```
//!
//! # Answers in JSON
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
//! # Vectors
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
//! # Later
//! An answer that is not awaited now is fetched when it is there. The operation runs at the server: its id is all that
//! another process needs.
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
//! let id = operation.id().to_owned(); // to be kept
//!
//! let operation = model.attach_deferred(id).poll_interval(Duration::from_millis(100));
//! println!("{}", operation.wait().await?.text());
//! # Ok(()) }
//! ```
//!
//! # Responses
//! `AiStudio::responses` gives an `async_openai` client with the credentials, addresses and retries of the SDK:
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
//! # Without an executor
//! [`AiStudio::blocking`] waits for any call, and iterates over any stream, in the thread that asks:
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
//! # When it goes wrong
//! There is one [`Error`]. Its [`kind`](Error::kind) is for programs, its text is one line with the call, the server's own
//! words and the ids that support asks for, and [`help`](Error::help) says what to do next.
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
//! Calls are made again by the [`RetryPolicy`]: after 429, 502, 503 and lost connections, five times at the most, and only
//! as long as there is time. A call has 180 s where a model writes, 60 s elsewhere, and `timeout` of a model sets another
//! limit. It covers everything: the token, the address, all attempts, and a stream to its end.
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
//! A call may be dropped at any time, by `tokio::time::timeout` or `select!`: nothing of the SDK is left half done, and a
//! token that is being fetched still comes to others. The server may have begun, and may count what it did.
//!
//! What the SDK does is told to [`tracing`](https://docs.rs/tracing); it prints nothing by itself.
//!
//! # What has no method here
//! A parameter that is new: [`extra_query`](chat::ChatCompletions::extra_query). A whole request of your own:
//! [`Chat::send`], [`Models::completion`] and their siblings; what this version does not know stands in `extra` of requests
//! and answers, and is never lost. Another REST API: [`AiStudio::http`]. Another gRPC service: `AiStudio::channel`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
//! #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
//! let model = sdk.chat().completions("yandexgpt").extra_query(serde_json::json!({ "top_k": 3 }));
//! let answer = model.run("hello").await?;
//! assert!(answer.extra.is_empty()); // nothing came that is not known
//!
//! # let url = format!("{}/v1/models", cloud.api_url());
//! let http = sdk.http().await?;
//! let models = http.send(http.get_ref().get(url)).await?; // any URL of Yandex Cloud's
//! assert!(models.status().is_success());
//! # Ok(()) }
//! ```
//!
//! # Features
//! | feature | what it brings |
//! |---|---|
//! | `grpc`, on by default | `AiStudio::channel`, by `tonic` |
//! | `responses`, on by default | `AiStudio::responses`, by `async-openai` |

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
mod shared;
mod stream;
mod types;
mod verify;
mod wire;

/// The auth crate: `auth::ApiKeyAuth` is where a reader of the Python reference looks for it.
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
