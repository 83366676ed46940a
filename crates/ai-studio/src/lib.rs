//! Yandex AI Studio from Rust.
//!
//! One object, [`AiStudio`], takes the options of the Python SDK under the same names, and calls AI Studio with the
//! credentials of [`yandex_cloud_auth`](auth): chosen by what the machine offers or given, kept fresh, and sent nowhere
//! but where they belong.
//!
//! ```no_run
//! use yandex_ai_studio_sdk::AiStudio;
//!
//! # async fn example() -> Result<(), yandex_ai_studio_sdk::Error> {
//! let sdk = AiStudio::builder().folder_id("b1g…").auth("AQVN…").build()?;
//! # let _ = sdk;
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

mod auth_option;
mod blocking;
mod builder;
#[cfg(feature = "grpc")]
mod channel;
pub mod chat;
mod client;
mod error;
mod folder;
mod in_band;
mod lines;
mod model_uri;
pub mod models;
#[cfg(feature = "responses")]
mod responses;
mod retry;
mod sdk;
mod services;
mod shared;
mod sse;
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

pub use self::chat::{Chat, IntoMessages, Message, ResponseFormat, Tool, ToolChoice};
pub use self::models::Models;
pub use self::wire::{Extra, Int64};
