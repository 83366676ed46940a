//! `env-iam-token`: an IAM token in a variable that the environment keeps fresh.
//!
//! For DataSphere, which renews `YC_TOKEN` in the running process. The variable is read for every request; the header
//! is built again only if the value has changed.
//!
//! Variable: `YC_TOKEN`, or another name. Errors: `NotConfigured` if the variable is unset or empty, `Invalid` if the
//! value is something else (an OAuth token, as Terraform allows). The error is returned at once; the last value is not
//! sent instead.

use std::fmt;

use arc_swap::ArcSwapOption;
use zeroize::Zeroizing;

use super::sealed::Sealed;
use super::{Method, Provider, read_iam_token, shown_name};
use crate::Error;
use crate::source::{LiveToken, LiveValue, Validity};
use crate::sync::{Arc, Mutex, lock};
use crate::system::System;
use crate::token::{Life, Token};

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
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) at the first call. The error does not show the text: it may be
    /// a token, given by mistake.
    #[must_use]
    pub fn variable(name: impl Into<String>) -> Self {
        Self { variable: name.into() }
    }

    fn live(&self) -> Provider {
        Provider::Live(Arc::new(VariableToken {
            variable: self.variable.clone(),
            last: ArcSwapOption::empty(),
            update: Mutex::new(()),
        }))
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
        Ok(self.live())
    }

    fn provider_without_io(&self, _system: &System) -> Option<Provider> {
        Some(self.live())
    }

    fn warning(&self, system: &System) -> Option<&'static str> {
        read_iam_token(system, &self.variable).ok()?.warning()
    }
}

/// The token in a variable. The token is sent while the variable holds it, and never after that.
struct VariableToken {
    variable: String,
    last: ArcSwapOption<Last>,
    /// Held while a changed value is stored, so each value gets one generation.
    update: Mutex<()>,
}

/// The last token, and the text that it was read from. An unchanged text is not recognized again.
struct Last {
    text: Zeroizing<String>,
    value: Arc<LiveValue>,
}

impl LiveToken for VariableToken {
    fn read(&self, system: &System) -> Result<Arc<LiveValue>, Error> {
        let raw = system.environment().variable(&self.variable);
        let value = raw.and_then(|raw| raw.into_string().ok()).map(Zeroizing::new);
        let value = value.as_ref().map_or("", |value| value.trim());
        let is_same = |last: &Last| !value.is_empty() && *last.text == value;
        if let Some(last) = self.last.load().as_deref().filter(|last| is_same(last)) {
            return Ok(Arc::clone(&last.value));
        }
        // Read again under the lock: another thread may have stored this value, and each value has one generation.
        let _update = lock(&self.update);
        let last = self.last.load_full();
        if let Some(last) = last.as_deref().filter(|last| is_same(last)) {
            return Ok(Arc::clone(&last.value));
        }
        let text = Zeroizing::new(value.to_owned());
        let secret = read_iam_token(system, &self.variable)?.into_secret();
        let value = match &last {
            // The same token in other quotes.
            Some(last) if last.value.token.secret == secret => Arc::clone(&last.value),
            _ => {
                let generation = last.as_ref().map_or(1, |last| last.value.generation + 1);
                let token = Token { secret, life: Life::Unknown };
                Arc::new(LiveValue { token, generation, validity: Validity::WhileRead })
            }
        };
        self.last.store(Some(Arc::new(Last { text, value: Arc::clone(&value) })));
        Ok(value)
    }
}
