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
mod ephemeral_keys;
mod errors;
mod faults;
mod federation;
mod grpc_compression;
mod iam;
mod impersonation;
mod jwt;
mod lifecycle;
mod limits;
mod metadata;
mod metadata_tree;
mod metadata_wait;
mod native;
mod operations;
mod response_inputs;
mod responses;
mod service_account_keys;
mod tls;
mod userinfo;
