//! What every method can do for selection and credentials: sealed, so that it can grow.

use std::sync::Arc;

use super::{Identity, Method, TokenSource};
use crate::refresh::pushed_token::TokenCell;
use crate::secret::Secret;
use crate::system::{BoxFuture, Now, System};
use crate::token::Token;
use crate::{Error, ErrorKind};

/// What a method gives.
#[derive(Clone)]
pub enum Provider {
    /// No header.
    Anonymous,
    /// An API key, which does not expire.
    ApiKey(Secret),
    /// A given token that is never renewed, and when it was first seen.
    Static(Secret, Now),
    /// The name of an environment variable that is read for every request.
    Env(String),
    /// Tokens that the program pushes; the newest one is read for every request.
    Pushed(Arc<TokenCell>),
    /// Tokens that are fetched.
    Source(Arc<dyn TokenSource>),
}

/// What a slot of automatic selection finds.
pub enum Detection {
    /// Nothing is configured here; the next slot is tried.
    Absent(String),
    /// No answer in time. Counts as absent, but the report and the log say so.
    TimedOut(String),
    /// Configured, but invalid: selection stops with this error.
    Invalid(Error),
    /// This method is selected; with the first token, where detection had to fetch one.
    Found { provider: Provider, first: Option<(Token, Now)>, reason: String },
}

/// A method, from the inside.
pub trait Sealed: Send + Sync + 'static {
    /// Which method it is.
    fn method(&self) -> Method;

    /// Where its value comes from, for people: a variable, an address, a program.
    fn location(&self, system: &System) -> String;

    /// The same for a slot that is not tried: without a look at files, which may be on a server that is down.
    fn location_offline(&self, system: &System) -> String {
        self.location(system)
    }

    /// What it gives, by what the machine says now.
    ///
    /// # Errors
    /// `NotConfigured` where there is nothing, anything else where there is something that does not work.
    fn provider(&self, system: &System) -> Result<Provider, Error>;

    /// What it gives where that needs no look at the machine.
    fn provider_without_io(&self, system: &System) -> Option<Provider> {
        let _ = system;
        None
    }

    /// The same method with the credentials that it holds put on this machine too; `None` where it holds none.
    fn with_system(&self, system: &System) -> Option<Arc<dyn Sealed>> {
        let _ = system;
        None
    }

    /// How it was come by where somebody named it, for the report: with what is to be said against it.
    fn explicit_reason<'a>(&'a self, system: &'a System) -> BoxFuture<'a, String> {
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
    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Detection> {
        Box::pin(async {
            match self.provider(system) {
                Ok(provider) => Detection::Found { provider, first: None, reason: "set".to_owned() },
                Err(error) if error.kind() == ErrorKind::NotConfigured => {
                    Detection::Absent("not set".to_owned())
                }
                Err(error) => Detection::Invalid(error),
            }
        })
    }
}
