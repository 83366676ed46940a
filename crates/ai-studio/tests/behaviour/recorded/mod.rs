//! What it takes to send a recording again.

pub(crate) mod call;
pub(crate) mod means;
pub(crate) mod session;
pub(crate) mod told;
