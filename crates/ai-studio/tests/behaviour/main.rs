//! The behaviour of the SDK through its public interface: one module for each behaviour.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod fixture;
mod recorded;

mod architecture;
mod blocking;
mod builder;
mod channel;
mod chat;
mod deadlines;
mod destinations;
mod emulator;
mod endpoints;
mod errors;
mod examples;
mod faults;
mod folder;
mod native;
mod proxies;
mod recordings;
mod responses;
mod retries;
mod streams;
mod troubleshooting;
mod wire;
mod wire_round_trip;
