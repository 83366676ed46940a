//! Yandex AI Studio from Rust.

mod builder;
pub mod chat;
mod client;
mod error;
mod in_band;
mod lines;
mod model_uri;
pub mod models;
mod retry;
mod sdk;
mod sse;
mod wire;

pub use yandex_cloud_auth as auth;

pub use self::builder::AiStudioBuilder;
pub use self::error::{Error, ErrorKind};
pub use self::retry::RetryPolicy;
pub use self::sdk::AiStudio;

pub use self::chat::{Chat, IntoMessages, Message, ResponseFormat, Tool, ToolChoice};
pub use self::models::Models;
pub use self::wire::{Extra, Int64};
