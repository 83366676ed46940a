//! The behaviour of the library through its public interface: one module a behaviour.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod support;

mod architecture;
mod async_openai;
mod bare_strings;
mod clock_difference;
mod destinations;
mod endpoints;
mod env_iam_token;
mod errors;
mod examples;
#[cfg(unix)]
mod files;
mod functions;
mod given_values;
mod hyper;
mod identity;
mod impersonation;
mod invalidation;
mod key_files;
mod lifetimes;
mod logs;
mod machines;
mod metadata;
mod oauth;
mod pasted_secrets;
mod patience;
mod pinned_method;
mod pipes;
mod processes;
mod profile;
mod ready_path;
mod recognized_values;
mod reentrance;
mod refresh;
mod reports;
mod reqwest;
mod revocation;
mod revoke;
mod secrets;
mod selection;
mod selection_options;
mod service_account_key;
mod single_flight;
mod token_file;
mod tokens;
mod tonic;
mod tower;
mod transport;
mod troubleshooting;
mod unusable_keys;
mod value_files;
mod waiting;
mod workload_identity;
mod yc;
