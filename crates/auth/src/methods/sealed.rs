//! What every method can do for selection and credentials. Sealed, so that it can grow.

use super::Identity;
use crate::secret::Secret;
use crate::source::{LiveToken, TokenSource};
use crate::sync::Arc;
use crate::system::{BoxFuture, Now, System};
use crate::token::Token;
use crate::{Error, ErrorKind, Method};

/// What a method provides.
#[derive(Clone)]
pub enum Provider {
    /// No header.
    Anonymous,
    /// An API key, which does not expire.
    ApiKey(Secret),
    /// A given token that is never renewed, and when it was first seen.
    Static(Secret, Now),
    /// A token that is read for every request.
    Live(Arc<dyn LiveToken>),
    /// Tokens that are fetched.
    Source(Arc<dyn TokenSource>),
}

/// What a slot of automatic selection finds.
pub enum Detection {
    /// Nothing is configured here; the next slot is tried.
    Absent(String),
    /// No connection. Counts as absent, but the report and the log say so. `machine` is what shows that this machine is
    /// one of Yandex Cloud's, which has a service.
    Unreachable { reason: String, machine: Option<&'static str> },
    /// Configured, but invalid: selection stops with this error.
    Invalid(Error),
    /// This method is selected; with the first token, if detection had to fetch one.
    Found { provider: Provider, first: Option<(Token, Now)>, reason: String },
}

impl Detection {
    /// The result of a detection that failed: `NotConfigured` means absent, any other error stops selection.
    pub(crate) fn failed(error: Error) -> Self {
        match error.kind() {
            ErrorKind::NotConfigured => {
                // A report names the variable in a column of its own: `not set` is enough there.
                let reason = error.reason();
                Self::Absent(reason.strip_prefix("the variable is ").unwrap_or(reason).to_owned())
            }
            _ => Self::Invalid(error),
        }
    }
}

/// A method, as selection and credentials use it.
pub trait Sealed: Send + Sync + 'static {
    /// Which method it is.
    fn method(&self) -> Method;

    /// Where its value comes from, for people: a variable, an address, a program. Looks at no file: a file may be on a
    /// server that does not respond.
    fn location(&self, system: &System) -> String;

    /// The same method with what it has to look for in the file system first, such as its program; `None` if it looks
    /// for nothing. The other functions are those of the located method.
    ///
    /// # Errors
    /// `NotConfigured` if nothing is found, any other kind if what is found cannot be used.
    fn locate<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Option<Arc<dyn Sealed>>, Error>> {
        Box::pin(async { Ok(None) })
    }

    /// What the method provides, according to what the system says now. Looks at no file.
    ///
    /// # Errors
    /// `NotConfigured` if nothing is configured, any other kind if what is configured does not work.
    fn provider(&self, system: &System) -> Result<Provider, Error>;

    /// What the method provides, if that is known without I/O.
    fn provider_without_io(&self, _system: &System) -> Option<Provider> {
        None
    }

    /// The same method, with the credentials that it holds moved to this system; `None` if it holds none.
    fn with_system(&self, _system: &System) -> Option<Arc<dyn Sealed>> {
        None
    }

    /// The warning about the value of the method, for the report. Known without I/O.
    fn warning(&self, _system: &System) -> Option<&'static str> {
        None
    }

    /// Why this method was chosen explicitly, for the report, including any warning.
    fn explicit_reason<'a>(&'a self, system: &'a System) -> BoxFuture<'a, String> {
        Box::pin(async { with_warning("given", self.warning(system)) })
    }

    /// What the method knows about its subject. Runs where fetches run, and is bounded like a fetch.
    fn identity<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Identity> {
        let remark = match self.method() {
            Method::ApiKey => "the owner of an API key cannot be determined",
            Method::None => "no identity: requests carry no credentials",
            _ => "the owner of an IAM token cannot be determined",
        };
        Box::pin(async move { Identity::of(self.method()).remark(remark) })
    }

    /// What the method finds as a slot of automatic selection.
    ///
    /// # Errors
    /// As [`Detection::failed`] reads an error: absent if nothing is configured, otherwise invalid.
    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(async {
            let reason = match self.method() {
                Method::Custom | Method::Function | Method::Impersonation => "given",
                _ => "set",
            };
            let provider = self.provider(system)?;
            Ok(Detection::Found { provider, first: None, reason: with_warning(reason, self.warning(system)) })
        })
    }
}

/// The method as it is used: with what it has found in the file system.
///
/// # Errors
/// As [`Sealed::locate`].
pub(crate) async fn located(method: &Arc<dyn Sealed>, system: &System) -> Result<Arc<dyn Sealed>, Error> {
    Ok(method.locate(system).await?.unwrap_or_else(|| Arc::clone(method)))
}

/// A reason of the report, with the warning after it.
pub(crate) fn with_warning(reason: &str, warning: Option<&str>) -> String {
    warning.map_or_else(|| reason.to_owned(), |warning| format!("{reason}; {warning}"))
}
