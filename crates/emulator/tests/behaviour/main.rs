//! The behaviour of the emulator over real sockets: one module for each behaviour.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod common;

mod access;
mod ai;
mod architecture;
mod bad_input;
mod control;
mod discovery;
mod embeddings;
mod faults;
mod federation;
mod iam;
mod impersonation;
mod jwt;
mod lifecycle;
mod metadata;
mod native;
mod operations;
mod responses;
mod service_account_keys;
mod tls;
mod userinfo;
