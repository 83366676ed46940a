//! The behaviour of the agent over real sockets and files: one module for each behaviour.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod common;

mod admin;
mod architecture;
mod bad_input;
mod drain;
mod metadata;
mod oauth;
mod outage;
mod reload;
#[cfg(unix)]
mod token_file;
