//! Keeps a token fresh: what to do when ([`policy`]), who does it once for all ([`cache`]), how callers wait
//! ([`flight`]), what they get ([`ready`]), and what nobody
//! gets any more ([`revoked`]).

pub(crate) mod cache;
pub(crate) mod changes;
pub(crate) mod flight;
pub(crate) mod handed;
mod pace;
pub(crate) mod policy;
pub(crate) mod ready;
pub(crate) mod revoked;
pub(crate) mod variable;
