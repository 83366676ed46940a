//! Keeps a token fresh.
//!
//! | file | what it has |
//! |---|---|
//! | [`cache`] | the ready path, and the wait for a header |
//! | [`refresher`] | one fetch at a time, and what becomes of its result |
//! | [`fetch`] | what the engine needs of the method |
//! | [`flight`] | the fetch that is under way, and the callers that wait for it |
//! | [`accept`] | from a fetched token to the header that is cached |
//! | [`entry`] | what the engine logs |
//! | [`schedule`] | when a token is refreshed, and until when it may be sent |
//! | [`failures`] | how long failures and refusals are remembered |
//! | [`atomic_moment`] | a moment that the ready path reads without a lock |
//! | [`cached_header`] | the header, made once and handed out many times |
//! | [`thread_copies`] | the headers that a thread keeps for itself |
//! | [`live_header`] | the header of a token that is read for every request |
//! | [`revoked`] | the tokens that this process has revoked and no longer sends |

mod accept;
mod atomic_moment;
mod attempt;
pub(crate) mod cache;
pub(crate) mod cached_header;
mod entry;
mod failures;
pub(crate) mod fetch;
mod flight;
pub(crate) mod live_header;
mod refresher;
pub(crate) mod revoked;
pub(crate) mod schedule;
pub(crate) mod thread_copies;
