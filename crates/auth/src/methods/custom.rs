//! `custom`: a token source of the program's own.
//!
//! For tokens from a place that this library does not know: a vault, a broker, a test. The source fetches a token, and
//! the library keeps it fresh. Variables: none. Errors: those of the source.

use std::fmt;

use super::sealed::Sealed;
use super::{Provider, TokenSource};
use crate::sync::Arc;
use crate::system::{BoxFuture, System};
use crate::token::Token;
use crate::{Error, Method};

/// A [`TokenSource`] as a method: for [`Credentials`](crate::Credentials), or for a slot of
/// [`Automatic`](crate::Automatic).
///
/// ```
/// use yandex_cloud_auth::testing::TestEnvironment;
/// use yandex_cloud_auth::{Automatic, CustomAuth, Method, System, Token};
///
/// let vault = CustomAuth::from_fn(|| async { Token::new("t1.fake.token-from-a-vault") });
/// let selection = Automatic::new().replace("metadata", vault)?;
/// let credentials = selection.with_system(System::real().with_environment(TestEnvironment::empty())).build();
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token-from-a-vault");
/// assert_eq!(credentials.method(), Some(Method::Custom));
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct CustomAuth(Arc<dyn TokenSource>);

impl CustomAuth {
    /// A token source.
    #[must_use]
    pub fn new(source: impl TokenSource) -> Self {
        Self(Arc::new(source))
    }

    /// An async function that fetches a token, under the rules of [`TokenSource::fetch`].
    #[must_use]
    pub fn from_fn<F, Fetched>(fetch: F) -> Self
    where
        F: Fn() -> Fetched + Send + Sync + 'static,
        Fetched: Future<Output = Result<Token, Error>> + Send + 'static,
    {
        Self::new(FnSource(fetch))
    }
}

impl fmt::Debug for CustomAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CustomAuth").finish_non_exhaustive()
    }
}

impl Sealed for CustomAuth {
    fn method(&self) -> Method {
        Method::Custom
    }

    fn location(&self, _system: &System) -> String {
        "token source of the program".to_owned()
    }

    fn provider(&self, _system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::clone(&self.0)))
    }

    fn provider_without_io(&self, system: &System) -> Option<Provider> {
        self.provider(system).ok()
    }
}

/// A function as a token source.
struct FnSource<F>(F);

impl<F, Fetched> TokenSource for FnSource<F>
where
    F: Fn() -> Fetched + Send + Sync + 'static,
    Fetched: Future<Output = Result<Token, Error>> + Send + 'static,
{
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin((self.0)())
    }
}
