//! Tests that need a process of their own, because they observe state of the whole process.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

#[path = "../behaviour/support/mod.rs"]
mod support;

mod blocking_client;
#[cfg(unix)]
mod cache_locks;
#[cfg(unix)]
mod forks;
#[cfg(target_os = "linux")]
mod limits;
mod log_subscriber;
#[cfg(target_os = "linux")]
mod memory;
mod oauth_warning;
mod quiet;
mod reentrance_log;
#[cfg(unix)]
mod standard_input;
#[cfg(target_os = "linux")]
mod thread_copies;
