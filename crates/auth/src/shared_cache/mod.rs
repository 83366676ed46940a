//! The shared cache: one token for all processes of a user on one machine, and one request to IAM at a time.
//!
//! An entry is sealed with a key that is derived from the credential that made its token, so a copied file is worth
//! nothing without the credential. A stale token is used at once, and one process renews it. A cache that cannot be used
//! never fails a call: the call fetches as it would without a cache.

mod entry;
mod failure;
mod identity;
mod listing;
mod protocol;
mod seal;

pub(crate) use self::entry::NewEntry;
pub(crate) use self::identity::CacheIdentity;
pub(crate) use self::listing::remove_token;
pub use self::listing::{CacheEntry, clear, entries};
pub(crate) use self::protocol::{Call, Limits, Lookup, Wanted};
