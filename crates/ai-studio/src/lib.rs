//! Yandex AI Studio from Rust.

mod builder;
mod chat;
mod client;
mod error;
mod model_uri;
mod models;
mod retry;
mod sdk;

pub use yandex_cloud_auth as auth;

pub use self::builder::AiStudioBuilder;
pub use self::error::{Error, ErrorKind};
pub use self::retry::RetryPolicy;
pub use self::sdk::AiStudio;

pub use self::chat::Chat;
pub use self::models::Models;
