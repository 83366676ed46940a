//! The laws of the refresh engine, as assertions over its real sources under many schedules. See `support/explore.rs`
//! for the ways to run them.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod deadlines;
mod expiry;
mod forks;
mod last_drop;
mod lock_files;
mod one_fetch;
mod pauses;
mod refusal;
mod revocation;
mod shared_cache;
mod shared_value;
mod subscribers;
mod support;
mod usable;
