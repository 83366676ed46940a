//! The behaviour of the agent over real sockets and files: one module for each behaviour.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod common;

mod admin;
mod architecture;
mod bad_input;
mod drain;
#[cfg(unix)]
mod envoy;
mod facts;
mod gateway;
mod gateway_bench;
mod gateway_broken;
mod gateway_faults;
mod gateway_grpc;
mod gateway_heads;
mod gateway_models;
mod gateway_outage;
mod gateway_requests;
mod gateway_slow;
mod gateway_smuggling;
mod gateway_streams;
mod grpc_bench;
mod http2_frames;
mod kubernetes;
mod limits;
mod metadata;
mod metadata_wait;
mod oauth;
#[cfg(target_os = "linux")]
mod other_users;
mod outage;
mod page;
mod reload;
mod remote;
#[cfg(unix)]
mod sds;
#[cfg(unix)]
mod sds_bad_input;
#[cfg(unix)]
mod socket_probe;
mod sockets;
mod threats;
#[cfg(unix)]
mod token_file;
#[cfg(unix)]
mod unix_sockets;
