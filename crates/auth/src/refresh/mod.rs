//! Keeps a token fresh: what to do when ([`policy`]), who does it once for all ([`cache`]), how callers wait
//! ([`flight`]), and what they get ([`ready`]).

pub(crate) mod cache;
pub(crate) mod changes;
pub(crate) mod flight;
mod pace;
pub(crate) mod policy;
pub(crate) mod ready;
pub(crate) mod variable;
