//! `env-iam-token`: an IAM token in a variable that the environment keeps fresh.
//!
//! For DataSphere, which renews `YC_TOKEN` in the running process. The variable is read for every request; the header is
//! made again only when the value has changed.
//!
//! Variable: `YC_TOKEN`, or another name. Errors: `NotConfigured` if the variable is unset or empty, `Invalid` if the value
//! is something else (an OAuth token, as Terraform allows). The error comes at once; the last value is not sent instead.

use std::fmt;

use super::sealed::Sealed;
use super::{Method, Provider, read_iam_token, shown_name};
use crate::Error;
use crate::system::System;

/// An IAM token in a variable that is read for every request.
///
/// ```
/// use yandex_cloud_auth::testing::TestEnvironment;
/// use yandex_cloud_auth::{Credentials, EnvIamTokenAuth, System};
///
/// let environment = TestEnvironment::new([("YC_TOKEN", "t1.fake.first")]);
/// let system = System::real().with_environment(environment.clone());
/// let credentials = Credentials::from(EnvIamTokenAuth::new()).with_system(system);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.first");
/// environment.set("YC_TOKEN", "t1.fake.second");
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.second");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone)]
#[doc(alias = "EnvIAMTokenAuth")]
pub struct EnvIamTokenAuth {
    variable: String,
}

impl EnvIamTokenAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_TOKEN";

    /// The token in `YC_TOKEN`.
    #[must_use]
    pub fn new() -> Self {
        Self::variable(Self::VARIABLE)
    }

    /// The token in a variable of another name: letters, digits and `_`, no digit first. Any other text is
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) at the first call. The error does not show the text: it may be a
    /// token, given by mistake.
    #[must_use]
    pub fn variable(name: impl Into<String>) -> Self {
        Self { variable: name.into() }
    }
}

impl Default for EnvIamTokenAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EnvIamTokenAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EnvIamTokenAuth").field("variable", &shown_name(&self.variable)).finish()
    }
}

impl Sealed for EnvIamTokenAuth {
    fn method(&self) -> Method {
        Method::EnvIamToken
    }

    fn location(&self, _system: &System) -> String {
        shown_name(&self.variable)
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        read_iam_token(system, &self.variable)?;
        Ok(Provider::Env(self.variable.clone()))
    }

    fn provider_without_io(&self, _system: &System) -> Option<Provider> {
        Some(Provider::Env(self.variable.clone()))
    }
}
