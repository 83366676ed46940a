//! Which method: by the order of the slots, or by what a bare string is; and the report that says why.

pub(crate) mod automatic;
mod report;
mod string;

pub use self::automatic::Automatic;
pub(crate) use self::automatic::notes;
pub use self::report::{Attempt, Outcome, Report};
pub(crate) use self::string::{Meaning, read};

use std::sync::Arc;

use crate::methods::Provider;
use crate::methods::sealed::Sealed;
use crate::system::Now;
use crate::token::Token;

/// A choice, with what was learned on the way.
pub(crate) struct Selection {
    pub(crate) method: Arc<dyn Sealed>,
    pub(crate) provider: Provider,
    /// The token that finding out has fetched, and when it was asked for.
    pub(crate) first: Option<(Token, Now)>,
    pub(crate) report: Report,
}
