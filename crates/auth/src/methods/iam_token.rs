//! `iam-token`: an IAM token that another program fetched.
//!
//! For scripts and jobs shorter than the life of a token, which is 12 h at most: the token is not renewed. The token
//! does not contain its expiry, so it is sent until a server refuses it, for at most 12 h after it was read.
//!
//! Variable: `YC_IAM_TOKEN`, read once. Errors: `Invalid` for a value that is not an IAM token, `NotConfigured` if
//! the variable is not set, `Expired` after 12 h.

use super::sealed::Sealed;
use super::{Method, Provider, Value, read_iam_token};
use crate::Error;
use crate::log::log;
use crate::recognize::{self, IamToken, is_whole_iam_token};
use crate::system::System;

/// A given IAM token, sent unchanged.
///
/// ```
/// use yandex_cloud_auth::{Credentials, IamTokenAuth};
/// let credentials = Credentials::from(IamTokenAuth::new("t1.fake.token")?);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "IAMTokenAuth")]
pub struct IamTokenAuth {
    value: Value,
    /// The warning about the given token.
    warning: Option<&'static str>,
}

impl IamTokenAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_IAM_TOKEN";

    /// A given token, without white space and quotes around it. A token that does not begin with `t`, a digit and a dot
    /// is accepted with a warning if it has at least 32 characters and is nothing else: the format may change.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value is something else, such as an API key. The error
    /// does not show the value.
    pub fn new(token: impl AsRef<str>) -> Result<Self, Error> {
        let token = recognize::iam_token(token.as_ref()).map_err(|error| error.of(Method::IamToken))?;
        Ok(Self::recognized(token))
    }

    /// A given token that was recognized.
    pub(crate) fn recognized(token: IamToken) -> Self {
        let warning = token.warning();
        let secret = token.into_secret();
        // The format may change, and a change alters the prefix (docs, "IAM token"): this is a warning, not an error.
        if warning.is_none() && !is_whole_iam_token(secret.expose()) {
            log(|| {
                tracing::warn!("an IAM token does not have the documented shape; the token may be truncated");
            });
        }
        Self { value: Value::Given(secret), warning }
    }

    /// The token in `YC_IAM_TOKEN`. The variable is read once, at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self { value: Value::Variable(Self::VARIABLE.to_owned()), warning: None }
    }
}

impl Sealed for IamTokenAuth {
    fn method(&self) -> Method {
        Method::IamToken
    }

    fn location(&self, _system: &System) -> String {
        self.value.location()
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        let secret = match &self.value {
            Value::Given(secret) => secret.clone(),
            Value::Variable(name) => read_iam_token(system, name)?.into_secret(),
        };
        Ok(Provider::Static(secret, system.clock().now()))
    }

    fn warning(&self, system: &System) -> Option<&'static str> {
        match &self.value {
            Value::Given(_) => self.warning,
            Value::Variable(name) => read_iam_token(system, name).ok()?.warning(),
        }
    }

    fn provider_without_io(&self, system: &System) -> Option<Provider> {
        match &self.value {
            Value::Given(secret) => Some(Provider::Static(secret.clone(), system.clock().now())),
            Value::Variable(_) => None,
        }
    }
}
