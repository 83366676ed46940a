//! Tests that need a process of their own, because they observe state of the whole process.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

#[path = "../behaviour/fixture/mod.rs"]
mod fixture;

#[cfg(unix)]
mod forks;
mod warnings;
