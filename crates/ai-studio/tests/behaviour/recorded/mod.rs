//! Helpers that replay a recording.

pub(crate) mod accessors;
pub(crate) mod call;
pub(crate) mod response;
pub(crate) mod session;
