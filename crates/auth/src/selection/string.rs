//! What a bare string is: the rule of the SDK's `auth` parameter.
//!
//! Trimmed: `t`, a digit and a dot begin an IAM token; `y0_` to `y3_` an OAuth token; a JSON object is a service
//! account key; anything else is an API key. `none` is never meant by a string.

use crate::Error;
use crate::methods::{ApiKeyAuth, IamTokenAuth, OAuthTokenAuth};
use crate::secret::Shape;

/// A string, understood.
pub(crate) enum Meaning {
    ApiKey(ApiKeyAuth),
    IamToken(IamTokenAuth),
    OAuthToken(OAuthTokenAuth),
    #[cfg(feature = "service-account-key")]
    ServiceAccountKey(crate::methods::ServiceAccountKeyAuth),
}

/// Understands a string.
pub(crate) fn read(text: &str) -> Result<Meaning, Error> {
    let text = text.trim();
    if text.starts_with('{') {
        return key(text);
    }
    let meaning = match Shape::of(text) {
        Shape::IamToken => IamTokenAuth::new(text).map(Meaning::IamToken),
        Shape::OAuthToken => OAuthTokenAuth::new(text).map(Meaning::OAuthToken),
        Shape::Unknown => ApiKeyAuth::new(text).map(Meaning::ApiKey),
    };
    meaning.map_err(|error| error.at("auth"))
}

#[cfg(feature = "service-account-key")]
fn key(text: &str) -> Result<Meaning, Error> {
    let key = crate::methods::ServiceAccountKeyAuth::new(text);
    key.map(Meaning::ServiceAccountKey).map_err(|error| error.at("auth"))
}

#[cfg(not(feature = "service-account-key"))]
fn key(_text: &str) -> Result<Meaning, Error> {
    use crate::{ErrorKind, Method};
    Err(Error::new(
        ErrorKind::Invalid,
        "the string is a service account key, and this build has not the feature `service-account-key`",
    )
    .of(Method::ServiceAccountKey)
    .at("auth")
    .with_help("build yandex-cloud-auth with the feature `service-account-key`, or use an API key"))
}
