//! What the tests of several crates share. A helper hides preparation, never an assertion.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "so a test fails")]

pub mod http_client;
