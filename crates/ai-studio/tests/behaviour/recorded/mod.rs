//! Helpers that replay a recording.

pub(crate) mod call;
pub(crate) mod means;
pub(crate) mod session;
pub(crate) mod told;
