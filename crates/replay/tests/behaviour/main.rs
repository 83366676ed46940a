//! The replay of recordings, over real sockets.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

mod architecture;
mod replay;
