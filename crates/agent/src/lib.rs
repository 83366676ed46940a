//! A process that serves fresh Yandex Cloud tokens to tools that cannot run a command for one.
//!
//! Such a tool takes an address, a socket, an OAuth client or a file. The agent has a listener for each: a metadata service,
//! Envoy's Secret Discovery Service, an OAuth 2 token endpoint, files that are replaced at each new token, and Secrets of
//! Kubernetes. `yc-auth serve` runs it.
//!
//! ```no_run
//! use yandex_cloud_auth::{Credentials, MetadataAuth};
//! use yandex_cloud_auth_agent::{Agent, Config};
//!
//! # async fn run() -> Result<(), yandex_cloud_auth::Error> {
//! let config = Config::parse(
//!     r#"
//!     [[identity]]
//!     name = "machine"
//!
//!     [[listen]]
//!     kind = "metadata"
//!     address = "127.0.0.1:8081"
//!     "#,
//! )?;
//! let agent = Agent::start(config, |_identity| Ok(Credentials::from(MetadataAuth::new()))).await?;
//! tokio::signal::ctrl_c().await.ok();
//! agent.drain().await;
//! # Ok(()) }
//! ```
//!
//! # How the parts depend on each other
//! `config` is plain data. `identity` renews the token of one identity. `metadata`, `oauth`, `gateway`, `sds` and `admin` are
//! services that answer requests; `keys` and `users` know their clients, and `log_limit` keeps clients from filling the log.
//! `token_file` writes a file, `kubernetes` a Secret. `server` accepts connections, and asks a service for each response.
//! `place` has what files and sockets have in common, and `socket_paths` tells whether clients find the sockets. `agent` starts all of them. `duty` says which of several agents renews
//! a token.

mod admin;
mod agent;
mod config;
mod duty;
mod facts;
#[doc(hidden)]
pub mod fuzz_internals;
mod gateway;
mod identity;
mod keys;
mod kubernetes;
mod log_limit;
mod metadata;
mod metrics;
mod oauth;
mod place;
mod sds;
mod secret_file;
mod server;
mod service;
mod socket_paths;
mod token_file;
mod users;

pub use agent::Agent;
pub use config::{
    Address, AdminConfig, Config, FileFormat, GatewayConfig, IdentityConfig, KeyConfig,
    KubernetesSecretConfig, Limits, ListenConfig, MetadataConfig, OauthConfig, ProbesConfig, SdsConfig,
    SecretConfig, SecretFormat, TlsConfig, TokenFileConfig, UpstreamConfig,
};
pub use server::Sockets;
