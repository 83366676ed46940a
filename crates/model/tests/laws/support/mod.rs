//! What all models share.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

pub(crate) mod activity;
pub(crate) mod bounded;
pub(crate) mod explore;
pub(crate) mod source;
pub(crate) mod store;
pub(crate) mod tasks;
pub(crate) mod time;
pub(crate) mod world;
