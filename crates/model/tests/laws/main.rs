//! The laws of the refresh engine, as assertions over its real sources under many schedules. See `support/explore.rs`
//! for the ways to run them.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod expiry;
mod last_drop;
mod one_fetch;
mod refusal;
mod revocation;
mod subscribers;
mod support;
mod usable;
