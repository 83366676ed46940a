//! Keeps a token fresh: what to do when ([`policy`]), who does it once for all ([`cache`]), how callers wait
//! ([`flight`]), what they get ([`ready`]), and what nobody
//! gets any more ([`revoked`]).

pub(crate) mod cache;
pub(crate) mod cached_header;
pub(crate) mod flight;
pub(crate) mod notifier;
pub(crate) mod pushed_token;
pub(crate) mod revoked;
pub(crate) mod schedule;
mod throttle;
pub(crate) mod variable;
