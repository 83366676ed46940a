//! Helpers that the tests of several crates share. A helper hides preparation, never an assertion.
//!
//! - [`http_client`]: a client that sends a request and returns the response without changes.
//! - [`http_server`]: a server that sends scripted replies and records every request.
//! - [`raw_server`]: a server that passes each connection to the test; TLS; a proxy that accepts everything.
//! - [`proxy`]: proxies of every kind, which can require credentials and refuse.
//! - [`token_source`]: a token source that a test controls.
//! - [`system`]: systems without variables, files, programs and network.
//! - [`log`]: a log that a test can read.
//! - [`wait`]: waiting with a limit.
//! - [`folder_graph`]: which top-level module of a crate uses which.
//! - [`source_files`]: the source files of a crate.
//! - [`file_lengths`]: the source files of the repository that are too long.
//! - [`examples`], [`own_process`]: running the examples of a crate, and a test in its own process.
//! - `forked`: running a part of a test in a child that a fork made.
//! - `users`: other users of the machine.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "so a test fails")]

pub mod examples;
pub mod file_lengths;
pub mod folder_graph;
#[cfg(unix)]
pub mod forked;
pub mod http_client;
pub mod http_server;
pub mod log;
pub mod own_process;
pub mod proxy;
pub mod raw_server;
pub mod source_files;
pub mod system;
pub mod tls_client;
pub mod token_source;
#[cfg(unix)]
pub mod users;
pub mod virtual_time;
pub mod wait;
