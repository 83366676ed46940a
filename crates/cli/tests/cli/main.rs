//! The command as scripts see it: what it prints where, and what it exits with.
//!
//! Each test runs the binary with an environment of its own, against an emulator of its own; nothing is spoken to
//! but loopback.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod answers;
mod auth;
mod demo;
mod doctor;
mod emulator;
mod identity;
mod metadata;
mod methods;
mod oauth;
mod output;
mod pages;
mod readme;
mod run;
mod statuses;
mod yc;
