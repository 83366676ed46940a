//! Whom a token stands for, as far as its method can tell.

use std::time::SystemTime;

use super::Method;

/// Whom credentials stand for: what their method can tell beside the token. Holds no secret.
///
/// IAM tokens and API keys are opaque: nobody but Yandex Cloud reads from them whose they are. What is known comes from
/// beside them: the key file, the configuration, the metadata service.
///
/// ```
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials, HeaderOptions, Method};
///
/// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake")?);
/// let identity = credentials.blocking().identity(HeaderOptions::new())?;
/// assert_eq!((identity.method, identity.subject_id), (Method::ApiKey, None));
/// assert_eq!(identity.remarks, ["an API key does not say whose it is"]);
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The method.
    pub method: Method,
    /// The id of the service account or the user.
    pub subject_id: Option<String>,
    /// The id of the key that proves it.
    pub key_id: Option<String>,
    /// The folder that goes with it: that of the machine, or of the profile.
    pub folder_id: Option<String>,
    /// The cloud that the folder is in.
    pub cloud_id: Option<String>,
    /// When the token at hand ends, in the words of its issuer.
    pub expires_at: Option<SystemTime>,
    /// The identity of the underlying credentials, for a service account that is impersonated.
    pub via: Option<Box<Identity>>,
    /// Why something is not known, and what else a person should know.
    pub remarks: Vec<String>,
}

impl Identity {
    /// Nothing known but the method.
    pub(crate) fn of(method: Method) -> Self {
        Self {
            method,
            subject_id: None,
            key_id: None,
            folder_id: None,
            cloud_id: None,
            expires_at: None,
            via: None,
            remarks: Vec::new(),
        }
    }

    pub(crate) fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }
}
