//! Which method: by the order of the slots, by the slot that the environment pins, or by the shape of a bare string.

pub(crate) mod automatic;
pub(crate) mod pinned;
pub(crate) mod string;

pub use self::automatic::Automatic;

use crate::methods::Provider;
use crate::methods::sealed::Sealed;
use crate::report::Report;
use crate::sync::Arc;
use crate::system::Now;
use crate::token::Token;

/// The selected method, with what detection found.
pub(crate) struct Selection {
    pub(crate) method: Arc<dyn Sealed>,
    pub(crate) provider: Provider,
    /// The token that detection fetched, and when that fetch began.
    pub(crate) first: Option<(Token, Now)>,
    pub(crate) report: Report,
}
