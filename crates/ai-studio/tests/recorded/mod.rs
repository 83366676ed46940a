//! What it takes to send a recording again: which call a path is, and the session around the calls.

pub(crate) mod call;
pub(crate) mod session;
