//! The command as scripts see it: its output, its error output, its exit status.
//!
//! Each test runs the binary with its own environment and its own emulator, and connects only to loopback.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod architecture;
mod audience;
mod auth;
mod check;
mod demo;
mod doctor;
mod emulator;
mod emulator_command;
mod emulator_files;
mod endpoints;
mod env;
mod exec;
mod exec_postgres;
mod failures;
mod hooks;
mod identity;
mod limits;
#[cfg(target_os = "linux")]
mod memory;
mod messages;
mod metadata;
mod methods;
mod oauth;
mod output;
mod pages;
mod pages_ru;
mod pinned_and_unused;
mod progress;
mod prompt;
mod proxies;
mod readme;
mod recognized_values;
mod repeats;
mod run;
mod serve;
mod serve_check;
mod serve_gateway;
mod serve_sds;
mod setup;
mod shared_cache;
mod statuses;
mod token_and_header;
mod value_files;
mod yc;
