//! The identity behind a token, as far as the method knows it.

use std::time::SystemTime;

use super::Method;

/// The identity behind credentials, as far as the method knows it. Holds no secret.
///
/// IAM tokens and API keys are opaque: only Yandex Cloud can read the identity from them. So the identity comes from
/// other sources: the key file, the configuration, the metadata service.
///
/// ```
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials, HeaderOptions, Method};
///
/// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake")?);
/// let identity = credentials.blocking().identity(HeaderOptions::new())?;
/// assert_eq!((identity.method, identity.subject_id), (Method::ApiKey, None));
/// assert_eq!(identity.remarks, ["the owner of an API key cannot be determined"]);
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The method.
    pub method: Method,
    /// The id of the service account or the user.
    pub subject_id: Option<String>,
    /// The id of the key that proves the identity.
    pub key_id: Option<String>,
    /// The folder of the machine or of the profile.
    pub folder_id: Option<String>,
    /// The cloud of that folder.
    pub cloud_id: Option<String>,
    /// The expiry of the current token, as its issuer gives it.
    pub expires_at: Option<SystemTime>,
    /// The identity of the underlying credentials, for a service account that is impersonated.
    pub via: Option<Box<Identity>>,
    /// Fields whose source gave no answer: it could not be reached, was too slow, or failed. A later call may know more.
    /// A missing field that is not listed is one that the source does not have.
    pub unanswered: Vec<IdentityField>,
    /// Reasons for missing fields, and other remarks for people.
    pub remarks: Vec<String>,
}

/// A field of [`Identity`] that another service, a program or a file may have to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityField {
    /// [`Identity::subject_id`].
    Subject,
    /// [`Identity::folder_id`].
    Folder,
    /// [`Identity::cloud_id`].
    Cloud,
}

impl Identity {
    /// An identity with the method only.
    pub(crate) fn of(method: Method) -> Self {
        Self {
            method,
            subject_id: None,
            key_id: None,
            folder_id: None,
            cloud_id: None,
            expires_at: None,
            via: None,
            unanswered: Vec::new(),
            remarks: Vec::new(),
        }
    }

    pub(crate) fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }

    /// With the reason why the source of these fields gave no answer.
    pub(crate) fn without_answer(mut self, fields: &[IdentityField], reason: impl Into<String>) -> Self {
        self.unanswered.extend(fields);
        self.remark(reason)
    }
}
