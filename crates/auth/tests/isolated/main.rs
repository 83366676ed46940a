//! Tests that need a process of their own, because what they look at belongs to the whole process.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

#[path = "../behaviour/common/mod.rs"]
mod common;
#[path = "../../../../tests/shared/own_process.rs"]
mod own_process;
#[path = "../behaviour/support/mod.rs"]
mod support;

mod blocking_client;
mod oauth_warning;
mod quiet;
mod reentrance_log;
