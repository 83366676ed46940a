//! What every method can do for selection and credentials: sealed, so that it can grow.

use std::sync::Arc;

use super::{Identity, Method, TokenSource};
use crate::refresh::handed::Slot;
use crate::secret::Secret;
use crate::system::{BoxFuture, Now, System};
use crate::token::Token;
use crate::{Error, ErrorKind};

/// What a method gives.
#[derive(Clone)]
pub enum Supply {
    /// No header.
    Nothing,
    /// A key that does not end.
    Key(Secret),
    /// A token that nobody renews, first seen at a moment.
    Given(Secret, Now),
    /// The name of a variable that is read for every request.
    Variable(String),
    /// Tokens that are handed over, one after another; the newest is read for every request.
    Handed(Arc<Slot>),
    /// Tokens, for the asking.
    Source(Arc<dyn TokenSource>),
}

/// What a slot of automatic selection finds.
pub enum Look {
    /// Nothing here; the next slot is looked at.
    Absent(String),
    /// Nobody answered in time: taken for nothing, though somebody may yet be there.
    Silent(String),
    /// Something is here, and it does not work: the selection ends.
    Broken(Error),
    /// This is it; with the first token, where finding out meant fetching one.
    Found { supply: Supply, first: Option<(Token, Now)>, reason: String },
}

/// A method, from the inside.
pub trait Sealed: Send + Sync + 'static {
    /// Which method it is.
    fn method(&self) -> Method;

    /// Where its value comes from, for people: a variable, an address, a program.
    fn place(&self, system: &System) -> String;

    /// The same for a slot that is not tried: without a look at files, which may be on a server that is down.
    fn place_unseen(&self, system: &System) -> String {
        self.place(system)
    }

    /// What it gives, by what the machine says now.
    ///
    /// # Errors
    /// `NotConfigured` where there is nothing, anything else where there is something that does not work.
    fn supply(&self, system: &System) -> Result<Supply, Error>;

    /// What it gives where that needs no look at the machine.
    fn supply_at_once(&self, system: &System) -> Option<Supply> {
        let _ = system;
        None
    }

    /// The same method with the credentials that it holds put on this machine too; `None` where it holds none.
    fn on(&self, system: &System) -> Option<Arc<dyn Sealed>> {
        let _ = system;
        None
    }

    /// How it was come by where somebody named it, for the report: with what is to be said against it.
    fn given_as<'a>(&'a self, system: &'a System) -> BoxFuture<'a, String> {
        let _ = system;
        Box::pin(async { "given".to_owned() })
    }

    /// What it can tell of whom it stands for. Runs where fetches run, and is bounded like one.
    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        let _ = system;
        let remark = match self.method() {
            Method::ApiKey => "an API key does not say whose it is",
            Method::None => "nobody: requests go without credentials",
            _ => "an IAM token does not say whose it is",
        };
        Box::pin(async move { Identity::of(self.method()).remark(remark) })
    }

    /// What it finds as a slot of automatic selection.
    fn look<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Look> {
        Box::pin(async {
            match self.supply(system) {
                Ok(supply) => Look::Found { supply, first: None, reason: "set".to_owned() },
                Err(error) if error.kind() == ErrorKind::NotConfigured => Look::Absent("not set".to_owned()),
                Err(error) => Look::Broken(error),
            }
        })
    }
}
